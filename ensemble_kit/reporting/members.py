"""What `ek members` prints: every member and how good it is; what was added, removed, renamed."""

from collections.abc import Sequence

from ensemble_kit.metrics import HAVE_COLUMNS, METRICS
from ensemble_kit.reporting.terminal import IMAGES, bare_score, number, percent, score_interval, table, wrapped
from ensemble_kit.reporting.train import headline
from ensemble_kit.results import MemberReport, MembersReport, RemovedReport, RenamedReport
from ensemble_kit.splits import VAL


def added(member: MemberReport) -> str:
    """Return what `ek members add` prints."""
    lines = [wrapped(f"  {line}", "    ") for line in member.taken]
    return "\n".join([headline(member), f"  {member.path}", *lines, *map(wrapped, member.notes)])


def removed(report: RemovedReport) -> str:
    """Return what `ek members rm` prints."""
    return wrapped(f"Removed {report.name}; its run, if any, is left in place.")


def renamed(report: RenamedReport) -> str:
    """Return what `ek members rename` prints."""
    return wrapped(f"Renamed {report.name} to {report.new_name}.")


def members(report: MembersReport) -> str:
    """Return what `ek members` prints."""
    if not report.members:
        return wrapped("No members yet. Next: ek train --data DIR --arch cnn")
    other = "accuracy" if report.metric == "log-loss" else "log-loss"
    rows = [
        [
            member.name,
            bare_score(member.metric, member.val_score),
            score_interval(member.metric, member.val_score_interval),
            bare_score(other, member.val_accuracy if other == "accuracy" else member.val_log_loss),
            percent(member.calibration_error),
            str(len(member.views)),
            "-" if member.parameters is None else f"{member.parameters / 1e6:.2f}",
            number(member.size_mb, 1),
            number(member.ms_per_image, 2),
        ]
        for member in report.members
    ]
    heading, beside = (_heading(metric, report.members) for metric in (report.metric, other))
    header = ["member", heading, "95 % interval", beside, "ECE %", "views", "M par", "MB", "ms"]
    meaning = f"; {heading}: {report.metric}" if report.metric not in HAVE_COLUMNS else ""
    said = f"on {_evaluated_on(report.members)}; ms: per image and view{meaning}"
    lines = [table(header, rows), wrapped(said)]
    for split in IMAGES:
        evaluated = [member.name for member in report.members if member.val_used_for and member.judged_on == split]
        if evaluated:
            said = f"{split} also decided how these were made, so theirs is optimistic: {', '.join(evaluated)}"
            lines.append(wrapped(said))
    if report.verified is not None:
        lines.append(wrapped(f"verified: {report.verified} files, every sha256 as recorded"))
    return "\n".join(lines)


def _heading(metric: str, members: Sequence[MemberReport]) -> str:
    """Return what a column of figures is called: `val %` is `oof %` where no member has val."""
    heading = METRICS[metric].heading
    return heading if any(one.judged_on == VAL for one in members) else heading.replace("val", "oof")


def _evaluated_on(members: Sequence[MemberReport]) -> str:
    """Return how many images members are evaluated on, and of which split; those without val are named."""
    counts = {split: sorted({one.val_images for one in members if one.judged_on == split}) for split in IMAGES}
    said = {split: f"{' or '.join(map(str, some))} {IMAGES[split]}" for split, some in counts.items() if some}
    if len(said) == 1:
        return next(iter(said.values()))
    bare = [one.name for one in members if one.judged_on != VAL]
    return f"{said['val']}; {', '.join(bare)}, without val, on {said['oof']}"
