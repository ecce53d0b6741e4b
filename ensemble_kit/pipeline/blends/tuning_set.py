"""The tuning set and the evaluation set of a blend, and how settings become numbers there.

Where both are one set, everything is redone inside every fold of it (cross-fitting). Where the tuning set is
the out-of-fold rows of train and there is a val beside them, a blend is evaluated on val as it is: val decided
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from ensemble_kit.ensembling.evaluation import Procedure, Scored, cross_fit, evaluate, repeats_of
from ensemble_kit.ensembling.tuning import ViewChoice, condensed, prove, tune
from ensemble_kit.ensembling.weights import Certificate, check_enough_rows, enough_rows, weight_method
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.blends.settings import BlendSettings
from ensemble_kit.pipeline.members import Evaluation, Family, as_they_are, oof_pool, spread
from ensemble_kit.storage.members import Manifest, Member
from ensemble_kit.types import Pool, Tuned

PROOF_SHARE: Final = 0.2  # of the seconds of a proof, what each fold may spend


@dataclass(frozen=True, eq=False)
class BlendSets:
    """The tuning set and the evaluation set of a blend.

    pool: the tuning set; its members are those that are weighed: members, or families.
    chosen: how the views of its members are weighed; redone: how that is chosen anew inside a fold.
    evaluation: the evaluation set, as small as it can be tuned on.
    families: the members of each family; empty where members are weighed.
    """

    pool: Pool
    chosen: Sequence[ViewChoice]
    redone: Sequence[ViewChoice]
    evaluation: Evaluation
    families: tuple[Family, ...] = ()

    @property
    def evaluated(self) -> Pool:
        """What is said of the evaluation set: by the blend's members, or by the families that are weighed."""
        return self.evaluation.pool

    @property
    def manifests(self) -> Sequence[Manifest]:
        """Those of the blend's own members."""
        return self.evaluation.manifests

    @property
    def fresh(self) -> bool:
        """Whether the evaluation set decided nothing: tuned on oof, with a val beside it. Else both sets are one."""
        return self.pool is not self.evaluation.pool

    def whole(self, found: Tuned) -> Tuned:
        """Return numbers that were found here as those of the blend's own members."""
        return spread(found, self.families, self.manifests, self.pool.views) if self.families else found

    def there(self, found: Tuned) -> Tuned:
        """Return numbers that were found here as those of what is weighed on the evaluation set."""
        return self.evaluation.here(self.whole(found)) if self.fresh else found

    def evaluate(
        self, found: Mapping[str, Tuned], procedures: Mapping[str, Procedure]
    ) -> tuple[dict[str, Scored], dict[str, Scored]]:
        """Return how each does as it is, and honestly: the same where nothing was tuned there, else cross-fitted."""
        pool = self.evaluated
        seen = {name: evaluate(pool, self.there(one)) for name, one in found.items()}
        return seen, seen if self.fresh else cross_fit(pool, procedures, repeats=repeats_of(len(pool.ids)))


class Estimate(NamedTuple):
    """What a way makes of members: the numbers, how they do where they are evaluated as it is, and honestly."""

    found: Tuned
    seen: Scored
    honest: Scored


def blend_sets(
    evaluation: Evaluation, held: Sequence[Member], families: tuple[Family, ...], metric: str, weights: str
) -> BlendSets:
    """Return where these members are to be tuned and evaluated.

    Args:
        families: those that are weighed, on what they held out; none: members, on val.

    Raises:
        InvalidOptionError: see `small_enough`.
        MisalignedError, BadDataError: see `out_of_fold.oof_pool`.
    """
    fresh = bool(families) and not evaluation.families
    as_merged = as_they_are(families)
    pool = oof_pool(families, held, as_merged) if fresh else evaluation.pool
    if weight_method(weights).stacks and families and not enough_rows(pool):
        raise InvalidOptionError(
            f"Stacking wants more than the {len(pool.ids)} training images that {len(families)} families held out. "
            "Take --weights auto, or fewer families."
        )
    small = small_enough(pool, metric, "auto" if families else weights)
    if fresh:
        scored = replace(evaluation, pool=small_enough(evaluation.pool, metric))
        return BlendSets(small, as_merged, as_merged, scored, families)
    return BlendSets(small, evaluation.chosen, evaluation.redone, replace(evaluation, pool=small), families)


def make(pool: Pool, settings: BlendSettings, view_choices: Sequence[ViewChoice]) -> tuple[Tuned, Certificate | None]:
    """Return the numbers of the blend and, where it was asked for, the proof of its weights."""
    tuned = tune(pool, settings.method, settings.weights, view_choices, settings.search, settings.temperatures)
    if settings.proof_s is None or not weight_method(settings.weights).provable:
        return tuned, None
    return prove(pool, tuned, view_choices, settings.proof_s, settings.search.limits, settings.temperatures)


def procedure_of(settings: BlendSettings, view_choices: Sequence[ViewChoice]) -> Procedure:
    """Return the whole way from a pool to a blend, to be redone inside every fold."""
    hasty = settings if settings.proof_s is None else settings._replace(proof_s=PROOF_SHARE * settings.proof_s)
    return lambda pool: make(pool, hasty, view_choices)[0]


def estimate(sets: BlendSets, settings: BlendSettings) -> Estimate:
    """Return what a way makes of the members, and how that does where it was not fitted."""
    found = make(sets.pool, settings, sets.chosen)[0]
    seen, honest = sets.evaluate({"it": found}, {"it": procedure_of(settings, sets.redone)})
    return Estimate(found, seen["it"], honest["it"])


def small_enough(pool: Pool, metric: str, weights: str = "auto") -> Pool:
    """Return a pool as it can be tuned on: where it is very large, the likeliest classes of each image alone.

    Raises:
        InvalidOptionError: the metric or the way to find weights needs every class, or stacking
            needs more images.
    """
    stacks = weight_method(weights).stacks
    if stacks:
        check_enough_rows(len(pool.ids), len(pool.members), len(pool.classes))
    small = condensed(pool)
    if small is not pool and (metric not in ("accuracy", "log-loss") or stacks):
        what = f"--metric {metric}" if not stacks else "stacking"
        raise InvalidOptionError(
            f"{what} needs all {len(pool.classes)} classes, and on {len(pool.ids)} images only the "
            f"likeliest {len(small.classes)} of each are read; take another."
        )
    return small
