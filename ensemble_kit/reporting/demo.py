"""What `ek demo` and `ek demo-data` print."""

from shlex import quote

from ensemble_kit.reporting.terminal import interval, percent, table, wrapped
from ensemble_kit.results import DemoDataReport, DemoReport


def drawn(report: DemoDataReport) -> str:
    """Return what `ek demo-data` prints."""
    said = (
        f"Drew a synthetic data set of {len(report.classes)} cartoon characters in {report.path}: "
        f"{report.train_images} train, {report.val_images} val, {report.test_images} test images "
        f"(the truth about test is in {report.path.name}/test-labels.csv, for measuring)."
    )
    return f"{wrapped(said)}\nNext: ek train --data {quote(str(report.path))} --arch cnn"


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
            wrapped("Accuracy on synthetic images drawn for this demo; their test labels are known."),
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
            "With your own images in DIR: ek train --data DIR --arch cnn",
        ]
    )
