"""What stands beside a blend: what less time would cost, every other method, what each member adds, the proof."""

from dataclasses import dataclass

from ensemble_kit.results.intervals import Interval


@dataclass(frozen=True)
class CostReport:
    """A blend under a limit of milliseconds per image, and what it is worth.

    ms: what its members and views take per image; on the front where nothing as quick is better.
    """

    ms: float
    members: tuple[str, ...]
    honest_accuracy: float
    honest_interval: Interval
    on_front: bool


@dataclass(frozen=True)
class MethodReport:
    """Another method or way to find weights on the same members, evaluated in the same way."""

    method: str
    weights_method: str
    tuned_val_accuracy: float
    honest_accuracy: float
    honest_interval: Interval


@dataclass(frozen=True)
class ContributionReport:
    """What a member adds to the blend's honest accuracy, its Shapley value; the error is of sampling alone."""

    member: str
    value: float
    standard_error: float


@dataclass(frozen=True)
class CertificateReport:
    """How many of the images tuned on the best known weights have right, and how many any could have.

    bound: no weights win more by the margin `epsilon`, a share of the widest lead of a pair.
    gap: bound - best; 0 is the proof that no weights are better.
    """

    best: int
    bound: int
    gap: int
    epsilon: float
    seconds: float


@dataclass(frozen=True)
class FullReport:
    """What stands beside a blend; empty where it was not asked for.

    costs: what the blend is worth under tighter limits; only where --max-ms was given.
    methods, contributions: of `full` alone; certificate: of `full` and `certify`.
    """

    costs: tuple[CostReport, ...] = ()
    methods: tuple[MethodReport, ...] = ()
    contributions: tuple[ContributionReport, ...] = ()
    certificate: CertificateReport | None = None
