"""submissions + the truth -> what a host sees: public and private scores, classes, baselines, a leaderboard."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from ensemble_kit.columns import find_columns
from ensemble_kit.disk import beside
from ensemble_kit.ensembling.contest import draw_public
from ensemble_kit.ensembling.statistics import mcnemar, wilson
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.pipeline.entry import command
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import (
    BaselineReport,
    ClassScoreReport,
    NeighboursReport,
    PartReport,
    ScoredReport,
    ScoreReport,
)
from ensemble_kit.storage.members import check_distinct
from ensemble_kit.storage.submissions import Wanted, read_checked
from ensemble_kit.texts import Reader
from ensemble_kit.verdicts import verdict

Right = Bool[np.ndarray, " images"]


@command
def score(
    csv: Sequence[str | Path],
    labels: str | Path,
    *,
    public_fraction: float = 0.5,
    seed: int = 0,
    baselines: Sequence[float] = (),
    encoding: str | None = None,
) -> ScoreReport:
    """Score submissions as a judge would, on a public and a private part of the images.

    The public part is a simple draw (not stratified) from the sorted ids, by the seed: the order of
    rows cannot matter, and every submission meets the same part. Ids match as they stand, or
    without folder and ending where that is clear.

    Args:
        csv: the submissions.
        labels: a CSV with a column of ids and one of true classes.
        public_fraction: of the images.
        baselines: accuracies to pass, as fractions.
        encoding: of files that are not UTF-8, as cp1252.

    Raises:
        InvalidOptionError: no or twice the same submission, a fraction or baseline out of range.
        BadDataError: labels or a submission that cannot be used; lists every kind of problem.
    """
    paths = [Path(one) for one in csv]
    _check(paths, public_fraction, baselines)
    reader = Reader(encoding)
    ids, truth = _read_labels(Path(labels), reader)
    for remark in reader.remarks:
        say(remark)
    public = draw_public(ids, public_fraction, seed)
    wanted = Wanted(ids, tuple(sorted(set(truth))), as_host=True)
    said = {path: read_checked(path, wanted, encoding) for path in paths}
    right = {path: np.array([a == b for a, b in zip(one.labels, truth, strict=True)]) for path, one in said.items()}
    ranks = _ranks(right, public), _ranks(right, ~public)
    ordered = sorted(paths, key=lambda path: (ranks[1][path], ranks[0][path], str(path)))
    scored = tuple(
        ScoredReport(
            csv=path,
            whole=_part(right[path]),
            public=_part(right[path][public]),
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
    return ScoreReport(scored, tuple(_neighbours(a, b, right[a], right[b]) for a, b in pairs), len(ids), seed)


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


def _read_labels(path: Path, reader: Reader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return ids and true classes: of the columns that bear usual names, else of the only two.

    Raises:
        BadDataError: no such file, columns that cannot be told apart, an id that is empty or doubled,
            or an empty label.
    """
    try:
        header, rows, _ = reader.table(path)
    except OSError as error:
        raise BadDataError(f"Cannot read the file of labels {path}: {error.strerror}{beside(path)}") from error
    places = find_columns(header, {}, path, ("id", "label")).places
    if len(places) < 2 and len(header) == 2:
        places = {"id": 0, "label": 1}
    if len(places) < 2:
        raise BadDataError(
            f"{path}: wanted an id and a label column, as image_id,label; got {','.join(header)[:200]}. "
            "Leave these two alone in it."
        )
    ids = tuple(row[places["id"]] for row in rows)
    truth = tuple(reader.stripped([row[places["label"]] for row in rows], "label", path))
    check_distinct(ids, "image id", str(path))
    if "" in truth:
        place = truth.index("")
        raise BadDataError(f"{path}: {ids[place]!r} has no label; wanted one for every image.")
    return ids, truth


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
