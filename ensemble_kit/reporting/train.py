"""What `ek train` prints: a member, or a family as a table."""

from collections.abc import Sequence
from shlex import join, quote

from ensemble_kit.reporting.terminal import interval, number, percent, table, wrapped
from ensemble_kit.results import (
    FamilyReport,
    MemberReport,
    TrainReport,
)
from ensemble_kit.splits import OOF


def trained(report: TrainReport | FamilyReport) -> str:
    """Return what `ek train` prints: a member, or a family as a table."""
    if isinstance(report, FamilyReport):
        return _family(report)
    member = report.member
    test = f" and test ({member.test_images})" if member.test_images else "; no test folder, so no test logits"
    return "\n".join(
        [
            headline(member),
            wrapped(f"logits on {member.judged_on} ({member.val_images}){test}", "    ", f"  {member.path}  "),
            wrapped(
                f"checkpoint ({number(member.size_mb, 1)} MB), metrics.csv, config.yaml", "    ", f"  {report.run}  "
            ),
            *([wrapped(taught(report.unlabelled_images, report.teacher))] if report.teacher else []),
            *map(wrapped, report.notes),
            f"Next: ek tta --ckpt {quote(str(report.run))} --views flips",
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
    evaluated = members[0].judged_on
    mean = sum(member.val_accuracy for member in members) / len(members)
    low, high = (pick(member.val_accuracy for member in members) for pick in (min, max))
    lines = [
        table(["member", f"{evaluated} acc", "95 % interval", "log loss", "seconds"], rows),
        wrapped(
            f"mean {evaluated} accuracy {percent(mean)} ({percent(low)} to {percent(high)}) over {len(members)} members"
        ),
    ]
    if report.trained[0].teacher:
        lines.append(wrapped(taught(report.trained[0].unlabelled_images, report.trained[0].teacher)))
    lines += [wrapped(f"{one.member.name}: {note}") for one in report.trained for note in one.notes]
    families = [str(member.family) for member in members]
    folds = all("-fold-" in member.name for member in members)
    whole = folds and all(families.count(one) > 1 for one in families)  # one fold alone does not cover train
    oof = "" if evaluated == OOF else " --tune-on oof"
    lines.append(f"Next: ek blend {join(dict.fromkeys(families))}{oof}" if whole else "Next: ek blend")
    return "\n".join(lines)


def taught(images: int, teacher: Sequence[str]) -> str:
    """Return in a sentence what was learnt from beside train.

    Example:
        >>> taught(500, ["cnn", "vit"])
        'Learnt from 500 test images too, by soft labels: the mean probabilities of cnn, vit.'
    """
    return f"Learnt from {images} test images too, by soft labels: the mean probabilities of {', '.join(teacher)}."


def headline(member: MemberReport) -> str:
    """Return a member and its accuracy in one line."""
    return wrapped(
        f"Member '{member.name}': {member.judged_on} accuracy {percent(member.val_accuracy)} % "
        f"({interval(member.val_interval)}), log loss {member.val_log_loss:.3f}"
    )
