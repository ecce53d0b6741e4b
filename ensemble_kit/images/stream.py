"""Images decoded chunk by chunk, kept nowhere: for more of them than memory or a disk cache should hold.

The same pixels as through the cache, bit by bit; each image is decoded once, for every size.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.cache import Images
from ensemble_kit.images.decode import decode, resize
from ensemble_kit.images.folders import walk_images
from ensemble_kit.images.headers import read_file


class Chunk(NamedTuple):
    """Some images.

    images: by side in pixels, each in the order of the ids.
    unreadable: row -> reason; those rows are black.
    """

    ids: tuple[str, ...]
    images: Mapping[int, Images]
    unreadable: Mapping[int, str]


def stream_images(
    places: Sequence[Path], sizes_px: Collection[int], chunk: int, max_px: int | None = None
) -> Iterator[Chunk]:
    """Yield the images of files and folders, so many at a time.

    Raises:
        BadDataError, InvalidOptionError: see `folders.walk_images`.
    """
    walk = walk_images(places)
    with ThreadPoolExecutor() as pool:
        while some := list(islice(walk, chunk)):
            shape = {size: (len(some), 3, size, size) for size in sizes_px}
            images = {size: np.zeros(shape[size], np.uint8) for size in sizes_px}

            def fill(row: int, path: Path, images: Mapping[int, Images] = images) -> str:
                try:
                    image = decode(read_file(path), path, max_px)
                except BadDataError as error:
                    return str(error)
                for size, pixels in images.items():
                    pixels[row] = resize(image, size)
                return ""

            reasons = list(pool.map(fill, range(len(some)), [path for _, path in some]))
            unreadable = {row: reason for row, reason in enumerate(reasons) if reason}
            yield Chunk(tuple(image_id for image_id, _ in some), images, unreadable)
