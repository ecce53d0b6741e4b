"""What `ek score` says: one submission with its classes, or a leaderboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ensemble_kit.reporting.terminal import interval, p_value, percent, table, wrapped
from ensemble_kit.results import BaselineReport, PartReport, ScoredReport, ScoreReport

MOST_CLASSES: Final = 40


def scored(report: ScoreReport) -> str:
    """Return what `ek score` prints."""
    parts = _one(report.submissions[0]) if len(report.submissions) == 1 else _leaderboard(report)
    return "\n\n".join([*parts, wrapped(_drawn(report))])


def _drawn(report: ScoreReport) -> str:
    """Return where the public part comes from."""
    drawn = f"a simple draw by seed {report.seed}, of {report.images} images"
    if report.seed is None:
        ignored = f" ({report.ignored} more are ignored)" if report.ignored else ""
        drawn = f"as the labels' Usage says, of {report.images} images{ignored}"
    return f"Public: {drawn}; intervals are Wilson's, 95 %."


def _one(one: ScoredReport) -> Iterator[str]:
    rows = [
        [name, str(part.images), percent(part.accuracy, 2), interval(part.interval)]
        for name, part in (("all", one.whole), ("public", one.public), ("private", one.private))
        if part is not None
    ]
    yield table([str(one.csv), "images", "right %", "95 % interval"], rows)
    if one.baselines:
        rows = [[percent(each.baseline, 2), _verdict(each)] for each in one.baselines]
        yield table(["baseline %", "on all images"], rows)
    yield _classes(one)
    yield from _notes(one)


def _classes(one: ScoredReport) -> str:
    """Return a row a class; of very many classes the worst."""
    shown = sorted(one.classes, key=lambda each: each.right / max(each.images, 1))[:MOST_CLASSES]
    kept = [each for each in one.classes if each in shown] if len(one.classes) <= MOST_CLASSES else shown
    rows = [
        [each.name, str(each.images), percent(each.right / max(each.images, 1)), str(each.predicted)] for each in kept
    ]
    text = table(["class", "images", "right %", "predicted"], rows)
    hidden = len(one.classes) - len(kept)
    return f"{text}\nthe worst; {hidden} more classes" if hidden else text


def _verdict(one: BaselineReport) -> str:
    """Return whether the baseline is passed, and how surely."""
    word = "passed" if one.passed else "missed"
    return f"{word}, clearly" if one.clearly else f"{word}, within chance"


def _leaderboard(report: ScoreReport) -> Iterator[str]:
    names = _names(report)
    rows = [
        [
            names[one.csv],
            str(one.private_rank),
            _part(one.private),
            str(one.public_rank),
            _part(one.public),
            percent(one.whole.accuracy),
        ]
        for one in report.submissions
    ]
    yield table(["submission", "private", "right %", "public", "right %", "all %"], rows)
    if any(one.baselines for one in report.submissions):
        rows = [
            [
                names[one.csv],
                *(f"{'passed' if each.passed else 'missed'}{'' if each.clearly else '?'}" for each in one.baselines),
            ]
            for one in report.submissions
        ]
        header = ["baseline %", *(percent(each.baseline) for each in report.submissions[0].baselines)]
        legend = "\n?: within chance" if any("?" in cell for row in rows for cell in row[1:]) else ""
        yield f"{table(header, rows)}{legend}"
    rows = [
        [f"{names[pair.first]} - {names[pair.second]}", str(pair.only_first), str(pair.only_second), p_value(pair.p)]
        for pair in report.neighbours
    ]
    yield f"{table(['neighbours', 'only 1st', 'only 2nd', 'McNemar'], rows)}\nimages that only one has right, of all"
    for one in report.submissions:
        yield from _notes(one)


def _names(report: ScoreReport) -> dict[Path, str]:
    """Return what each submission is called: its name without folder and ending, where that is enough."""
    stems = {one.csv: one.csv.stem for one in report.submissions}
    return stems if len(set(stems.values())) == len(stems) else {path: str(path) for path in stems}


def _part(part: PartReport | None) -> str:
    return "-" if part is None else percent(part.accuracy)


def _notes(one: ScoredReport) -> Iterator[str]:
    """Return what a strict judge would mind."""
    for note in one.notes:
        yield wrapped(f"{one.csv}: accepted, though a strict judge may refuse it: {note}", "  ")
