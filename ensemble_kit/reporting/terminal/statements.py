"""The words for what a difference allows to be said; `verdicts.verdict` decides, and nothing here does.

To say it of another pair: `against` for a sentence of two names, `weighed` for figures of which the subject is known.
"""

from collections.abc import Mapping
from typing import Final

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.terminal.tables import WHERE, counted, interval
from ensemble_kit.results import CurveGainReport, Interval
from ensemble_kit.verdicts import CLOSE, Verdict

PHRASES: Final[Mapping[Verdict, str]] = {
    "better": "is better than",
    "worse": "is worse than",
    "looks-better": "looks better than",
    "looks-worse": "looks worse than",
    "as-good": "is at least as good as",
    "unclear": "cannot be told apart from",
}
WORDS: Final[Mapping[Verdict, str]] = {
    "better": "better",
    "worse": "worse",
    "looks-better": "better, but after so many this is no proof",
    "looks-worse": "worse, but after so many this is no proof",
    "as-good": "as good or better",
    "unclear": "within chance",
}


def on_test(bounds: Interval, images: int, judged_on: str) -> str:
    """Return which accuracy to expect of so many test images.

    Args:
        judged_on: the split that the honest accuracy is of.

    Example:
        >>> on_test((0.852, 0.938), 500, "val")
        'If test is like val, expect 85.2 to 93.8 % on its 500 images (95 of 100 times), for they are a sample too.'
    """
    return (
        f"If test is like {WHERE[judged_on]}, expect {interval(bounds)} % on its {counted(images, 'image')} (95 of 100 "
        "times), for they are a sample too."
    )


def against(
    verdict: Verdict,
    baseline: str,
    metric: str,
    difference: float,
    bounds: Interval,
    p: float,
    trials: int,
    detectable: float | None = None,
) -> str:
    """Return what is to be said of a subject that stands before these words, with the figures that carry it.

    Args:
        difference: above 0 where the subject is better; so are its bounds.
        detectable: the smallest difference that these images show; said where they show none.

    Example:
        >>> against("better", "equal weights", "accuracy", 0.031, (0.01, 0.052), 0.004, 1)
        'is better than equal weights by 3.1 points (95 %: 1.0 to 5.2; p = 0.004)'
        >>> against("unclear", "mlp", "accuracy", -0.01, (-0.03, 0.01), 0.4, 1)
        'cannot be told apart from mlp: -1.0 points (95 %: -3.0 to 1.0; p = 0.40)'
    """
    phrase = f"{PHRASES[verdict]} {baseline}"
    if verdict in ("unclear", "as-good"):
        within = f" within {amount(metric, CLOSE)}" if verdict == "as-good" else ""
        return f"{phrase}{within}: {found(metric, difference, bounds, p, trials)}{least(metric, detectable)}"
    proof = "" if verdict in ("better", "worse") else ", but after so many this is no proof"
    return f"{phrase} by {found(metric, difference, bounds, p, trials, signed=False)}{proof}"


def briefly(verdict: Verdict, baseline: str, metric: str, difference: float) -> str:
    """Return the same with the difference alone, where the figures that carry it stand nearby.

    Example:
        >>> briefly("looks-better", "equal weights", "accuracy", 0.03)
        'looks better than equal weights (+3.0 points; no proof after so many tried)'
    """
    aside = f" within {amount(metric, CLOSE)}" if verdict == "as-good" else ""
    proof = "; no proof after so many tried" if verdict.startswith("looks") else ""
    return f"{PHRASES[verdict]} {baseline}{aside} ({amount(metric, difference, '+')}{proof})"


def weighed(
    verdict: Verdict,
    metric: str,
    difference: float,
    bounds: Interval,
    p: float,
    trials: int = 1,
    detectable: float | None = None,
) -> str:
    """Return a difference with its figures and the word for it.

    Args: as `against`.

    Example:
        >>> weighed("unclear", "accuracy", -0.007, (-0.025, 0.012), 0.6)
        '-0.7 points (95 %: -2.5 to 1.2; p = 0.60), within chance'
    """
    shown = least(metric, detectable) if verdict == "unclear" else ""
    return f"{found(metric, difference, bounds, p, trials)}, {WORDS[verdict]}{shown}"


def curve_gain(gain: CurveGainReport) -> str:
    """Return in a sentence what all views of a curve gain over the first of them."""
    over = "identity" if gain.over == 1 else f"the first {gain.over}"
    accuracy = weighed(gain.accuracy_verdict, "accuracy", gain.accuracy, gain.accuracy_interval, gain.accuracy_p)
    likelihood = weighed(
        gain.likelihood_verdict, "log-loss", gain.likelihood, gain.likelihood_interval, gain.likelihood_p
    )
    return f"All {gain.views} views against {over}: accuracy {accuracy}; log-likelihood {likelihood}."


def least(metric: str, detectable: float | None) -> str:
    """Return what these images could have shown, to be said after a difference that they do not show."""
    if detectable is None:
        return ""
    return f"; minimum detectable gain: {amount(metric, detectable)} (80 % power)"


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


def p_value(p: float) -> str:
    """Return a p-value with two digits that count.

    Example:
        >>> p_value(0.0312), p_value(0.4), p_value(1.0), p_value(0.00002)
        ('p = 0.031', 'p = 0.40', 'p = 1.00', 'p < 0.001')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def amount(metric: str, difference: float, sign: str = "") -> str:
    """Return a difference with its unit: points, or nats."""
    scale, digits = _scale(metric)
    unit = "points" if METRICS[metric].unit == "%" else METRICS[metric].unit
    return f"{scale * difference:{sign}z.{digits}f} {unit}"


def _scale(metric: str) -> tuple[float, int]:
    """Return what a difference is multiplied by when printed, and its digits."""
    return (100.0, 1) if METRICS[metric].unit == "%" else (1.0, 3)
