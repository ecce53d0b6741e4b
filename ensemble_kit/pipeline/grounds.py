"""Where blends are tuned and where they are judged, and how a way becomes numbers there.

Tuned on the evaluation set itself, everything is redone inside every fold of it. Tuned on the folds of
train that its members held out, where there is a val beside them, a blend is judged on val as it is: val
decided nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from ensemble_kit.ensembling.certificate import Certificate
from ensemble_kit.ensembling.condensing import condensed
from ensemble_kit.ensembling.honesty import Procedure, cross_fit, repeats_of
from ensemble_kit.ensembling.judging import Judged, judge
from ensemble_kit.ensembling.proof import prove
from ensemble_kit.ensembling.stacking import check_enough_rows, enough_rows
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.ensembling.views import ViewChoice
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.evaluation import Evaluation
from ensemble_kit.pipeline.families import Family
from ensemble_kit.pipeline.out_of_fold import as_they_are, oof_pool, spread
from ensemble_kit.pipeline.ways import Way
from ensemble_kit.storage.manifest import Manifest
from ensemble_kit.storage.members import Member
from ensemble_kit.types import Pool, Tuned

PROOF_SHARE: Final = 0.2  # of the seconds of a proof, what each fold may spend


@dataclass(frozen=True, eq=False)
class Ground:
    """What blends are tuned on, and what they are judged on.

    pool: what is tuned on; its members are those that are weighed: members, or families.
    chosen: how the views of its members are weighed; redone: how that is chosen anew inside a fold.
    evaluation: what is judged on, as small as it can be tuned on.
    families: the members of each family; empty where members are weighed.
    """

    pool: Pool
    chosen: Sequence[ViewChoice]
    redone: Sequence[ViewChoice]
    evaluation: Evaluation
    families: tuple[Family, ...] = ()

    @property
    def judged_on(self) -> Pool:
        """What is said of the evaluation set: by the blend's members, or by the families that are weighed."""
        return self.evaluation.pool

    @property
    def manifests(self) -> Sequence[Manifest]:
        """Those of the blend's own members."""
        return self.evaluation.manifests

    @property
    def fresh(self) -> bool:
        """Whether the evaluation set decided nothing."""
        return self.pool is not self.evaluation.pool

    def whole(self, found: Tuned) -> Tuned:
        """Return numbers that were found here as those of the blend's own members."""
        return spread(found, self.families, self.manifests, self.pool.views) if self.families else found

    def there(self, found: Tuned) -> Tuned:
        """Return numbers that were found here as those of what is weighed on the evaluation set."""
        return self.evaluation.here(self.whole(found)) if self.fresh else found

    def judged(
        self, found: Mapping[str, Tuned], procedures: Mapping[str, Procedure]
    ) -> tuple[dict[str, Judged], dict[str, Judged]]:
        """Return how each does as it is, and honestly: the same where nothing was tuned there, else cross-fitted."""
        pool = self.judged_on
        seen = {name: judge(pool, self.there(one)) for name, one in found.items()}
        return seen, seen if self.fresh else cross_fit(pool, procedures, repeats=repeats_of(len(pool.ids)))


class Estimate(NamedTuple):
    """What a way makes of members: the numbers, how they do where they are judged as it is, and honestly."""

    found: Tuned
    seen: Judged
    honest: Judged


def ground_of(
    evaluation: Evaluation, held: Sequence[Member], families: tuple[Family, ...], metric: str, weights: str
) -> Ground:
    """Return where these members are to be tuned and judged.

    Args:
        families: those that are weighed, on what they held out; none: members, on val.

    Raises:
        InvalidOptionError: see `small_enough`.
        MisalignedError, BadDataError: see `out_of_fold.oof_pool`.
    """
    fresh = bool(families) and not evaluation.families
    as_merged = as_they_are(families)
    pool = oof_pool(families, held, as_merged) if fresh else evaluation.pool
    if weights == "stacking" and families and not enough_rows(pool):
        raise InvalidOptionError(
            f"Stacking wants more than the {len(pool.ids)} training pictures that {len(families)} families held out. "
            "Take --weights auto, or fewer families."
        )
    small = small_enough(pool, metric, "auto" if families else weights)
    if fresh:
        judged = replace(evaluation, pool=small_enough(evaluation.pool, metric))
        return Ground(small, as_merged, as_merged, judged, families)
    return Ground(small, evaluation.chosen, evaluation.redone, replace(evaluation, pool=small), families)


def make(pool: Pool, way: Way, view_choices: Sequence[ViewChoice]) -> tuple[Tuned, Certificate | None]:
    """Return the numbers of the blend and, where it was asked for, the proof of its weights."""
    tuned = tune(pool, way.ballot, way.weights, view_choices, way.search)
    if way.proof_s is None or way.weights != "accuracy":
        return tuned, None
    return prove(pool, tuned, view_choices, way.proof_s, way.search.limits)


def procedure_of(way: Way, view_choices: Sequence[ViewChoice]) -> Procedure:
    """Return the whole way from a pool to a blend, to be redone inside every fold."""
    hasty = way if way.proof_s is None else way._replace(proof_s=PROOF_SHARE * way.proof_s)
    return lambda pool: make(pool, hasty, view_choices)[0]


def estimate(ground: Ground, way: Way) -> Estimate:
    """Return what a way makes of the members, and how that does where it has not looked."""
    found = make(ground.pool, way, ground.chosen)[0]
    seen, honest = ground.judged({"it": found}, {"it": procedure_of(way, ground.redone)})
    return Estimate(found, seen["it"], honest["it"])


def small_enough(pool: Pool, metric: str, weights: str = "auto") -> Pool:
    """Return a pool as it can be tuned on: where it is very large, the likeliest classes of each image alone.

    Raises:
        InvalidOptionError: the metric or the way to find weights needs every class, or stacking
            needs more images.
    """
    if weights == "stacking":
        check_enough_rows(len(pool.ids), len(pool.members), len(pool.classes))
    small = condensed(pool)
    if small is not pool and (metric not in ("accuracy", "log-loss") or weights == "stacking"):
        what = f"--metric {metric}" if weights != "stacking" else "stacking"
        raise InvalidOptionError(
            f"{what} needs all {len(pool.classes)} classes, and on {len(pool.ids)} pictures only the "
            f"likeliest {len(small.classes)} of each are read; take another."
        )
    return small
