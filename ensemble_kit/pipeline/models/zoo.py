"""Which architectures there are, how large they are, and whether pretrained weights are at hand."""

import models_zoo
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.entry import command
from ensemble_kit.results import ArchReport, PublishedWeights, ZooReport

DEFAULT_PX = 48


@command
def zoo(
    classes: int = 10,
    size: int | None = None,
) -> ZooReport:
    """List the architectures with their parameters and size for so many classes, and the weights that `auto` may use.

    Args:
        size: side of the images in pixels; None means 48, or what an architecture takes at least.

    Raises:
        InvalidOptionError: fewer than two classes, or a side that no architecture takes.
    """
    if classes < 2:
        raise InvalidOptionError(f"--classes is {classes}; wanted 2 or more.")
    own = [_line(arch, classes, size) for arch in models_zoo.ARCHITECTURES]
    return ZooReport(classes, (*own, *map(_published, models_zoo.IMAGENET)))


def _line(arch: str, classes: int, size: int | None) -> ArchReport:
    row = models_zoo.find(arch)
    size_px = size or max(DEFAULT_PX, row.smallest_px)
    options = {name: option.default for name, option in row.options.items()}
    unset = {name: option.unset for name, option in row.options.items() if option.unset}
    if arch == "timm:NAME":
        return ArchReport(arch, None, None, None, row.help, options, "hub", unset)
    try:
        found = models_zoo.describe(arch, classes, size_px)
    except models_zoo.ZooError as error:
        raise InvalidOptionError(f"{error}") from error
    where = models_zoo.weights_at_hand(arch)
    return ArchReport(arch, found.parameters, found.size_mb, size_px, row.help, options, where, unset)


def _published(arch: str) -> ArchReport:
    """Return a network by its ImageNet weights, as they are published."""
    row = models_zoo.IMAGENET[arch]
    return ArchReport(
        arch,
        round(1e6 * row.parameters_m),
        row.size_mb,
        row.own_px,
        row.family,
        {},
        models_zoo.weights_at_hand(arch),
        published=PublishedWeights(row.licence, row.hub, row.gmacs, row.cpu, row.gpu),
    )
