"""What `ek tta` prints."""

import math
from collections.abc import Iterator

from ensemble_kit.extras import install_hint
from ensemble_kit.reporting.terminal import (
    IMAGES,
    amount,
    curve_gain,
    interval,
    number,
    p_value,
    percent,
    points,
    table,
    terminal_columns,
    weighed,
    wrapped,
)
from ensemble_kit.results import CurveReport, EngineReport, OrderReport, ShardReport, TtaReport, ViewReport

MOST_NAMED = 6  # classes that suffer, views that are the same
CURVE_ROWS = 6  # shown in any case, beside where to stop and the last


def views_added(report: TtaReport) -> str:
    """Return what `ek tta` prints."""
    rows = [
        [
            view.view,
            percent(view.val_accuracy),
            points(view.change) if view.beside is not None else "",
            points(view.beside) if view.beside is not None else "",
            f"{view.weight:.3f}",
            number(view.ms, 2),
        ]
        for view in report.views
    ]
    tuned = report.choose not in ("equal", "none") and report.note is None
    after = "chosen views (optimistic)" if tuned else f"views, {report.choose}"
    lines = [
        table(["view", "alone %", "points", "beside identity", "weight", "ms"], rows),
        *_same(report),
        *_harm(report),
        "",
        f"Member '{report.member}' on {report.val_images} {IMAGES[report.judged_on]}",
        _figures("before: identity alone", report.val_accuracy_before, f"log loss {report.val_log_loss_before:.3f}"),
        _figures(f"after:  {after}", report.val_accuracy_after, f"log loss {report.val_log_loss_after:.3f}"),
    ]
    if tuned:
        honest = f"95 % {interval(report.honest_interval)}"
        lines.append(_figures("after, honest (cross-fitted)", report.honest_accuracy, honest))
    if len(report.views) > 1 and report.choose != "none":
        lines.append(wrapped(_gain(report), indent="  "))
    if tuned and math.isinf(report.ridge or 0):
        lines.append(
            wrapped(f"No gain from other views can be shown on {report.judged_on}, so identity is kept alone.")
        )
    if report.note:
        lines.append(wrapped(report.note))
    if report.curve is not None:
        lines += ["", *_curve(report.curve, len(report.views))]
    lines += _computed(report.engine, report.order)
    return "\n".join([*lines, "Next: ek blend"])


def shared(report: ShardReport) -> str:
    """Return what `ek tta --shard` prints."""
    index, count = report.shard
    left = (
        "all parts are there. Next: the same command with --merge instead of --shard"
        if not report.missing
        else f"parts of the whole that are not here yet: {report.missing}"
    )
    return "\n".join(
        [
            wrapped(
                f"Member '{report.member}', shard {index} of {count}: parts {report.parts}, images {report.pictures}"
            ),
            wrapped(left),
            *_computed(report.engine, report.order),
        ]
    )


def _figures(what: str, accuracy: float, beside: str) -> str:
    """Return a line of figures below those of its neighbours, or a sentence where the terminal is narrow."""
    line = f"  {what:<33} {percent(accuracy)} %   {beside}"
    return line if len(line) <= terminal_columns() else wrapped(line, "    ")


def _same(report: TtaReport) -> list[str]:
    """Return which views are another one at this size."""
    if not report.same:
        return []
    shown = [f"{view} is {first}" for view, first in list(report.same.items())[:MOST_NAMED]]
    return [wrapped(f"The same pixels at this size, computed once: {listed(shown, len(report.same), ', ')}.", "  ")]


def _harm(report: TtaReport) -> list[str]:
    """Return which views do harm, to all and to single classes, and what harm would not have shown."""
    if report.smallest_harm is None:
        return []
    harmful = [view for view in report.views if view.harmful]
    lines = [wrapped(line, indent="  ") for view in harmful for line in _named(view, report.views)]
    if len(harmful) < len(report.views) - 1:
        unseen = [amount("accuracy", report.smallest_harm)]
        if report.smallest_likelihood_harm is not None and math.isfinite(report.smallest_likelihood_harm):
            unseen.append(f"{amount('log-loss', report.smallest_likelihood_harm)} of log-likelihood")
        lines.append(
            wrapped(
                f"No {'other ' if harmful else ''}view is seen to do harm on these {report.val_images} images; "
                f"minimum detectable harm: {' and '.join(unseen)} (80 % power)."
            )
        )
    if report.costs:
        lines.append(
            wrapped(
                f"Harmful: all views together, weighed by --choose {report.choose}; see 'honest' below. "
                "Identity alone: --choose none",
                indent="  ",
            )
        )
    if report.class_harm:
        shown = [
            f"{one.view} on '{one.class_name}' {points(one.change)} points ({one.images} images: {one.lost} lost, "
            f"{one.won} won)"
            for one in report.class_harm[:MOST_NAMED]
        ]
        named = listed(shown, len(report.class_harm), "; ")
        lines.append(wrapped(f"Warning: single classes suffer: {named}.", indent="  "))
    return lines


