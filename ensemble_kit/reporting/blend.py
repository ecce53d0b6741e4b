"""What `ek blend` prints: the blend, what it is worth, and in plain words whether that is real.

Figures measured on rows that were tuned on are called tuned, and optimistic; all others
are cross-fitted or, where val decided nothing, those of the blend as it is. At most 80 columns.
"""

import math
from collections.abc import Iterator

from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.terminal import (
    IMAGES,
    against,
    bare_score,
    interval,
    number,
    on_test,
    percent,
    points,
    score_interval,
    table,
    temperature,
    wrapped,
)
from ensemble_kit.results import BlendReport, Figures, Gain
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.verdicts import Verdict


def blended(report: BlendReport) -> str:
    """Return what `ek blend` prints, a block a question."""
    blocks = [
        _weights(report),
        _worth(report),
        _calibration(report),
        _costs(report),
        _methods(report),
        _contributions(report),
        _certificate(report),
        "\n".join(_written(report)),
    ]
    return "\n\n".join(block for block in blocks if block)


def verdict(report: BlendReport) -> str:
    """Return in plain words whether the blend is worth more than its baselines, as `verdicts` decides."""
    evaluated, families = report.evaluated, report.numbers.families
    grouped = "" if evaluated.groups is None else f" in {evaluated.groups} groups"
    where = f"On these {evaluated.val_images} {IMAGES[evaluated.judged_on]}{grouped}"
    word, plural = ("family", "families") if families else ("member", "members")
    shares = report.numbers.shares
    if len(shares) == 1:
        return f"Only one {word}: weights are trivial."
    picked = f"picking the best single {word} ('{report.best_single.name}')"
    single = _against(report.vs_best_single, picked, report.best_single.gain, report)
    if max(shares) - min(shares) < 1e-9:
        return f"All {plural} weigh the same. {where} this blend {single}."
    equal = _against(report.vs_equal, report.equal.name, report.equal.gain, report)
    return f"{where} this blend {equal}. It {single}."


def _against(verdict: Verdict, baseline: str, gain: Gain, report: BlendReport) -> str:
    """Return what is to be said of the blend against a baseline, with the figures that carry it."""
    figures = gain.difference, gain.interval, gain.p, report.evaluated.ledger_trials, gain.resolvable
    return against(verdict, baseline, report.procedure.metric, *figures)


def expected_on_test(report: BlendReport) -> Iterator[str]:
    """Yield which accuracy to expect on test, where accuracy is what was asked for and there are test images."""
    evaluated = report.evaluated
    if report.procedure.metric == "accuracy" and report.expected_on_test is not None and evaluated.test_images:
        yield on_test(report.expected_on_test, evaluated.test_images, evaluated.judged_on)


def _weights(report: BlendReport) -> str:
    numbers = report.numbers
    if numbers.families:
        header = ["family", "folds", "weight", "temperature"]
        rows = [
            [one.family, str(len(one.members)), f"{one.weight:.3f}", temperature(one.temperature)]
            for one in numbers.families
        ]
    else:
        header = ["member", "weight", "temperature"]
        rows = [
            [name, f"{weight:.3f}", temperature(numbers.temperatures[name])] for name, weight in numbers.weights.items()
        ]
    shown = table(header, rows)
    return shown if numbers.cost_ms is None else f"{shown}\n{number(numbers.cost_ms, 2)} ms per image"


def _worth(report: BlendReport) -> str:
    """Return tuned and honest figures beside those of the baselines, and the verdict."""
    metric, judged_on = report.procedure.metric, report.evaluated.judged_on
    lines: tuple[tuple[str, Figures], ...] = (
        (f"best single: {report.best_single.name}", report.best_single),
        (report.equal.name, report.equal),
        (f"this blend: {report.procedure.method}, {report.procedure.weights_method}", report.this),
    )
    title = f"on {judged_on}" if metric == "accuracy" else f"{metric} on {judged_on}"
    unit = " %" if METRICS[metric].unit == "%" else ""
    rows = [
        [
            name,
            bare_score(metric, figures.tuned_score),
            bare_score(metric, figures.honest_score),
            score_interval(metric, figures.honest_score_interval),
        ]
        for name, figures in lines
    ]
    header = [title, f"tuned{unit}", f"honest{unit}", "95 % interval"]
    if report.procedure.tuned_on != judged_on:
        header, rows = _without_tuned(header), list(map(_without_tuned, rows))
    return "\n".join(
        [
            table(header, rows),
            _meaning(report),
            *map(wrapped, expected_on_test(report)),
            "",
            wrapped(report.verdict),
            *map(wrapped, report.notes),
        ]
    )


def _without_tuned(row: list[str]) -> list[str]:
    """Return a row without its second column: what it is evaluated on was not tuned on."""
    return [row[0], *row[2:]]


