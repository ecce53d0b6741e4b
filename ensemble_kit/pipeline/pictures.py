"""A data folder as decoded splits of one size, with their fingerprints."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images.cache import digest_files, load_images, median_side
from ensemble_kit.images.decode import RESIZE
from ensemble_kit.images.folders import DataSet, Split, fingerprint, read_folders
from ensemble_kit.reporting.progress import Watch, say

SIZES_PX = (8, 1024)
DEFAULT_SIZES_PX = (16, 128)

Images = UInt8[np.ndarray, "_ 3 size size"]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Every split of a data folder, decoded (memory-mapped) at one size."""

    data: DataSet
    size_px: int
    images: Mapping[str, Images]
    fingerprints: Mapping[str, str]

    def split(self, name: str) -> Split:
        """Return ids and labels of a split."""
        return self.data.splits[name]

    @property
    def preprocessing(self) -> dict[str, int | str]:
        """How a file becomes an input, as a manifest records it."""
        return {"size_px": self.size_px, "resize": RESIZE}


def open_pictures(
    data: Path, size: int | None, val_fraction: float | None, seed: int, cache: Path, quiet: bool
) -> Pictures:
    """Find and decode the pictures of every split.

    Args:
        size: the side in pixels; None takes the pictures' median, within 16 to 128.
        val_fraction, seed: see `images.folders.read_folders`.

    Raises:
        BadDataError, InvalidOptionError, ResourceError: as the images island says.
    """
    if size is not None and not SIZES_PX[0] <= size <= SIZES_PX[1]:
        raise InvalidOptionError(f"--size is {size}; wanted a whole number from {SIZES_PX[0]} to {SIZES_PX[1]}.")
    found = read_folders(data, val_fraction, seed)
    if found.passed_over:
        say(f"Passed over {found.passed_over} files that are no pictures by their name.", quiet)
    digests = {name: digest_files(split.paths) for name, split in found.splits.items()}
    if size is None:
        low, high = DEFAULT_SIZES_PX
        size = min(max(median_side(found.splits["train"].paths), low), high)
    total = sum(len(split.ids) for split in found.splits.values())
    with Watch("decode", total, quiet) as watch:
        images = {
            name: load_images(split.paths, digests[name], size, cache, watch.advance)
            for name, split in found.splits.items()
        }
    marks = {name: fingerprint(split, digests[name], found.classes) for name, split in found.splits.items()}
    return Pictures(found, size, images, marks)
