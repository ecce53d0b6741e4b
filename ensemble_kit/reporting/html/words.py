"""The sentences of the page that say what the numbers mean, and what `ek report` prints."""

from typing import Final

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.comparison import SIGNIFICANT, amount
from ensemble_kit.reporting.tables import bare_score, score_interval, wrapped
from ensemble_kit.results import BlendReport, PageReport
from ensemble_kit.visible import visible

UNTOLD: Final = "cannot be told apart from"
LONGEST: Final = 28  # characters of a name in a chart


def headline(blend: BlendReport) -> str:
    """Return in one sentence what the blend is worth, and whether its gains are real.

    A gain is called real where p, times the configurations tried on this val, is below 0.05.
    """
    worth = (
        f"The honest estimate of blend '{blend.name}' is {bare_score(blend.metric, blend.honest_score)} "
        f"{METRICS[blend.metric].unit} {blend.metric} "
        f"(95 %: {score_interval(blend.metric, blend.honest_score_interval)})"
    )
    word = "family" if blend.families else "member"
    shares = [one.weight for one in blend.families] or list(blend.weights.values())
    if len(shares) == 1:
        return f"{worth}; it has one {word}, so there is nothing to compare it with."
    rival = f"the best single {word}, '{blend.best_single}'"
    single = _compared(blend, rival, blend.gain_over_best_single, blend.p_vs_best_single)
    if max(shares) - min(shares) < 1e-9:
        plural = "families" if blend.families else "members"
        return f"{worth}; its {plural} weigh the same, and it {single}."
    equal = _compared(blend, "equal weights", blend.gain_over_equal, blend.p_vs_equal)
    same, again = single.startswith(UNTOLD), equal.removeprefix(f"{UNTOLD} ")
    return f"{worth}; it {single}{f', nor from {again}' if same and again != equal else f', and {equal}'}."


def _compared(blend: BlendReport, rival: str, gain: float, p: float) -> str:
    """Return how the blend compares with a rival."""
    if max(1, blend.ledger_trials) * p < SIGNIFICANT:
        return f"is really {'better' if gain > 0 else 'worse'} than {rival} (by {amount(blend.metric, abs(gain))})"
    return f"{UNTOLD} {rival} ({amount(blend.metric, gain, '+')})"


def changed_pictures(page: PageReport) -> str:
    """Return a warning where thumbnails may show what no member saw; else nothing."""
    return (
        "Pictures of val, or their labels, were changed after the members saw them, so thumbnails may show others."
        if page.pictures_changed
        else ""
    )


def reported(page: PageReport) -> str:
    """Return what `ek report` prints."""
    lines = [wrapped(page.headline), ""]
    if page.pictures_note:
        lines += [wrapped(f"No thumbnails: {page.pictures_note}."), ""]
    if warning := changed_pictures(page):
        lines += [wrapped(warning), ""]
    return "\n".join([*lines, f"page     {page.html}", f"numbers  {page.json}"])


def short(text: str, longest: int = LONGEST) -> str:
    """Return a name as a chart has room for it, its middle left out where it is longer.

    Example:
        >>> short("tf_efficientnet_lite0-seed-12", 13)
        'tf_eff…eed-12'
    """
    text = visible(text)
    if len(text) <= longest:
        return text
    kept = longest - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
