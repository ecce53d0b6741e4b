"""What `ek compare` says: a small table, and one plain sentence."""

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.terminal import (
    IMAGES,
    adjusted,
    against,
    bare_score,
    p_value,
    score_interval,
    table,
    wrapped,
)
from ensemble_kit.results import CompareReport
from ensemble_kit.verdicts import verdict


def compared(report: CompareReport) -> str:
    """Return what `ek compare` prints."""
    unit = " %" if METRICS[report.metric].unit == "%" else ""
    sides = (
        (report.a, report.a_score, report.a_interval, report.only_a),
        (report.b, report.b_score, report.b_interval, report.only_b),
    )
    header = [f"{report.metric} on {report.judged_on}", f"honest{unit}", "95 % interval"]
    rows = [
        [name, bare_score(report.metric, value), score_interval(report.metric, bounds)]
        for name, value, bounds, _ in sides
    ]
    counted = [only for *_, only in sides if only is not None]
    whole = all(only == round(only) for only in counted)
    if counted:
        header.append("only it is right")
        rows = [[*row, f"{only:.0f}" if whole else f"{only:.2f}"] for row, only in zip(rows, counted, strict=True)]
    lines = [
        table(header, rows),
        *([] if whole else [wrapped("only it is right: so many images, mean over the repeats of the folds")]),
        wrapped(f"{report.test}: {p_value(report.p)}{adjusted(report.p, report.trials)}"),
        *map(wrapped, report.notes),
        "",
        wrapped(report.sentence),
    ]
    return "\n".join(lines)


def sentence(report: CompareReport) -> str:
    """Return in one sentence what may be said of the side that is ahead, see `verdicts`."""
    grouped = "" if report.groups is None else f" in {report.groups} groups"
    gain, (low, high) = report.gain()
    ahead, behind = report.a, report.b
    if gain < 0:
        ahead, behind, gain, low, high = behind, ahead, -gain, -high, -low
    figures = gain, (low, high), report.p, report.trials
    said = against(verdict(*figures, report.resolvable), behind, report.metric, *figures, report.resolvable)
    return f"On these {report.val_images} {IMAGES[report.judged_on]}{grouped} {ahead} {said}."
