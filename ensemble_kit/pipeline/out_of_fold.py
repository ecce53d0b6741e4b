"""What a family says of the pictures that its members held out, joined; and the way back to its members.

Every member of a family learnt without one fold of train, and its `oof` logits are of that fold.
Joined, they are what one network says of every training picture, never having seen it: weights and
temperatures are found on them, and val stays fresh to judge by. The blend is an ordinary one of
all members, each with its family's temperature and an equal part of its family's weight. On new
pictures K networks speak for a family where one spoke in tuning, so its probabilities come out a
little too modest. Never reads val.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from ensemble_kit.ensembling.ballots import merge_views
from ensemble_kit.errors import BadDataError, MisalignedError
from ensemble_kit.pipeline.families import Family
from ensemble_kit.pipeline.pictures import OOF
from ensemble_kit.storage.manifest import Manifest
from ensemble_kit.storage.members import Member
from ensemble_kit.types import MemberLogits, Pool, Predictions, Stack, Tuned, align

FamilyLogits = Float[np.ndarray, "families images classes"]

MERGED: Final = ("merged",)  # the one view of a family: a member's views count in it as they count in the member


def oof_pool(families: Sequence[Family], held: Sequence[Member]) -> Pool:
    """Return what the families say of the training pictures: a member a family, one view, labels.

    Raises:
        MisalignedError: folds of a family that overlap, or families of other pictures, labels or classes.
        BadDataError: there are no labels.
    """
    joined = [_joined(family, held) for family in families]
    for other in joined[1:]:
        _check_same_ids(joined[0], other, families, held)
    pool = align(joined)
    if pool.labels is None:
        raise BadDataError(
            "The held-out folds have no labels, so nothing can be tuned on them. Train the members again."
        )
    return pool


def spread(tuned: Tuned, families: Sequence[Family], manifests: Sequence[Manifest]) -> Tuned:
    """Return the numbers of families as those of their members.

    A member has its family's temperature and an equal part of its weight, or of its row of a stack.
    """
    count = len(manifests)
    temperatures, weights = np.ones(count), np.zeros(count)
    stack = tuned.stack
    coefficients = None if stack is None else np.zeros((count, *stack.coefficients.shape[1:]))
    for number, (_, places) in enumerate(families):
        rows = list(places)
        temperatures[rows] = tuned.temperatures[number]
        weights[rows] = tuned.weights[number] / len(rows)
        if stack is not None and coefficients is not None:
            coefficients[rows] = stack.coefficients[number] / len(rows)
    return replace(
        tuned,
        view_weights=tuple(np.array(manifest.view_weights) for manifest in manifests),
        temperatures=temperatures,
        weights=weights,
        stack=None if stack is None or coefficients is None else Stack(coefficients, stack.intercepts),
    )


def means_of(members: MemberLogits, families: Sequence[Family]) -> FamilyLogits:
    """Return the mean over the members of each family, of whatever they cast.

    Example:
        >>> ballots = np.array([[[1.0, 0.0]], [[0.0, 4.0]], [[3.0, 0.0]]])
        >>> means_of(ballots, [Family("cnn", (0, 2)), Family("vit", (1,))])
        array([[[2., 0.]],
        <BLANKLINE>
               [[0., 4.]]])
    """
    return np.stack([members[list(family.places)].mean(axis=0) for family in families])


def _joined(family: Family, held: Sequence[Member]) -> Predictions:
    """Return what a family says of train, each picture by the member that had not seen it.

    Raises:
        MisalignedError: a picture is in two folds, or the members differ in their classes.
    """
    members = [held[place] for place in family.places]
    parts = [member.split(OOF) for member in members]
    classes = parts[0].classes
    merged = [merge_views(member.split(OOF).logits, np.array(member.manifest.view_weights)) for member in members]
    owner: dict[str, str] = {}
    for part in parts:
        if part.classes != classes:
            raise MisalignedError(
                f"members '{parts[0].member}' and '{part.member}' of family '{family.name}' have other classes, or in "
                "another order. Train all folds on the same pictures."
            )
        for image_id in part.ids:
            if owner.setdefault(image_id, part.member) != part.member:
                raise MisalignedError(
                    f"members '{owner[image_id]}' and '{part.member}' of family '{family.name}' both held out "
                    f"{image_id!r}. Train all folds on the same pictures, with the same --split-seed."
                )
    labels = [part.labels for part in parts if part.labels is not None]
    groups = [part.groups for part in parts if part.groups is not None]
    return Predictions(
        member=family.name,
        split=OOF,
        views=MERGED,
        ids=tuple(owner),
        classes=classes,
        logits=np.concatenate(merged)[None],
        labels=np.concatenate(labels) if len(labels) == len(parts) else None,
        groups=tuple(group for part in groups for group in part) if len(groups) == len(parts) else None,
    )


def _check_same_ids(first: Predictions, other: Predictions, families: Sequence[Family], held: Sequence[Member]) -> None:
    """Raise unless two families held out the same pictures."""
    ours, theirs = set(first.ids), set(other.ids)
    if ours == theirs:
        return
    parts = [
        f"first that only {name!r} has: {min(ids)!r}"
        for name, ids in ((first.member, ours - theirs), (other.member, theirs - ours))
        if ids
    ]
    named = {
        family.name: ", ".join(held[place].manifest.name for place in family.places)
        for family in families
        if family.name in (first.member, other.member)
    }
    raise MisalignedError(
        f"family '{first.member}' ({named[first.member]}) held out {len(ours)} training pictures, '{other.member}' "
        f"({named[other.member]}) {len(theirs)}; {'; '.join(parts)}. Train both on the same pictures, with the same "
        "--val-fraction and --split-seed."
    )
