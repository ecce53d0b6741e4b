"""The sentences of the page that say what the numbers mean, and what `ek report` prints."""

from typing import Final

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.terminal import (
    IMAGES,
    PHRASES,
    bare_score,
    briefly,
    interval,
    percent,
    score_interval,
    wrapped,
)
from ensemble_kit.results import BlendReport, PageReport
from ensemble_kit.visible import visible

LONGEST: Final = 28  # characters of a name in a chart


def headline(blend: BlendReport) -> str:
    """Return in one sentence what the blend is worth, and what may be said of its gains, as `verdicts` decides."""
    metric, this = blend.procedure.metric, blend.this
    worth = (
        f"The honest estimate of blend '{blend.name}' is {bare_score(metric, this.honest_score)} "
        f"{METRICS[metric].unit} {metric} "
        f"(95 %: {score_interval(metric, this.honest_score_interval)})"
    )
    word, plural = ("family", "families") if blend.numbers.families else ("member", "members")
    shares = blend.numbers.shares
    if len(shares) == 1:
        return f"{worth}; it has one {word}, so there is nothing to compare it with."
    baseline = f"picking the best single {word} ('{blend.best_single.name}')"
    single = briefly(blend.vs_best_single, baseline, metric, blend.best_single.gain.difference)
    if max(shares) - min(shares) < 1e-9:
        return f"{worth}; its {plural} weigh the same, and it {single}."
    equal = briefly(blend.vs_equal, blend.equal.name, metric, blend.equal.gain.difference)
    untold = PHRASES["unclear"]
    if single.startswith(untold) and equal.startswith(untold):
        return f"{worth}; it {single}, nor from {equal.removeprefix(f'{untold} ')}."
    return f"{worth}; it {single}, and {equal}."


def changed_images(page: PageReport) -> str:
    """Return a warning where thumbnails may show what no member saw; else nothing."""
    if not page.pictures_changed:
        return ""
    return (
        f"The {IMAGES[page.blend.evaluated.judged_on]}, or their labels, were changed after the members saw them, so "
        "thumbnails may show others."
    )


def label_errors(page: PageReport) -> str:
    """Return how many labels of val may be wrong, and how sure that is; of votes nothing."""
    found, bounds = page.label_errors_found, page.label_noise_interval
    if found is None or bounds is None:
        return ""
    images = page.blend.evaluated.val_images
    share = f"{percent(page.label_noise)} % of {images} labels (95 %: {interval(bounds)})"
    if not found:
        return f"No label is listed: an estimated {share} are wrong, too few or too uncertain to list one."
    first = f" The first {len(page.label_errors)} are shown." if found > len(page.label_errors) else ""
    return (
        f"{found} of {images} labels are suspected, and about {page.label_errors_expected:.0f} of these "
        f"{found} are expected to be wrong; in all, an estimated {share} are. A hard image on which "
        f"the blend is confident looks the same: check each image before you change its label.{first}"
    )


def reported(page: PageReport) -> str:
    """Return what `ek report` prints."""
    lines = [wrapped(page.headline), ""]
    if page.pictures_note:
        lines += [wrapped(f"No thumbnails: {page.pictures_note}."), ""]
    if warning := changed_images(page):
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
