"""Which images look the same: difference hashes, compared in blocks, confirmed by likeness.

An image's hash has 64 bits: in grey, shrunk to 9 x 8, does each pixel grow brighter to the
right? Two images are near duplicates when their hashes, or one's and the other's mirror
image's, differ in at most `most` bits AND their 16 x 16 grey likenesses correlate by ALIKE
or more: the hash alone confuses traffic signs of one kind. Images of one flat colour have
no likeness and match nothing.

Each image is linked to its nearest partner alone, so a thousand copies make a thousand
links and not half a million. Works on arrays; reads no files and knows no labels.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

ALIKE: Final = 0.95  # correlation of two 16 x 16 grey likenesses
NEAR: Final = 6  # bits of 64
BITS: Final = 64
_FLAT: Final = 2.0  # grey levels: a likeness that varies by less has no shape
_ROWS, _COLUMNS = 512, 4096  # images compared at a time

Grids = UInt8[np.ndarray, "images 8 9"]
Thumbs = UInt8[np.ndarray, "images 16 16"]


class Fingerprints(NamedTuple):
    """Many images as `inspect` shrank them."""

    grids: Grids
    thumbs: Thumbs


class Links(NamedTuple):
    """Each image's nearest partner: its row, or -1; the bits that differ; whether it is mirrored."""

    partner: Int[np.ndarray, " images"]
    distance: Int[np.ndarray, " images"]
    mirrored: Bool[np.ndarray, " images"]


def difference_hash(grids: Grids) -> Bool[np.ndarray, "images bits"]:
    """Return 64 bits per image, row by row: whether the right-hand neighbour is brighter.

    Example:
        >>> brighter = np.tile(np.arange(9, dtype=np.uint8), (1, 8, 1))
        >>> int(difference_hash(brighter).sum()), int(difference_hash(brighter[:, :, ::-1]).sum())
        (64, 0)

    Source: Krawetz, "Kind of Like That", hackerfactor.com, 2013 (dHash).
    """
    return (grids[:, :, 1:] > grids[:, :, :-1]).reshape(len(grids), BITS)


def nearest(images: Fingerprints, others: Fingerprints | None = None, most: int = NEAR) -> Links:
    """Return the nearest near duplicate of each image among the others.

    Args:
        others: where partners are sought; None: among the images that stand before it.
        most: bits of 64 that may differ.

    Returns:
        Links with partner -1 and distance 65 where there is none. Ties: as it is before
        mirrored, then the first.
    """
    plain = _nearest(images, others or images, most, others is None)
    turned = _nearest(Fingerprints(*(array[:, :, ::-1] for array in images)), others or images, most, others is None)
    mirrored = turned[1] < plain[1]
    return Links(np.where(mirrored, turned[0], plain[0]), np.where(mirrored, turned[1], plain[1]), mirrored)


def _nearest(
    images: Fingerprints, others: Fingerprints, most: int, earlier: bool
) -> tuple[Int[np.ndarray, " images"], Int[np.ndarray, " images"]]:
    """Return (partner, distance) of each image, block by block."""
    partner = np.full(len(images.grids), -1)
    distance = np.full(len(images.grids), BITS + 1)
    signs, shapes = _signs(images.grids), _shapes(images.thumbs)
    other_signs, other_shapes = _signs(others.grids), _shapes(others.thumbs)
    for start in range(0, len(signs), _ROWS):
        rows = slice(start, min(start + _ROWS, len(signs)))
        for left in range(0, rows.stop if earlier else len(other_signs), _COLUMNS):
            columns = slice(left, left + _COLUMNS)
            found = _distances(signs[rows], other_signs[columns])
            if earlier:
                found[np.arange(left, left + found.shape[1]) >= np.arange(start, rows.stop)[:, None]] = BITS + 1
            _drop_unlike(found, most, shapes[rows], other_shapes[columns])
            best = found.argmin(axis=1)
            bits = found[np.arange(len(found)), best]
            closer = np.flatnonzero(bits < distance[rows])
            partner[start + closer], distance[start + closer] = left + best[closer], bits[closer]
    return partner, distance


def _drop_unlike(
    found: Float[np.ndarray, "rows columns"],
    most: int,
    shapes: Float[np.ndarray, "rows pixels"],
    other_shapes: Float[np.ndarray, "columns pixels"],
) -> None:
    """Put every pair out of reach whose hashes differ in more than `most` bits, or that is not alike."""
    found[found > most] = BITS + 1
    rows, columns = (np.flatnonzero((found <= most).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        place = np.ix_(rows, columns)
        found[place] = np.where(shapes[rows] @ other_shapes[columns].T >= ALIKE, found[place], BITS + 1)


def _distances(
    signs: Float[np.ndarray, "rows bits"], others: Float[np.ndarray, "columns bits"]
) -> Float[np.ndarray, "rows columns"]:
    """Return the number of bits that differ: the dot product of signs counts agreements less differences."""
    distances: np.ndarray = (BITS - signs @ others.T) / 2
    return distances


def _signs(grids: Grids) -> Float[np.ndarray, "images bits"]:
    return np.where(difference_hash(grids), np.float32(1), np.float32(-1))


def _shapes(thumbs: Thumbs) -> Float[np.ndarray, "images pixels"]:
    """Return likenesses of mean 0 and length 1, whose products are correlations; flat ones are all 0."""
    levels = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    levels -= levels.mean(axis=1, keepdims=True)
    spread = levels.std(axis=1, keepdims=True)
    levels /= np.maximum(spread, _FLAT) * np.sqrt(np.float32(levels.shape[1]))
    levels[spread[:, 0] < _FLAT] = 0
    return levels
