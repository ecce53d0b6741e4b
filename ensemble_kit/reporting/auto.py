"""What `ek auto` prints: the plan, then what each member added."""

from collections.abc import Iterator

from ensemble_kit.reporting.blend import expected_on_test
from ensemble_kit.reporting.terminal import interval, percent, points, table, wrapped
from ensemble_kit.results import AutoReport, FlipReport

_UNLABELLED = (
    "The last one learns from the test images too, by soft labels of those before it; its epochs are longer, and fewer."
)


def done(report: AutoReport) -> str:
    """Return the plan where nothing was trained, else what was, what it is worth, and where it lies."""
    if report.blend is None:
        return _plan(report)
    blend = report.blend
    rows = [
        [
            one.name,
            str(one.size_px),
            str(one.epochs),
            f"{one.train_s:.0f}",
            str(one.views),
            percent(one.val_accuracy),
            percent(one.honest_accuracy),
            "-" if one.added is None else points(one.added),
        ]
        for one in report.steps
    ]
    lines = [
        table(["member", "px", "epochs", "train s", "views", "val acc", "blend so far", "added"], rows),
        wrapped(
            f"val acc: a member's own, with its views, on {blend.evaluated.val_images} images. blend so far: of this "
            "member and those above it, cross-fitted on val; added: points more than in the row above, without an "
            "interval, so no proof."
        ),
        "",
        wrapped(
            f"Blend '{report.name}': honest estimate {percent(blend.honest_accuracy)} % "
            f"({interval(blend.honest_interval)})"
        ),
        *map(wrapped, _taught(report)),
        *map(wrapped, expected_on_test(blend)),
        wrapped(blend.verdict),
        *(wrapped(note) for note in blend.notes),
        *map(wrapped, _fetched(report)),
        wrapped(_flips(report.flips)),
        f"{report.used_s / 60:.1f} of {report.minutes:g} min used.",
    ]
    if report.submission_path is not None:
        lines.append(f"Submission: {report.submission_path}")
    return "\n".join(lines)


def _taught(report: AutoReport) -> Iterator[str]:
    """Yield which member learnt from unlabelled images, where that was asked for, and whose soft labels."""
    taught = [one for one in report.steps if one.teacher]
    for one in taught:
        yield f"{one.name} learnt from the test images too, by soft labels of {', '.join(one.teacher)}."
    if report.unlabelled and not taught:
        yield "No member learnt from the test images: none stood before the last one to give them soft labels."


def _plan(report: AutoReport) -> str:
    """Return the plan as a table."""
    rows = [
        [
            one.name,
            one.recipe,
            "yes" if one.pretrained else "no",
            str(one.size_px),
            str(one.epochs),
            "done" if one.done else _clock(one.seconds),
        ]
        for one in report.plan
    ]
    total_s = sum(one.seconds for one in report.plan if not one.done)
    return "\n".join(
        [
            table(["member", "recipe", "pre-trained", "px", "epochs", "minutes"], rows),
            wrapped(
                f"{_clock(total_s)} of {report.minutes:g} min, {report.used_s / 60:.1f} of them used; "
                "the rest is for blending and a margin."
            ),
            *map(wrapped, _fetched(report)),
            *([wrapped(_UNLABELLED)] if report.unlabelled else []),
            wrapped(_flips(report.flips)),
            wrapped("Nothing was trained. Next: the same without --plan"),
        ]
    )


def _fetched(report: AutoReport) -> list[str]:
    """Return what was fetched, and why no more was."""
    lines = [
        f"Fetched: the weights of {one.arch}, {one.size_mb:.1f} MB, {one.licence}, in {one.seconds:.0f} s."
        for one in report.fetched
    ]
    return lines if report.not_fetched is None else [*lines, f"{report.not_fetched} What was at hand was taken."]


def _flips(flips: FlipReport) -> str:
    """Return in a few lines whether images are mirrored, and why."""
    done = f"Images are {'' if flips.flip else 'not '}mirrored"
    remedy = "Where a mirrored image keeps its class: --flip"
    if flips.images == 0:
        return f"{done}: there are too few of them, or of their groups, to find out whether they may be. {remedy}"
    if flips.asked:
        return f"{done}, as asked."
    if flips.accuracy_without is None or flips.accuracy_with is None:
        return f"{done}, as an older version found."
    if flips.swapped is not None:
        one, other = flips.swapped
        return f"{done}: a small network takes mirror images of '{one}' for '{other}', and the other way round."
    has = (
        f"trained with mirror images a small network has {percent(flips.accuracy_with)} % of {flips.images} held-out "
        f"training images right, without {percent(flips.accuracy_without)} %"
    )
    most = "any share" if flips.lost_at_most is None else f"at most {max(0.0, 100 * flips.lost_at_most):.0f} %"
    if flips.verdict == "harmless":
        return f"{done}: {has}, so mirroring costs {most} of what it has learnt (95 %)."
    if flips.verdict != "unclear":
        return f"{done}: {has}."
    if not flips.in_time:
        return f"{done}: there was no time to find out whether they may be ({has}). More --minutes, or: {remedy}"
    return (
        f"{done}: it could not be found out whether they may be: {has}, so mirroring may cost {most} of what it has "
        f"learnt (95 %). {remedy}"
    )


def _clock(seconds: float) -> str:
    """Return seconds as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
