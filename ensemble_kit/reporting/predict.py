"""What `ek predict` prints."""

import math

from ensemble_kit.reporting.terminal import IMAGES, counted, interval, percent, wrapped
from ensemble_kit.results import AbstentionReport, EarlyExitReport, PredictReport
from ensemble_kit.splits import OOF

MOST_NAMED = 8  # steps, in their order


def predicted(report: PredictReport) -> str:
    """Return what `ek predict` prints."""
    read = report.pictures - report.unreadable
    who = f"blend '{report.name}'" if report.blend else f"member '{report.name}'"
    parts = [report.method, *([counted(len(report.members), "member")] if report.blend else [])]
    parts.append(counted(report.views, "view"))
    lines = [wrapped(f"{counted(read, 'image')} by {who}: {', '.join(parts)}; {report.seconds:.1f} s")]
    if report.unreadable:
        lines.append(
            wrapped(
                f"{counted(report.unreadable, 'image')} could not be read and "
                f"{'has' if report.unreadable == 1 else 'have'} no label; the column `error` says why. First: "
                f"{report.first_unreadable}",
                indent="  ",
            )
        )
    if report.cascade is not None:
        lines.append(wrapped(_early_exit(report.cascade), indent="  "))
    if report.abstain is not None:
        lines.append(wrapped(_abstained(report.abstain, report.abstained, read), indent="  "))
    if report.abstain is not None and report.blend and report.abstain.judged_on == OOF:
        lines.append(wrapped("There each image has one fold model of a family, here the mean of all.", indent="  "))
    return "\n".join([*lines, f"  {report.path}"])


def _early_exit(stop: EarlyExitReport) -> str:
    """Return what asking no further than needed saved, and what it may cost."""
    if len(stop.order) == 1:
        return f"early exit: '{stop.order[0]}' alone runs, so there is nothing to save"
    if stop.kind == "all":
        return (
            f"early exit: every step ran for every image: {stop.judged_on} cannot promise that stopping "
            f"early loses {percent(stop.wanted_loss)} % at most. Allow more by --early-exit, or blend by prob-mean, "
            "which stops where nothing can change"
        )
    work = "" if stop.saved_ms is None else f"{percent(stop.saved_ms)} % of the work (ms) and "
    shown = [*stop.order[:MOST_NAMED], *(["..."] if len(stop.order) > MOST_NAMED else [])]
    said = f"early exit: {work}{percent(stop.saved_passes)} % of forward passes saved"
    order = f". Order: {', '.join(shown)}"
    if stop.kind == "exact":
        return f"{said}, exactly: no class differs from that of the whole blend{order}"
    return (
        f"{said}, at the risk of some accuracy: on {stop.judged_on}, cross-fitted, {percent(stop.loss)} % of "
        f"images were lost, {percent(stop.loss_at_most)} % at most (95 %), and "
        f"{percent(stop.expected_saved)} % of the work saved; {percent(stop.wanted_loss)} % may be lost{order}"
    )


def _abstained(abstain: AbstentionReport, flagged: int, read: int) -> str:
    """Return how many images are flagged, and what may be expected of the others."""
    if abstain.wanted_accuracy is None:
        return f"abstained: {_share(flagged, read)} below {abstain.threshold:g}"
    wanted = f"{percent(abstain.wanted_accuracy)} %"
    if math.isinf(abstain.threshold):
        few = (abstain.val_images or 0) < (abstain.fewest or 0)
        return (
            f"abstained: on all images. On {abstain.val_images} {IMAGES[abstain.judged_on]} no threshold promises "
            f"that {wanted} of the answered images are right: "
            f"{'that takes' if few else 'the answers are too often wrong, and that takes'} "
            f"at least {abstain.fewest} answered images with one error. Ask for less by --accuracy, or set "
            "--abstain-below yourself"
        )
    assert abstain.coverage_interval is not None
    assert abstain.accuracy_interval is not None
    return (
        f"abstained: {_share(flagged, read)} below {abstain.threshold:.3f}, found on {abstain.judged_on} for {wanted} "
        f"right among the answered. There, cross-fitted: {percent(abstain.coverage)} % are answered (95 %: "
        f"{interval(abstain.coverage_interval)}), and {percent(abstain.accuracy)} % of these are right (95 %: "
        f"{interval(abstain.accuracy_interval)}; one-sided: at least {percent(abstain.accuracy_at_least)})"
    )


def _share(flagged: int, read: int) -> str:
    return f"{flagged:,} of {read:,} ({percent(flagged / read)} %)"
