"""What a family says of the images that its members held out, joined; and the way back to its members.

Every member of a family learnt without one fold of train, and its `oof` logits are of that fold.
Joined, they are what one network says of every training image, never having seen it: weights and
temperatures are found on them, and val, where there is one, stays fresh for evaluation. The blend is an
ordinary one of all members, each with its family's temperature and an equal part of its family's
weight. On new images K networks speak for a family where one spoke in tuning, so its probabilities
come out a little too modest. Never reads val.

A family whose members have the same views, chosen alike, keeps them: they are chosen anew for the whole
family, so that this too can be redone inside folds. Any other comes with its members' views merged.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from ensemble_kit.ensembling.combining import merge_views
from ensemble_kit.ensembling.tuning import ViewChoice
from ensemble_kit.errors import BadDataError, MisalignedError
from ensemble_kit.pipeline.members.cv_families import Family
from ensemble_kit.splits import OOF
from ensemble_kit.storage.members import Manifest, Member
from ensemble_kit.types import MemberLogits, Pool, Predictions, Stack, Tuned, align

FamilyLogits = Float[np.ndarray, "families images classes"]

MERGED: Final = ("merged",)  # the one view of a family: a member's views count in it as they count in the member


def as_they_are(families: Sequence[Family]) -> list[ViewChoice]:
    """Return the choice of views for families whose members keep theirs: all merged."""
    return [np.ones(1) for _ in families]


def choices_of(families: Sequence[Family], manifests: Sequence[Manifest]) -> list[ViewChoice]:
    """Return how the views of each family are chosen on what it held out: as its members', where these are alike."""
    choices: list[ViewChoice] = []
    for family in families:
        first, *others = (manifests[place] for place in family.places)
        alike = all((one.views, one.view_choice) == (first.views, first.view_choice) for one in others)
        choices.append(first.view_choice if alike else np.ones(1))
    return choices


def oof_pool(families: Sequence[Family], held: Sequence[Member], choices: Sequence[ViewChoice]) -> Pool:
    """Return what the families say of the training images: a member a family, labels.

    Args:
        choices: of each family's views: a name leaves them apart, one weight stands for all of them merged.

    Raises:
        MisalignedError: folds of a family that overlap, or families of other images, labels or classes.
        BadDataError: there are no labels.
    """
    said = [joined(family, held, isinstance(how, str)) for family, how in zip(families, choices, strict=True)]
    for other in said[1:]:
        _check_same_ids(said[0], other, families, held)
    pool = align(said)
    if pool.labels is None:
        raise BadDataError(
            "The held-out folds have no labels, so nothing can be tuned on them. Train the members again."
        )
    return pool


def spread(
    tuned: Tuned, families: Sequence[Family], manifests: Sequence[Manifest], views: Sequence[tuple[str, ...]]
) -> Tuned:
    """Return the numbers of families as those of their members.

    A member has its family's temperature and an equal part of its weight, or of its row of a stack; and
    the family's view weights, or its own where its views were merged.

    Args:
        views: of each family.
    """
    count = len(manifests)
    view_weights = [np.array(manifest.view_weights) for manifest in manifests]
    temperatures, weights = np.ones(count), np.zeros(count)
    stack = tuned.stack
    coefficients = None if stack is None else np.zeros((count, *stack.coefficients.shape[1:]))
    for number, (_, places) in enumerate(families):
        rows = list(places)
        temperatures[rows] = tuned.temperatures[number]
        weights[rows] = tuned.weights[number] / len(rows)
        if views[number] != MERGED:
            view_weights = [tuned.view_weights[number] if row in rows else one for row, one in enumerate(view_weights)]
        if stack is not None and coefficients is not None:
            coefficients[rows] = stack.coefficients[number] / len(rows)
    return replace(
        tuned,
        view_weights=tuple(view_weights),
        temperatures=temperatures,
        weights=weights,
        stack=None if stack is None or coefficients is None else Stack(coefficients, stack.intercepts),
    )


def gathered(tuned: Tuned, families: Sequence[Family], views: Sequence[tuple[str, ...]]) -> Tuned:
    """Return the numbers of members as those of their families: the way back from `spread`."""
    firsts = [family.places[0] for family in families]
    stack = tuned.stack
    if stack is not None:
        rows = [stack.coefficients[list(family.places)].sum(axis=0) for family in families]
        stack = Stack(np.stack(rows), stack.intercepts)
    return replace(
        tuned,
        view_weights=tuple(
            np.ones(1) if own == MERGED else tuned.view_weights[first] for own, first in zip(views, firsts, strict=True)
        ),
        temperatures=tuned.temperatures[firsts],
        weights=np.array([tuned.weights[list(family.places)].sum() for family in families]),
        stack=stack,
    )


def means_of(members: MemberLogits, families: Sequence[Family]) -> FamilyLogits:
    """Return the mean over the members of each family, of whatever they cast.

    Example:
        >>> votes = np.array([[[1.0, 0.0]], [[0.0, 4.0]], [[3.0, 0.0]]])
        >>> means_of(votes, [Family("cnn", (0, 2)), Family("vit", (1,))])
        array([[[2., 0.]],
        <BLANKLINE>
               [[0., 4.]]])
    """
    return np.stack([members[list(family.places)].mean(axis=0) for family in families])


def joined(family: Family, held: Sequence[Member], apart: bool) -> Predictions:
    """Return what a family says of train, each image by the member that had not seen it.

    Args:
        apart: keep the views, which are the same for all its members, else merge them as each member does.

    Raises:
        MisalignedError: an image is in two folds, or the members differ in their classes.
    """
    members = [held[place] for place in family.places]
    parts = [member.split(OOF) for member in members]
    classes = parts[0].classes
    said = [np.asarray(part.logits) for part in parts]
    if not apart:
        weights = (np.array(member.manifest.view_weights) for member in members)
        said = [merge_views(*pair)[None] for pair in zip(said, weights, strict=True)]
    owner: dict[str, str] = {}
    for part in parts:
        if part.classes != classes:
            raise MisalignedError(
                f"members '{parts[0].member}' and '{part.member}' of family '{family.name}' have other classes, or in "
                "another order. Train all folds on the same images."
            )
        for image_id in part.ids:
            if owner.setdefault(image_id, part.member) != part.member:
                raise MisalignedError(
                    f"members '{owner[image_id]}' and '{part.member}' of family '{family.name}' both held out "
                    f"{image_id!r}. Train all folds on the same images, with the same --split-seed."
                )
    labels = [part.labels for part in parts if part.labels is not None]
    groups = [part.groups for part in parts if part.groups is not None]
    return Predictions(
        member=family.name,
        split=OOF,
        views=parts[0].views if apart else MERGED,
        ids=tuple(owner),
        classes=classes,
        logits=np.concatenate(said, axis=1),
        labels=np.concatenate(labels) if len(labels) == len(parts) else None,
        groups=tuple(group for part in groups for group in part) if len(groups) == len(parts) else None,
    )


def _check_same_ids(first: Predictions, other: Predictions, families: Sequence[Family], held: Sequence[Member]) -> None:
    """Raise unless two families held out the same images."""
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
        f"family '{first.member}' ({named[first.member]}) held out {len(ours)} training images, '{other.member}' "
        f"({named[other.member]}) {len(theirs)}; {'; '.join(parts)}. Train both on the same images, with the same "
        "--val-fraction and --split-seed, or bring scores of the same."
    )
