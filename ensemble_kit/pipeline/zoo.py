"""Which architectures there are, and how large they are."""

import models_zoo
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.results import ArchReport, ZooReport

DEFAULT_PX = 48


def zoo(classes: int = 10, size: int | None = None) -> ZooReport:
    """List the architectures with their parameters and size for so many classes.

    Args:
        size: side of the pictures in pixels; None means 48.

    Raises:
        InvalidOptionError: fewer than two classes, or a side that no architecture takes.
    """
    if classes < 2:
        raise InvalidOptionError(f"--classes is {classes}; wanted 2 or more.")
    return ZooReport(classes, tuple(_line(arch, classes, size or DEFAULT_PX) for arch in models_zoo.ARCHITECTURES))


def _line(arch: str, classes: int, size_px: int) -> ArchReport:
    row = models_zoo.ARCHITECTURES[arch]
    options = {name: option.default for name, option in row.options.items()}
    if arch == "timm:NAME":
        return ArchReport(arch, None, None, None, row.help, options)
    try:
        found = models_zoo.describe(arch, classes, size_px)
    except models_zoo.ZooError as error:
        raise InvalidOptionError(f"{error}") from error
    return ArchReport(arch, found.parameters, found.size_mb, size_px, row.help, options)
