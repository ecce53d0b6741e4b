"""submissions + the truth -> what a host sees: public and private scores, classes, baselines, a leaderboard."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from ensemble_kit.ensembling.contest import draw_public
from ensemble_kit.ensembling.statistics import mcnemar, wilson
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.submit.solution import IGNORED, PUBLIC, read_solution
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import (
    BaselineReport,
    ClassScoreReport,
    NeighboursReport,
    PartReport,
    ScoredReport,
    ScoreReport,
)
from ensemble_kit.storage.submissions import Checked, Wanted, read_checked
from ensemble_kit.texts import Reader
from ensemble_kit.verdicts import verdict

Right = Bool[np.ndarray, " images"]


@command
def score(
    csv: Sequence[str | Path],
    labels: str | Path,
    *,
    public_fraction: float | None = None,
    seed: int | None = None,
    baselines: Sequence[float] = (),
    encoding: str | None = None,
) -> ScoreReport:
    """Score submissions as a judge would, on a public and a private part of the images.

    The public part is what the labels' column `Usage` says; without one a simple draw (not stratified) from the
    sorted ids, by the seed: the order of rows cannot matter, and every submission meets the same part. Ids match as
    they stand, or without folder and ending where that is clear.

    Args:
        csv: the submissions.
        labels: a CSV with a column of ids and one of true classes; and `Usage`, where a contest has one: Public,
            Private, or Ignored, which is not scored.
        public_fraction: of the images, where it is drawn; None: 0.5. seed: of the draw; None: 0.
        baselines: accuracies to pass, as fractions.
        encoding: of files that are not UTF-8, as cp1252.

    Raises:
        InvalidOptionError: no or twice the same submission, a fraction or baseline out of range, or a fraction or
            seed beside a `Usage`.
        BadDataError: labels or a submission that cannot be used; lists every kind of problem.
    """
    paths = [Path(one) for one in csv]
    fraction, drawn_by = 0.5 if public_fraction is None else public_fraction, seed or 0
    _check(paths, fraction, baselines)
    reader = Reader(encoding)
    solution = read_solution(Path(labels), reader)
    for remark in reader.remarks:
        say(remark)
    if solution.usage and (public_fraction is not None or seed is not None):
        raise InvalidOptionError(
            f"The column Usage of {labels} says which images are public. Leave --public-fraction and --seed out."
        )
    counted = ~solution.of(IGNORED)
    public = solution.of(PUBLIC) if solution.usage else draw_public(solution.ids, fraction, drawn_by)
    public = public[counted]
    truth = tuple(name for name, one in zip(solution.truth, counted, strict=True) if one)
    wanted = Wanted(solution.ids, tuple(sorted(set(truth))), as_host=True)
    said = {path: _counted(read_checked(path, wanted, encoding), counted) for path in paths}
    right = {path: np.array([a == b for a, b in zip(one.labels, truth, strict=True)]) for path, one in said.items()}
    ranks = _ranks(right, public), _ranks(right, ~public)
    ordered = sorted(paths, key=lambda path: (ranks[1][path], ranks[0][path], str(path)))
    scored = tuple(
        ScoredReport(
            csv=path,
            whole=_part(right[path]),
            public=_part(right[path][public]) if public.any() else None,
            private=_part(right[path][~public]) if (~public).any() else None,
            public_rank=ranks[0][path],
            private_rank=ranks[1][path],
            baselines=tuple(_baseline(one, right[path]) for one in baselines),
            classes=_classes(truth, said[path].labels, wanted.classes),
            notes=tuple(note.sentence() for note in said[path].notes),
        )
        for path in ordered
    )
    pairs = pairwise(ordered)
    neighbours = tuple(_neighbours(a, b, right[a], right[b]) for a, b in pairs)
    return ScoreReport(
        scored, neighbours, len(truth), None if solution.usage else drawn_by, len(solution.ids) - len(truth)
    )


def _check(paths: Sequence[Path], public_fraction: float, baselines: Sequence[float]) -> None:
    """Raise unless the options can be."""
    if not paths:
        raise InvalidOptionError("Wanted at least one submission to score, got none.")
    if doubled := [path for path, count in Counter(paths).items() if count > 1]:
        raise InvalidOptionError(f"{doubled[0]} was named twice; name each submission once.")
    if not 0 < public_fraction < 1:
        raise InvalidOptionError(f"Wanted a public fraction above 0 and below 1, got {public_fraction}.")
    for baseline in baselines:
        if not (math.isfinite(baseline) and 0 <= baseline <= 1):
            raise InvalidOptionError(f"Wanted baselines from 0 to 1, as 0.45, got {baseline:g}.")


def _counted(said: Checked, counted: Right) -> Checked:
    """Return a submission without the images that are not scored."""
    return said._replace(labels=tuple(label for label, one in zip(said.labels, counted, strict=True) if one))


def _part(right: Right) -> PartReport:
    return PartReport(len(right), float(right.mean()), wilson(int(right.sum()), len(right)))


def _ranks(right: dict[Path, Right], where: Right) -> dict[Path, int]:
    """Return the rank of each on a part: one more than how many have more right."""
    counts = {path: int(one[where].sum()) for path, one in right.items()}
    return {path: 1 + sum(other > count for other in counts.values()) for path, count in counts.items()}


def _baseline(baseline: float, right: Right) -> BaselineReport:
    low, high = wilson(int(right.sum()), len(right))
    passed = float(right.mean()) >= baseline
    told = verdict(float(right.mean()) - baseline, (low - baseline, high - baseline))
    return BaselineReport(baseline, passed, told in ("better", "worse"))


def _classes(truth: Sequence[str], said: Sequence[str], names: Sequence[str]) -> tuple[ClassScoreReport, ...]:
    there, found = Counter(truth), Counter(said)
    right = Counter(a for a, b in zip(truth, said, strict=True) if a == b)
    return tuple(ClassScoreReport(name, there[name], right[name], found[name]) for name in names)


def _neighbours(first: Path, second: Path, one: Right, other: Right) -> NeighboursReport:
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    return NeighboursReport(first, second, only_first, only_second, mcnemar(only_first, only_second))