def listed(shown: list[str], total: int, mark: str) -> str:
    """Return the first of several, and how many more there are.

    Example:
        >>> listed(["a", "b"], 5, ", ")
        'a, b and 3 more'
    """
    return mark.join(shown) + (f" and {total - len(shown)} more" if total > len(shown) else "")


def _named(view: ViewReport, views: tuple[ViewReport, ...]) -> Iterator[str]:
    """Yield what a view costs beside identity: accuracy, log-likelihood, or both."""
    holm = f", Holm, {len(views) - 1} views" if len(views) > 2 else ""
    costs = f"Harmful: {view.view} beside identity costs "
    if view.costs_accuracy and view.beside is not None and view.beside_interval and view.beside_p is not None:
        low, high = view.beside_interval
        bounds = f"{-100 * high:z.1f} to {-100 * low:z.1f}"
        yield f"{costs}{amount('accuracy', -view.beside)} (95 %: {bounds}; {p_value(view.beside_p)}{holm})."
    if view.costs_likelihood and view.likelihood is not None and view.likelihood_interval and view.likelihood_t:
        low, high = view.likelihood_interval
        assert view.likelihood_p is not None
        yield (
            f"{costs}{amount('log-loss', -view.likelihood)} of log-likelihood (95 %: {-high:z.3f} to {-low:z.3f}; "
            f"paired t = {view.likelihood_t:.1f}, {p_value(view.likelihood_p)}{holm}); alone it has "
            f"{percent(view.val_accuracy)} % right, identity {percent(views[0].val_accuracy)} %."
        )


def _gain(report: TtaReport) -> str:
    figures = "accuracy", report.gain, report.gain_interval, report.gain_p
    said = weighed(report.gain_verdict, *figures, detectable=report.resolvable)
    likelihood = "log-loss", report.likelihood_gain, report.likelihood_gain_interval, report.likelihood_gain_p
    likelier = weighed(report.likelihood_verdict, *likelihood)
    return f"  against identity alone, honest: {said}; log-likelihood {likelier}."


def _curve(curve: CurveReport, views: int) -> list[str]:
    last = curve.steps[-1].views
    shown = [step for step in curve.steps if step.views <= CURVE_ROWS or step.views in (curve.stop, last)]
    rows = []
    for step in shown:
        low, high = step.log_likelihood_interval
        rows.append(
            [
                step.added if step.views == 1 else f"+ {step.added}",
                f"{'* ' if step.views == curve.stop else ''}{step.views}",
                percent(step.accuracy),
                interval(step.interval),
                f"{step.log_likelihood:.3f} ± {(high - low) / 2:.3f}",
                number(step.ms, 2),
            ]
        )
    lines = [
        table(["best view to add", "views", "honest %", "95 %", "log-lik, 95 %", "ms"], rows),
        wrapped("* stop here: the fewest views whose log-likelihood is within half a standard error of the best"),
        *([wrapped(curve_gain(curve.gain))] if curve.gain is not None else []),
        *([wrapped(f"The curve ends at {last} of {views} views.")] if last < views else []),
    ]
    if curve.png is not None:
        lines.append(f"  {curve.png}, {curve.json}")
    elif curve.json is not None:
        lines.append(wrapped(f"  {curve.json}; as an image too with: {install_hint('report')}", "  "))
    return lines


def _computed(engine: EngineReport | None, order: OrderReport | None) -> list[str]:
    """Return what computed, and what was proved of it."""
    lines = []
    if order is not None:
        lines.append(
            wrapped(
                f"Order and batch do not matter: over {order.images} images, shuffled and in other batches, no class "
                f"changes and no logit moves by more than {order.relative_difference:.1g} of the largest.",
                indent="  ",
            )
        )
    if engine is not None:
        against = (
            "" if engine.engine == "eager" else f", differs from plain PyTorch by at most {engine.relative_error:.1g}"
        )
        computed = f"engine {engine.engine}, {engine.precision}, {engine.device}, batch {engine.batch_size}{against}"
        lines.append(wrapped(computed))
    return lines
