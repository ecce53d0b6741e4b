"""What `ek probe` prints."""

from shlex import quote

from ensemble_kit.reporting.terminal import interval, number, percent, wrapped
from ensemble_kit.results import ProbeReport


def probed(report: ProbeReport) -> str:
    """Return the member, how it was made, and what to type next."""
    member = report.member
    test = f" and test ({member.test_images})" if member.test_images else "; no test folder, so no test logits"
    mirrored = " and mirrored" if report.flip else ""
    features = (
        f"{report.computed} images embedded in {report.features_s:.1f} s"
        if report.computed
        else "all features were in the cache"
    )
    fitted = (
        f"  {report.features} features of {report.arch}; {report.train_images} train images{mirrored}; L2 penalty "
        f"{report.penalty:.2g}, by 5-fold cross-validation in train ({percent(report.train_accuracy)} %, log loss "
        f"{report.train_log_loss:.3f})"
    )
    return "\n".join(
        [
            wrapped(
                f"Member '{member.name}': val accuracy {percent(member.val_accuracy)} % "
                f"({interval(member.val_interval)}), log loss {member.val_log_loss:.3f}"
            ),
            wrapped(fitted, indent="  "),
            wrapped(f"  {features}; {report.seconds:.1f} s in all", indent="  "),
            wrapped(f"logits on val ({member.val_images}){test}", "    ", f"  {member.path}  "),
            wrapped(
                f"checkpoint ({number(member.size_mb, 1)} MB), metrics.csv, config.yaml", "    ", f"  {report.run}  "
            ),
            f"Next: ek tta --ckpt {quote(str(report.run))} --views flips",
        ]
    )
