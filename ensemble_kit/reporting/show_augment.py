"""What `ek show-augment` prints: where the sheet is, and what was done to the images."""

from ensemble_kit.reporting.terminal import wrapped
from ensemble_kit.results import AugmentReport


def shown(report: AugmentReport) -> str:
    """Return what `ek show-augment` prints."""
    switches = f"augment {report.augment}, flip {'on' if report.flip else 'off'}, mix {report.mix:g}"
    return "\n".join(
        [
            f"Sheet: {report.path}",
            wrapped(
                f"{report.data}: {len(report.image_ids)} training images at {report.size_px} px, as they are and "
                f"in {report.copies} epochs; seed {report.seed}; {switches}"
            ),
            *(wrapped(f"- {line}", indent="  ") for line in report.applied or ("nothing is changed",)),
            *(wrapped(line) for line in report.cautions),
        ]
    )
