"""What `ek compare` says: a small table, and one plain sentence."""

from typing import Final

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.tables import bare_score, score_interval, table, wrapped
from ensemble_kit.results import CompareReport, Interval

SIGNIFICANT: Final = 0.05


def compared(report: CompareReport) -> str:
    """Return what `ek compare` prints."""
    unit = " %" if METRICS[report.metric].unit == "%" else ""
    sides = (
        (report.a, report.a_score, report.a_interval, report.only_a),
        (report.b, report.b_score, report.b_interval, report.only_b),
    )
    header = [f"{report.metric} on val", f"honest{unit}", "95 % interval"]
    rows = [
        [name, bare_score(report.metric, value), score_interval(report.metric, bounds)]
        for name, value, bounds, _ in sides
    ]
    if report.only_a is not None:
        header.append("only it is right")
        rows = [[*row, f"{only:.3g}"] for row, (*_, only) in zip(rows, sides, strict=True)]
    lines = [
        table(header, rows),
        wrapped(f"{report.test}: {p_value(report.p)}{_adjusted(report)}"),
        *map(wrapped, report.notes),
        "",
        wrapped(report.sentence),
    ]
    return "\n".join(lines)


def sentence(report: CompareReport) -> str:
    """Return the verdict in one sentence.

    A side is better where p, times the configurations tried on this val set, is below 0.05.
    """
    grouped = "" if report.groups is None else f" in {report.groups} groups"
    where = f"On these {report.val_images} val pictures{grouped}"
    ahead, behind = (report.a, report.b) if _a_is_ahead(report) else (report.b, report.a)
    if report.better is not None:
        return f"{where} {ahead} is better than {behind} by {_found(report, signed=False)}."
    if report.p < SIGNIFICANT:
        return (
            f"{where} {ahead} looks better than {behind} by {_found(report, signed=False)}, but "
            f"{report.trials} configurations were tried on them, and for so many that is no proof."
        )
    return (
        f"{where} {report.a} and {report.b} cannot be told apart: {_found(report, signed=True)}; "
        f"this val could only resolve {amount(report.metric, report.resolvable)}."
    )


def p_value(p: float) -> str:
    """Return a p-value with two digits that count.

    Example:
        >>> p_value(0.0312), p_value(0.4), p_value(1.0), p_value(0.00002)
        ('p = 0.031', 'p = 0.40', 'p = 1.00', 'p < 0.001')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def _a_is_ahead(report: CompareReport) -> bool:
    return METRICS[report.metric].gain(report.difference) > 0


def _found(report: CompareReport, signed: bool) -> str:
    """Return the difference, its interval and its p-value; unsigned: that of the better side."""
    return found(report.metric, report.difference, report.interval, report.p, report.trials, signed)


def _adjusted(report: CompareReport) -> str:
    return adjusted(report.p, report.trials)


def found(metric: str, difference: float, bounds: Interval, p: float, trials: int, signed: bool = True) -> str:
    """Return a difference, its interval and its p-value; unsigned: as if the better side came first.

    Example:
        >>> found("accuracy", -0.0123, (-0.03, 0.005), 0.2, 1)
        '-1.2 points (95 %: -3.0 to 0.5; p = 0.20)'
    """
    low, high = bounds
    if not signed and difference < 0:
        difference, low, high = -difference, -high, -low
    scale, digits = _scale(metric)
    shown = f"{scale * low:z.{digits}f} to {scale * high:z.{digits}f}"
    return f"{amount(metric, difference, '+' if signed else '')} (95 %: {shown}; {p_value(p)}{adjusted(p, trials)})"


def adjusted(p: float, trials: int) -> str:
    """Return the p-value for all that were tried; nothing where one was."""
    if trials < 2:
        return ""
    return f", {p_value(min(1.0, trials * p))} for {trials} configurations tried"


def amount(metric: str, difference: float, sign: str = "") -> str:
    """Return a difference with its unit: points, or nats."""
    scale, digits = _scale(metric)
    unit = "points" if METRICS[metric].unit == "%" else METRICS[metric].unit
    return f"{scale * difference:{sign}z.{digits}f} {unit}"


def _scale(metric: str) -> tuple[float, int]:
    """Return what a difference is multiplied by when printed, and its digits."""
    return (100.0, 1) if METRICS[metric].unit == "%" else (1.0, 3)
