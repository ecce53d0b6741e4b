"""A source as decoded splits of one size, with their fingerprints."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from ensemble_kit.context import RunContext
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.images import (
    RESIZE,
    SKIP,
    DataSet,
    Loaded,
    Source,
    Split,
    by_reason,
    fingerprint,
    lie_elsewhere,
    load_images,
    median_side,
    read_source,
    refuse,
    straddling,
)
from ensemble_kit.pipeline.inputs.shared_images import pixel_digests, shared_images
from ensemble_kit.reporting.terminal import Watch, dark, say
from ensemble_kit.splits import OOF
from ensemble_kit.texts import spelled

SIZES_PX = (8, 1024)
LOOKED_AT = 50  # images of a split, to see how bright they are
DEFAULT_SIZES_PX = (16, 128)

Images = UInt8[np.ndarray, "_ 3 size size"]


@dataclass(frozen=True, eq=False)
class DecodedImages:
    """Every split of a source, decoded (memory-mapped) at one size.

    skipped: for each split the images that could not be read, id -> reason. Those of train
    and val are left out; those of test keep their rows, see `blind_logits`.
    digests: the sha256 (hex) of each image's file, in the order of the split's rows.
    """

    data: DataSet
    size_px: int
    images: Mapping[str, Images]
    fingerprints: Mapping[str, str]
    skipped: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    digests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def split(self, name: str) -> Split:
        """Return ids, labels and groups of a split."""
        return self.data.splits[name]

    @property
    def preprocessing(self) -> dict[str, int | str]:
        """How a file becomes an input, as a manifest records it."""
        return {"size_px": self.size_px, "resize": RESIZE}

    def blind_rows(self, split: str) -> list[int]:
        """Return the rows of a split whose image could not be read."""
        unread = self.skipped.get(split, {})
        return [row for row, image_id in enumerate(self.split(split).ids) if image_id in unread]

    def blind_logits(self) -> Float[np.ndarray, " classes"]:
        """Return the logits of an image that nobody could read: the classes' shares in train.

        Every member says the same, so a blend predicts the most frequent class of train.
        Shares are counted with one more image a class, so that none is 0. A fold of train that
        is held out counts too, so that all folds say the same.
        """
        counts = np.ones(len(self.data.classes))
        for name in ("train", OOF):
            if name in self.data.splits:
                labels = self.split(name).labels
                assert labels is not None
                counts += np.bincount(labels, minlength=len(counts))
        shares: Float[np.ndarray, " classes"] = np.log(counts / counts.sum())
        return shares


def open_images(
    source: Source,
    size: int | None,
    cache: Path,
    context: RunContext,
    *,
    skip_bad: bool = False,
    own_size_px: int | None = None,
    val_needed: bool = True,
) -> DecodedImages:
    """Find and decode the images of every split.

    Args:
        size: the side in pixels; None takes the images' median, within 16 to 128.
        own_size_px: the side that pre-trained weights were made for stands for those 128; None: there
            are none.
        skip_bad: go on without the images that cannot be read.
        val_needed: whether images without val are an error; folds of train need none.

    Raises:
        BadDataError, InvalidOptionError, ResourceError: as the images island says.
    """
    check_size(size)
    found = read_source(source, val_needed)
    for line in _remarks(found):
        say(line, context.quiet)
    if size is None:
        low, high = DEFAULT_SIZES_PX
        size = min(max(median_side(found.splits["train"].paths, max_px=found.max_px), low), own_size_px or high)
    total = sum(len(split.ids) for split in found.splits.values())
    loaded: dict[str, Loaded] = {}
    with Watch("decode", total, context.quiet) as watch:
        for name, split in found.splits.items():
            loaded[name] = load_images(split.paths, size, cache, watch.advance, context.verify, found.max_px)
            watch.reach(sum(len(one.images) for one in loaded.values()))  # from the cache, or unreadable
    for remark in dict.fromkeys(remark for one in loaded.values() for remark in one.remarks):
        say(remark)
    if not skip_bad:
        bad = [reason for one in loaded.values() for _, reason in sorted(one.unreadable.items())]
        paths = [found.splits[name].paths[row] for name, one in loaded.items() for row in sorted(one.unreadable)]
        refuse(bad, total, f"{lie_elsewhere(paths)}{SKIP}")
    brightest = {name: int(one.images[:: max(len(one.images) // LOOKED_AT, 1)].max()) for name, one in loaded.items()}
    if said := dark(brightest):
        say(said, context.quiet)
    for line in shared_images(found, pixel_digests(loaded)):
        say(line, context.quiet)
    return _without_bad(found, loaded, size, context.quiet)


def check_size(size: int | None) -> None:
    """Raise where a side in pixels is too small or too large; None says nothing, and is fine.

    Raises:
        InvalidOptionError: it is.
    """
    if size is not None and not SIZES_PX[0] <= size <= SIZES_PX[1]:
        raise InvalidOptionError(f"--size is {size}; wanted a whole number from {SIZES_PX[0]} to {SIZES_PX[1]}.")


def in_class_order(decoded: DecodedImages, classes: tuple[str, ...], member: str, place: str) -> DecodedImages:
    """Return the images with their classes in that order.

    Args:
        member, place: whose classes those are, and where the images lie, for the message.

    Raises:
        MisalignedError: they are other classes.
    """
    there = decoded.data.classes
    if there == classes:
        return decoded
    if sorted(there) != sorted(classes):
        differ = sorted(set(there) ^ set(classes))
        what = f"first that differs: {spelled(differ[0])}" if differ else "one of them stands twice"
        raise MisalignedError(
            f"{place}: {len(there)} classes, '{member}' knows {len(classes)}; {what}. "
            "Name the right images, as by --data."
        )
    renumber = np.array([classes.index(name) for name in there])
    splits = {
        name: split if split.labels is None else replace(split, labels=renumber[split.labels])
        for name, split in decoded.data.splits.items()
    }
    return replace(decoded, data=replace(decoded.data, classes=classes, splits=splits))


def _remarks(found: DataSet) -> list[str]:
    """Return what a person should know about the data before anything is trained on it."""
    remarks = list(found.taken)
    if found.passed_over:
        remarks.append(f"Passed over, no images by their name: {found.passed_over}.")
    for name in ("train", "val"):
        if name not in found.splits:
            continue
        there = set(np.array(found.splits[name].labels).tolist())
        missing = [one for place, one in enumerate(found.classes) if place not in there]
        if missing:
            remarks.append(f"No {name} image shows {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}.")
    torn = straddling(found)
    if torn:
        remarks.append(
            f"{len(torn)} groups stand in more than one split, first {torn[0]!r}: figures will be optimistic."
        )
    return remarks


def _without_bad(found: DataSet, loaded: Mapping[str, Loaded], size_px: int, quiet: bool) -> DecodedImages:
    """Return the images without those of train and val that cannot be read."""
    splits, images, digests, marks, skipped = {}, {}, {}, {}, {}
    for name, split in found.splits.items():
        one = loaded[name]
        splits[name], images[name], digests[name] = split, one.images, tuple(one.digests)
        if one.unreadable:
            skipped[name] = {split.ids[row]: reason for row, reason in sorted(one.unreadable.items())}
            if name != "test":
                good = np.array([row for row in range(len(split.ids)) if row not in one.unreadable], dtype=np.int64)
                refuse(list(skipped[name].values()) if not len(good) else [], len(split.ids))
                splits[name], images[name] = split.rows(good), one.images[good]
                digests[name] = tuple(one.digests[row] for row in good)
        marks[name] = fingerprint(splits[name], digests[name], found.classes)
    for name, reasons in skipped.items():
        done = "will get the most frequent class of train" if name == "test" else "left out"
        say(f"{name}: images that cannot be read, {done}: {len(reasons)}.", quiet)
        for told, _ in by_reason(list(reasons.values())):
            say(f"  {told}", quiet)
    return DecodedImages(replace(found, splits=splits), size_px, images, marks, skipped, digests)
