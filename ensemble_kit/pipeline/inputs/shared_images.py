"""Images that stand twice, pixel for pixel as a network sees them: in two splits, or under two labels."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.images import DataSet, Loaded


class Place(NamedTuple):
    """Where an image stands, and its label; None where nobody knows it."""

    split: str
    image_id: str
    label: str | None


def pixel_digests(loaded: Mapping[str, Loaded]) -> dict[str, list[str]]:
    """Return the sha256 (hex) of each image's pixels by split; empty for those that cannot be like another.

    Few are read whole: most differ from all others in their middle line.
    """
    lines = {name: [hash(line.tobytes()) for line in _middle_lines(one)] for name, one in loaded.items()}
    count = Counter(chain.from_iterable(lines.values()))
    return {
        name: [
            _digest(one.images[row]) if count[line] > 1 and row not in one.unreadable else ""
            for row, line in enumerate(lines[name])
        ]
        for name, one in loaded.items()
    }


def shared_images(data: DataSet, digests: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what a person should know of images that stand twice, a sentence each.

    Args:
        digests: of each image by split, in the order of its rows, see `pixel_digests`.
    """
    pairs: dict[tuple[str, str], list[tuple[Place, Place]]] = {}
    first: dict[tuple[str, str], Place] = {}  # by digest and split
    for name in data.splits:
        for digest, place in zip(digests[name], _places(data, name), strict=True):
            for earlier in (other for other in data.splits if digest and (digest, other) in first):
                pairs.setdefault((earlier, name), []).append((first[digest, earlier], place))
            first.setdefault((digest, name), place)
    return [_said(some, len(data.splits[name].ids)) for (_, name), some in pairs.items() if _matters(some)]


def _middle_lines(one: Loaded) -> UInt8[np.ndarray, "images 3 size"]:
    return one.images[:, :, one.images.shape[2] // 2]


def _digest(image: UInt8[np.ndarray, "3 size size"]) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


def _places(data: DataSet, name: str) -> Iterator[Place]:
    split = data.splits[name]
    for row, image_id in enumerate(split.ids):
        yield Place(name, image_id, None if split.labels is None else data.classes[split.labels[row]])


def _conflicts(pairs: Sequence[tuple[Place, Place]]) -> list[tuple[Place, Place]]:
    """Return the pairs under two labels."""
    return [(one, other) for one, other in pairs if None not in (one.label, other.label) and one.label != other.label]


def _matters(pairs: Sequence[tuple[Place, Place]]) -> bool:
    """Return whether pairs are of two splits, or of one split and under two labels."""
    return pairs[0][0].split != pairs[0][1].split or bool(_conflicts(pairs))


def _said(pairs: Sequence[tuple[Place, Place]], images: int) -> str:
    (one, other), conflicts = pairs[0], _conflicts(pairs)
    named = [f"{place.image_id!r} ({place.split}: {place.label!r})" for place in (conflicts or [(one, other)])[0]]
    of_two = f" under two labels, first {named[0]} and {named[1]}" if conflicts else ""
    if one.split == other.split:
        return f"{other.split}: {len(conflicts)} of {images} images stand there already{of_two}. Correct them."
    labels = f"; {len(conflicts)} of them{of_two}" if conflicts else f", first {other.image_id!r}"
    return (
        f"{other.split}: {len(pairs)} of {images} images are in {one.split} too, pixel for pixel{labels}. Figures on "
        f"{other.split} cannot be trusted: ek data check lists all."
    )
