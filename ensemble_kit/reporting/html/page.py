"""A report and its thumbnails -> the text of one HTML page, which needs no other file and runs nothing.

Every name is escaped by the template's engine; only our own charts are let in as they are.
"""

from collections.abc import Mapping
from typing import Any, Final

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.blend import expected_on_test
from ensemble_kit.reporting.html import charts, maps
from ensemble_kit.reporting.html.words import changed_images, label_errors
from ensemble_kit.reporting.terminal import (
    IMAGES,
    bare_score,
    curve_gain,
    interval,
    number,
    p_value,
    percent,
    points,
    score_interval,
    temperature,
)
from ensemble_kit.results import PageReport
from ensemble_kit.visible import visible

CONFUSED: Final = 15  # pairs of classes in the table beside the matrix


def render(page: PageReport, thumbnails: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        thumbnails: data: URIs by image id, as far as images were found.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    engine = Environment(
        loader=PackageLoader("ensemble_kit.reporting.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    engine.filters |= {
        "percent": percent,
        "interval": interval,
        "number": number,
        "temperature": temperature,
        "points": points,
        "p_value": p_value,
        "curve_gain": curve_gain,
        "label_errors": label_errors,
        "score": lambda value, metric: bare_score(metric, value),
        "score_interval": lambda bounds, metric: score_interval(metric, bounds),
    }
    return engine.get_template("page.html").render(
        page=page,
        blend=page.blend,
        expected_on_test=" ".join(expected_on_test(page.blend)),
        changed_images=changed_images(page),
        IMAGES=IMAGES,
        unit=METRICS[page.blend.procedure.metric].unit,
        thumbnails=thumbnails,
        most_named=maps.NAMED,
        newline=Markup("\n"),
        confused=_confused(page),
        several=[one for one in page.looks if len(one.views) > 1],
        fingerprints=_fingerprints(page),
        **_charts(page),
    )


def _visible(value: Any) -> Any:
    """Return text without marks that have no form; what was made safe already stays."""
    return visible(value) if type(value) is str else value


def _confused(page: PageReport) -> list[Any]:
    mixed = [one for one in page.confusion if one.label != one.predicted]
    return sorted(mixed, key=lambda one: (-one.images, one.label, one.predicted))[:CONFUSED]


def _fingerprints(page: PageReport) -> list[tuple[str, str]]:
    """Return the fingerprint of each split, once where members agree."""
    return sorted({pair for one in page.repeat.members for pair in one.data_fingerprint.items()})


def _charts(page: PageReport) -> dict[str, Any]:
    """Return the charts by name; None where there is nothing to draw."""
    from markupsafe import Markup

    def safe(svg: str | None) -> Markup | None:
        return None if svg is None else Markup(svg)

    classes = sorted(one.name for one in page.classes)
    evaluated = page.blend.evaluated
    after, differ = page.reliability_after, page.disagreement
    return {
        "confusion_chart": safe(maps.confusion(page.confusion, classes)),
        "reliability_chart": safe(
            None if after is None else charts.reliability(page.reliability_before, after, evaluated.val_images)
        ),
        "learning_charts": [
            (one, safe(charts.learning(place, one, evaluated.judged_on)))
            for place, one in enumerate(page.learning)
            if one.epochs
        ],
        "view_charts": [
            (one, safe(charts.view_curve(place, one))) for place, one in enumerate(page.looks) if one.curve
        ],
        "disagreement_chart": safe(None if differ is None else maps.disagreement(differ)),
        "costs_chart": safe(charts.costs(page.costs, evaluated.judged_on)),
    }