def _meaning(report: BlendReport) -> str:
    """Return what tuned and honest figures are."""
    images = report.evaluated.val_images
    if report.evaluated.judged_on == OOF:
        tuned = "tuned: on the tuning set, optimistic;"
        honest = (
            f"honest: cross-fitted on the {images} out-of-fold images of train, all choices repeated inside each "
            "fold. There each image has the logits of the one fold model that was not trained on it; test logits are "
            "the mean over all fold models."
        )
        return "\n".join([wrapped(tuned), wrapped(honest)])
    if report.procedure.tuned_on == VAL:
        tuned = f"{images} val images. tuned: on the tuning set, optimistic;"
        return "\n".join([wrapped(tuned), wrapped("honest: cross-fitted, all choices repeated inside each fold.")])
    return wrapped(
        f"{images} val images, none of which was tuned on; honest: the blend as it is. It was tuned on "
        f"{report.evaluated.tuned_images} images of train, each by the networks that had not seen it; of those it "
        f"has {percent(report.this.tuned_oof_accuracy)} % right, one network a family."
    )


def _calibration(report: BlendReport) -> str:
    """Return calibration before and after, and how different the members are."""
    lines = []
    pair = (("before, every temperature 1", report.calibration_before), ("after, honest", report.calibration_after))
    rows = [
        [name, percent(one.calibration_error), f"{one.brier:.3f}", f"{one.log_loss:.3f}"]
        for name, one in pair
        if one is not None
    ]
    if rows:
        lines.append(table(["calibration", "ECE %", "Brier", "log loss"], rows))
    if report.diversity.disagreement is not None:
        lines.append(wrapped(_diversity(report)))
    return "\n".join(lines)


def _diversity(report: BlendReport) -> str:
    """Return in one sentence how different the members are."""
    seen = report.diversity
    those = "Families" if report.evaluated.judged_on == OOF else "Members"
    said = (
        f"{those}: {percent(seen.mean_accuracy)} % right on average, at least one of them "
        f"{percent(seen.oracle_accuracy)} %; two differ in who is right on {percent(seen.disagreement)} % of the "
        f"images and both fail on {percent(seen.double_fault)} % (Yule's Q {number(seen.q, 2)}, correlation "
        f"{number(seen.correlation, 2)})."
    )
    worth = seen.equivalent_members
    if worth is None:
        return said
    if math.isinf(worth):
        return f"{said} The blend, cross-fitted, has a lower log loss than the mean of all of them."
    return (
        f"{said} Deep-ensemble equivalent: {worth:.1f}. The mean of so many members, chosen at random, has the same "
        "log loss as the blend (cross-fitted)."
    )


def _costs(report: BlendReport) -> str:
    """Return the accuracy that less time would buy."""
    if not report.full.costs:
        return ""
    rows = [
        [
            f"{cost.ms:.3g}",
            str(len(cost.members)),
            percent(cost.honest_accuracy),
            interval(cost.honest_interval),
            "yes" if cost.on_front else "",
        ]
        for cost in report.full.costs
    ]
    weighed = "families" if report.numbers.families else "members"
    header = ["ms per image", weighed, "honest %", "95 % interval", "Pareto front"]
    shown = table(header, rows, left=0)
    return "\n".join(
        [
            shown,
            wrapped(
                "Pareto front: nothing as quick has a higher figure; figures whose intervals meet may differ by chance."
            ),
        ]
    )


def _methods(report: BlendReport) -> str:
    if not report.full.methods:
        return ""
    rows = [
        [
            f"{one.method}, {one.weights_method}",
            percent(one.tuned_val_accuracy),
            percent(one.honest_accuracy),
            interval(one.honest_interval),
        ]
        for one in report.full.methods
    ]
    header = ["accuracy by method", "tuned %", "honest %", "95 % interval"]
    if report.procedure.tuned_on != report.evaluated.judged_on:
        header, rows = _without_tuned(header), list(map(_without_tuned, rows))
    lines = [table(header, rows)]
    if len(rows) > 1:
        lines.append(
            wrapped(
                f"The best of {len(rows)} on one {report.evaluated.judged_on} is flattered by the choice: take another "
                "method only for a reason that you had before."
            )
        )
    return "\n".join(lines)


def _contributions(report: BlendReport) -> str:
    """Return what each member adds; sampled values with their error."""
    if not report.full.contributions:
        return ""
    sampled = any(one.standard_error > 0 for one in report.full.contributions)
    rows = [
        [one.member, points(one.value), *([f"{100 * one.standard_error:.1f}"] if sampled else [])]
        for one in report.full.contributions
    ]
    header = ["Shapley value", "points", *(["sampling error"] if sampled else [])]
    return "\n".join([table(header, rows), wrapped("of honest accuracy, above guessing the most frequent class")])


def _certificate(report: BlendReport) -> str:
    """Return in words what was proven."""
    proof = report.full.certificate
    if proof is None:
        return ""
    proven = (
        f"Proof: no weights have more than {proof.bound} of {_tuned_images(report)} right by a margin of "
        f"{proof.epsilon:.0e}; the best that were found have {proof.best}"
    )
    end = "." if proof.gap == 0 else f", so {proof.gap} are open after {proof.seconds:.1f} s."
    return wrapped(f"{proven}{end} This holds for these images alone.")


def _tuned_images(report: BlendReport) -> str:
    """Return what was tuned on, and how many of them."""
    return f"{report.evaluated.tuned_images} {IMAGES[report.procedure.tuned_on]}"


def _written(report: BlendReport) -> Iterator[str]:
    yield f"blend       {report.blend_path}"
    if report.submission_path is not None:
        yield f"submission  {report.submission_path}"
