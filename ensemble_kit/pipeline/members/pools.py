"""What members are evaluated on: the evaluation set, and what is weighed there.

On val, where all members have it, each is weighed by itself. Where one has none, all are evaluated on
the training images that they held out, and what is weighed is families: see `out_of_fold`. Whoever
evaluates several members asks here, whoever evaluates one asks `member_on`; `splits.evaluation_split` alone
decides which of the two it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensemble_kit.ensembling.tuning import ViewChoice
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.pipeline.members.cost import costs_of
from ensemble_kit.pipeline.members.cv_families import Family, costs_of_families, families_of
from ensemble_kit.pipeline.members.out_of_fold import choices_of, gathered, oof_pool
from ensemble_kit.pipeline.models import check_view_choice
from ensemble_kit.splits import OOF, VAL, evaluation_split
from ensemble_kit.storage.members import Manifest, Member
from ensemble_kit.types import Pool, Predictions, Tuned, align


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An evaluation set, and what members say of it.

    split: val, or oof.
    pool: with all classes and labels; its members are those that are weighed: members, or families.
    chosen: how the views of its members are weighed; redone: how that is chosen anew inside a fold.
    manifests: of the members themselves.
    families: the members of each family; empty on val.
    """

    split: str
    pool: Pool
    chosen: Sequence[ViewChoice]
    redone: Sequence[ViewChoice]
    manifests: Sequence[Manifest]
    families: tuple[Family, ...] = ()

    def of(self, members: Sequence[str]) -> "Evaluation":
        """Return the same of some members alone, on the same images.

        Raises:
            InvalidOptionError: they are a part of a family, which was not asked of all images.
        """
        names = [manifest.name for manifest in self.manifests]
        rows = [names.index(name) for name in members]
        families = tuple(family for family in self.families if set(family.places) & set(rows))
        torn = [family for family in families if not set(family.places) <= set(rows)]
        if torn:
            raise InvalidOptionError(
                f"{', '.join(map(repr, members))}: of the images that family '{torn[0].name}' held out they saw some "
                f"in training. Name the family: {torn[0].name}."
            )
        weighed = [self.families.index(family) for family in families] or rows
        return Evaluation(
            self.split,
            _only(self.pool, weighed),
            [self.chosen[place] for place in weighed],
            [self.redone[place] for place in weighed],
            [self.manifests[row] for row in rows],
            tuple(Family(one.name, tuple(rows.index(place) for place in one.places)) for one in families),
        )

    def here(self, tuned: Tuned) -> Tuned:
        """Return the numbers of members as those of what is weighed here."""
        return gathered(tuned, self.families, self.pool.views) if self.families else tuned


def _only(pool: Pool, places: Sequence[int]) -> Pool:
    """Return the pool of some of its members, on the same images."""
    return replace(
        pool,
        members=tuple(pool.members[place] for place in places),
        views=tuple(pool.views[place] for place in places),
        logits=tuple(pool.logits[place] for place in places),
    )


def evaluation_of(held: Sequence[Member]) -> Evaluation:
    """Return what these members are evaluated on.

    Raises:
        BadDataError: the images have no labels.
        InvalidOptionError: a member has neither val nor `oof` logits, or a family lacks a fold.
        MisalignedError: members of other images, classes or labels.
    """
    manifests = [member.manifest for member in held]
    if evaluation_split(*(manifest.files for manifest in manifests)) == OOF:
        families = families_of(manifests)
        choices = choices_of(families, manifests)
        return Evaluation(OOF, oof_pool(families, held, choices), choices, choices, manifests, families)
    pool = align([member.split(VAL) for member in held])
    if pool.labels is None:
        raise BadDataError(
            f"{', '.join(map(repr, pool.members))}: no val labels, so nothing can be tuned or evaluated. Add them "
            "again with labels."
        )
    return Evaluation(VAL, pool, views_as_chosen(manifests), views_to_choose(manifests), manifests)


def evaluation_of_one(member: Member) -> Evaluation:
    """Return what one member is evaluated on: val, or the images that it held out, all or a fold of them.

    Raises:
        BadDataError: the images have no labels.
        InvalidOptionError: there are none.
    """
    said, manifests = member_on(member), [member.manifest]
    return Evaluation(said.split, align([said]), views_as_chosen(manifests), views_to_choose(manifests), manifests)


def member_on(member: Member, split: str | None = None) -> Predictions:
    """Return the labelled logits that one member is evaluated on.

    Args:
        split: what others are evaluated on, too; None: val where it has one, else oof.

    Raises:
        BadDataError: the images have no labels.
        InvalidOptionError: there are none.
    """
    said = member.split(split or evaluation_split(member.splits))
    if said.labels is None:
        raise BadDataError(f"Member '{said.member}' has no {said.split} labels. Add it again with them.")
    return said


def weighed(tune_on: str, manifests: Sequence[Manifest]) -> tuple[tuple[Family, ...], Mapping[str, float]]:
    """Return the families that are weighed where `oof` is tuned on, none on val, and what each, or each member, costs.

    Raises:
        InvalidOptionError: see `cv_families.families_of`.
    """
    families = families_of(manifests) if tune_on == OOF else ()
    return families, costs_of_families(families, manifests) if families else costs_of(manifests)


def views_as_chosen(manifests: Sequence[Manifest]) -> list[ViewChoice]:
    """Return the view weights that the members have."""
    return [np.array(manifest.view_weights) for manifest in manifests]


def views_to_choose(manifests: Sequence[Manifest]) -> list[ViewChoice]:
    """Return how the members' view weights are chosen, to be redone inside every fold.

    Raises:
        BadDataError: one was made elsewhere, in a way that this version does not know.
    """
    for manifest in manifests:
        check_view_choice(manifest)
    return [manifest.view_choice for manifest in manifests]
