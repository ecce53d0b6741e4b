"""What a member's views are worth, and which of them do harm."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ensemble_kit.disk import SEAL, seal
from ensemble_kit.ensembling.combining import merge_views, softmax
from ensemble_kit.ensembling.diagnostics import CurveGain, Harm, ViewHarm, find_harm, view_curve
from ensemble_kit.ensembling.evaluation import Procedure, compare_scored, cross_fit, repeats_of
from ensemble_kit.ensembling.statistics import FEWEST_IMAGES, PSEUDO_SHARE, why_not_fitted
from ensemble_kit.ensembling.tuning import TunedViews, condensed, tune
from ensemble_kit.metrics import accuracy, log_loss
from ensemble_kit.reporting.terminal import note, say
from ensemble_kit.results import (
    ClassHarmReport,
    CurveGainReport,
    CurveReport,
    CurveStepReport,
    EngineReport,
    OrderReport,
    TtaReport,
    ViewReport,
    as_json,
)
from ensemble_kit.storage.files import IsOurs, is_sealed, is_sealed_png, keep_aside, replace_file, seal_png
from ensemble_kit.storage.members import Manifest
from ensemble_kit.types import Labels, Predictions, align


def tta_report(
    val: Predictions,
    chosen: TunedViews,
    choose: str,
    manifest: Manifest,
    *,
    curve: CurveReport | None,
    computed: tuple[str, ...],
    same: Mapping[str, str],
    engine: EngineReport | None,
    order: OrderReport | None,
    path: Path,
) -> TtaReport:
    """Return the report of a member whose views were weighed, its figures found on the evaluation images.

    Args:
        val: the evaluation images as the member sees them.
        chosen: how its views were weighed; choose: by which way.
    """
    assert val.labels is not None
    pool = align([val])
    procedures = {name: _procedure(name) for name in (choose, "none")}
    honest = cross_fit(pool, procedures, repeats=repeats_of(len(pool.ids)))
    gain = compare_scored(honest[choose], honest["none"], "accuracy", val.groups, pseudo_share=PSEUDO_SHARE)
    likelier = compare_scored(honest["none"], honest[choose], "log-loss", val.groups)  # less loss is likelier
    before, after = softmax(val.logits[0]), softmax(merge_views(val.logits, chosen.view_weights))
    harm = find_harm(val.logits, val.labels, val.ids, val.groups)
    return TtaReport(
        member=manifest.name,
        choose=choose,
        views=_views(val, harm, manifest),
        class_harm=_class_harm(val, harm),
        smallest_harm=harm.smallest,
        smallest_class_harm=harm.smallest_in_class,
        smallest_likelihood_harm=harm.smallest_likelihood,
        curve=curve,
        judged_on=val.split,
        val_images=len(val.ids),
        val_accuracy_before=accuracy(before.argmax(axis=1), val.labels),
        val_accuracy_after=accuracy(after.argmax(axis=1), val.labels),
        val_log_loss_before=log_loss(before, val.labels),
        val_log_loss_after=log_loss(after, val.labels),
        honest_accuracy=honest[choose].accuracy,
        honest_interval=honest[choose].interval(val.groups),
        gain=gain.difference,
        gain_interval=gain.interval,
        gain_p=gain.p,
        resolvable=gain.resolvable,
        likelihood_gain=likelier.difference,
        likelihood_gain_interval=likelier.interval,
        likelihood_gain_p=likelier.p,
        ridge=chosen.ridge,
        computed=computed,
        same=same,
        engine=engine,
        order=order,
        note=_unfitted(choose, val.labels),
        path=path,
    )


def _unfitted(choose: str, labels: Labels) -> str | None:
    """Return the note on view weights that could not be fitted; None where they were, or need not be."""
    reason = None if choose in ("equal", "none") else why_not_fitted(labels)
    if reason == "too-few":
        return note("too-few-for-views", images=len(labels), fewest=FEWEST_IMAGES)
    return reason and note("one-class-for-views")


def _procedure(choose: str) -> Procedure:
    """Return the way from a pool of one member to its weighed views."""
    return lambda pool: tune(pool, "logit-sum", "equal", [choose])


def curve_of(val: Predictions, manifest: Manifest, reports: Path) -> CurveReport | None:
    """Return the curve of accuracy and likelihood against the number of views, and save it; None for a lone view."""
    assert val.labels is not None
    if len(val.views) == 1 or why_not_fitted(val.labels) is not None:
        return None
    small = condensed(align([val]))
    assert small.labels is not None
    found = view_curve(small.logits[0], small.labels, val.ids, val.groups)
    ms = dict(zip(manifest.views, manifest.view_ms, strict=True)) if manifest.view_ms else {}
    steps, cost = [], 0.0
    for step in found.steps:
        view = val.views[step.added]
        cost += ms.get(view, 0.0)
        steps.append(
            CurveStepReport(
                views=step.views,
                added=view,
                accuracy=step.accuracy,
                interval=step.interval,
                log_likelihood=step.log_likelihood,
                log_likelihood_interval=step.log_likelihood_interval,
                ms=cost if ms else None,
            )
        )
    curve = CurveReport(tuple(steps), found.stop, None, None, _curve_gain(found.gain))
    return _saved(curve, manifest.name, len(val.ids), reports)


def _curve_gain(gain: CurveGain) -> CurveGainReport:
    return CurveGainReport(
        views=gain.views,
        over=gain.over,
        accuracy=gain.accuracy,
        accuracy_interval=gain.accuracy_interval,
        accuracy_p=gain.accuracy_p,
        likelihood=gain.likelihood,
        likelihood_interval=gain.likelihood_interval,
        likelihood_p=gain.likelihood_p,
    )


def _views(val: Predictions, harm: Harm, manifest: Manifest) -> tuple[ViewReport, ...]:
    assert val.labels is not None
    alone = [accuracy(logits.argmax(axis=1), val.labels) for logits in val.logits]
    ms: Mapping[str, float] = dict(zip(manifest.views, manifest.view_ms, strict=True)) if manifest.view_ms else {}
    weights = dict(zip(manifest.views, manifest.view_weights, strict=True))
    plain = [
        ViewReport(
            view=view,
            val_accuracy=alone[i],
            change=round((alone[i] - alone[0]) * len(val.ids)) / len(val.ids),
            weight=weights[view],
            beside=None,
            beside_interval=None,
            beside_p=None,
            harmful=False,
            ms=ms.get(view),
        )
        for i, view in enumerate(val.views)
    ]
    return (plain[0], *(_beside(report, one) for report, one in zip(plain[1:], harm.views, strict=True)))


def _beside(report: ViewReport, one: ViewHarm) -> ViewReport:
    """Return the report of a view with what it does beside identity."""
    return replace(
        report,
        beside=one.difference,
        beside_interval=one.interval,
        beside_p=one.adjusted_p,
        harmful=one.harmful,
        likelihood=one.likelihood.difference,
        likelihood_interval=one.likelihood.interval,
        likelihood_t=one.likelihood.t,
        likelihood_p=one.likelihood_p,
    )


def _class_harm(val: Predictions, harm: Harm) -> tuple[ClassHarmReport, ...]:
    return tuple(
        ClassHarmReport(
            view=val.views[one.view],
            class_name=val.classes[one.class_index],
            images=one.images,
            change=one.difference,
            lost=one.lost,
            won=one.won,
            p=one.adjusted_p,
        )
        for one in harm.classes
    )


def _saved(curve: CurveReport, member: str, images: int, reports: Path) -> CurveReport:
    """Save the numbers and, where matplotlib is installed, the image of a curve; return it with both places."""
    from ensemble_kit.reporting import view_curve_plot

    path = reports / f"{member}-views.json"
    content = json.loads(as_json(curve))
    _keep_aside(path, _is_curve)
    replace_file(path, seal({**content, "member": member, "val_images": images}))
    image = view_curve_plot(curve, member, images)
    png = path.with_suffix(".png") if image is not None else None
    if png is not None and image is not None:
        _keep_aside(png, is_sealed_png)
        replace_file(png, seal_png(image))
    return replace(curve, json=path, png=png)


def _keep_aside(path: Path, is_ours: IsOurs) -> None:
    """Keep a file that was edited, or is another's, before a curve takes its name."""
    aside = keep_aside(path, is_ours)
    if aside is not None:
        say(f"{path} is not as ek wrote it; kept as {aside}.")


def _is_curve(data: bytes) -> bool:
    """Say whether the bytes are a curve as ek wrote it; those of earlier versions bear no seal."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return False
    before = isinstance(content, dict) and {"steps", "stop", "val_images"} <= content.keys() and SEAL not in content
    return is_sealed(data) or (before and json.dumps(content, indent=2).encode() == data)
