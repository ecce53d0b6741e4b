"""Training images as the network sees them, on a contact sheet."""

from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np
from jaxtyping import Int, UInt8

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images import DataSet, Source, SourceOption, decode, median_side, read_file, read_source, resize
from ensemble_kit.images.augmentation import augment as change
from ensemble_kit.images.augmentation import describe, operations_of
from ensemble_kit.images.checks import Tile, draw_sheet
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.inputs.images import DEFAULT_SIZES_PX, SIZES_PX
from ensemble_kit.reporting.terminal import note
from ensemble_kit.results import AugmentReport
from ensemble_kit.storage.files import check_output, is_sealed_png, seal_png, write_output
from ensemble_kit.training import Recipe, default_recipe, resolve

Square = UInt8[np.ndarray, "3 size size"]

MOST: Final = 40  # rows, and copies
_TURNED: Final = 45  # degrees from which a direction is no longer the same


@command
def show_augment(
    data: str | Path | None = None,
    recipe: str | None = None,
    *,
    augment: str | None = None,
    flip: bool | None = None,
    mix: float | None = None,
    size: int | None = None,
    rows: int = 8,
    copies: int = 6,
    seed: int = 0,
    out: str | Path | None = None,
    replace: bool = False,
    **options: Unpack[SourceOption],
) -> AugmentReport:
    """Draw training images beside what a recipe makes of them in its first epochs.

    Args:
        data: folder with `train/CLASS/*`, `val/CLASS/*` and `test/*`.
        recipe: whose augment, flip and mix are shown, as far as those are None; None: that of a plain `train`.
        size: the side in pixels; None takes the images' median, within 16 to 128.
        rows: images, of as many classes as possible; `seed` chooses them.
        copies: epochs, from the first; the changes are those of a run with the same seed.
        options: other ways to say where the images are, see `images.Source`.
        out: the .png file; None: reports/augment-NAME.png.
        replace: overwrite the file of that name; one that ek named and wrote as it is goes in any case.

    Raises:
        BadDataError: a folder or CSV that is missing or holds what it should not; an image that
            cannot be read.
        InvalidOptionError: a number outside its range, or a place where the sheet cannot go.
        UnknownNameError: no recipe or augmentation has that name.
    """
    source = Source.of({"data": data, **options})
    recipe = recipe or default_recipe(pretrained=False)
    shown = resolve(recipe, {"augment": augment, "flip": flip, "mix": mix})
    _check(rows, copies, size, shown.mix)
    path = Path(out) if out is not None else Path("reports") / f"augment-{shown.augment}.png"
    is_ours = is_sealed_png if out is None else None
    check_output(path, replace, is_ours=is_ours)
    found = read_source(source, val_needed=False)
    _check_place(path, found)
    train = found.splits["train"]
    low, high = DEFAULT_SIZES_PX
    size_px = size or min(max(median_side(train.paths, max_px=found.max_px), low), high)
    assert train.labels is not None
    chosen = choose(train.labels, rows, seed)
    tiles = draw_tiles(found, chosen, size_px, shown, copies, seed)
    title = f"{shown.augment}, flip {'on' if shown.flip else 'off'}, mix {shown.mix:g}; {size_px} px, seed {seed}"
    write_output(path, [seal_png(draw_sheet(tiles, title, across=1 + copies, squares=1))], replace, is_ours=is_ours)
    return AugmentReport(
        path=path,
        data=str(data or source.train_csv),
        image_ids=tuple(train.ids[i] for i in chosen),
        copies=copies,
        size_px=size_px,
        seed=seed,
        recipe=recipe,
        augment=shown.augment,
        flip=shown.flip,
        mix=shown.mix,
        applied=_applied(shown),
        cautions=_cautions(shown, size_px),
    )


def choose(labels: Int[np.ndarray, " images"], count: int, seed: int) -> Int[np.ndarray, " chosen"]:
    """Return so many images, at random, of as many classes as possible, in the order of their classes.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 1, 1, 2])
        >>> labels[choose(labels, 5, seed=3)].tolist()
        [0, 0, 1, 1, 2]
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)  # of an image among those of its class
    for label in np.unique(labels):
        there = np.flatnonzero(labels[shuffled] == label)
        turn[there] = np.arange(len(there))
    first = shuffled[np.argsort(turn, kind="stable")[:count]]
    in_order: Int[np.ndarray, " chosen"] = first[np.lexsort((first, labels[first]))]
    return in_order


def draw_tiles(
    found: DataSet, chosen: Int[np.ndarray, " chosen"], size_px: int, recipe: Recipe, copies: int, seed: int
) -> list[Tile]:
    """Return the tiles row by row: an image as it is, then what the network sees of it in each epoch."""
    import torch

    train = found.splits["train"].rows(chosen)
    assert train.labels is not None
    plain = [resize(decode(read_file(path), path, found.max_px), size_px) for path in train.paths]
    pixels, index = torch.from_numpy(np.stack(plain)), torch.from_numpy(chosen)
    labels = torch.from_numpy(np.array(train.labels))
    columns = [
        [
            Tile((_channels_last(image),), (found.classes[label], Path(image_id).name))
            for image, label, image_id in zip(plain, train.labels, train.ids, strict=True)
        ]
    ]
    for epoch in range(copies):
        images = change(pixels, index, seed, epoch, strength=recipe.augment, flip=recipe.flip)
        columns.append(_seen(images, labels, found.classes, recipe.mix, seed, epoch))
    return [tile for row in zip(*columns, strict=True) for tile in row]


def _seen(images: Any, labels: Any, classes: tuple[str, ...], mix: float, seed: int, epoch: int) -> list[Tile]:
    """Return the tiles of an epoch, mixed as a batch of these images would be."""
    from ensemble_kit.training import mix as mixed

    generator = np.random.default_rng([seed, epoch])
    words = [[f"epoch {epoch + 1}"] for _ in labels]
    if generator.uniform() < mix:
        images, targets = mixed(images, labels, len(classes), generator)
        for lines, shares in zip(words, targets.numpy(), strict=True):
            lines += [f"{100 * shares[i]:.0f} % {classes[i]}" for i in np.argsort(-shares)[:2] if shares[i] > 0]
    squares = (images * 255).round().byte().numpy()
    return [Tile((_channels_last(square),), tuple(lines)) for square, lines in zip(squares, words, strict=True)]


def _channels_last(square: Square) -> UInt8[np.ndarray, "size size 3"]:
    """Return an image channels last, as it is drawn."""
    return np.ascontiguousarray(square.transpose(1, 2, 0))


def _applied(recipe: Recipe) -> tuple[str, ...]:
    mixed = (
        f"in {100 * recipe.mix:g} % of the batches images are mixed in pairs, labels too: half of these blended "
        "(mixup), half with a rectangle of the other image (cutmix)"
    )
    return (*describe(recipe.augment, recipe.flip), *((mixed,) if recipe.mix else ()))


def _cautions(recipe: Recipe, size_px: int) -> tuple[str, ...]:
    """Return what may make a label wrong, or an image worthless."""
    found = operations_of(recipe.augment)
    shift_px = found.shift_px if found else 0
    said = (
        (note("flip-on"), recipe.flip),
        (note("wide-turns"), found is not None and found.degrees >= _TURNED),
        (note("out-of-sight", shift=shift_px, size=size_px), shift_px > size_px / 2),
    )
    return tuple(line for line, there in said if there)


def _check(rows: int, copies: int, size: int | None, mix: float) -> None:
    """Raise where a number is out of its range."""
    for name, value, low, high in (
        ("rows", rows, 2 if mix else 1, MOST),
        ("copies", copies, 1, MOST),
        *([("size", size, *SIZES_PX)] if size is not None else []),
    ):
        if not low <= value <= high:
            pairs = ", since images are mixed in pairs" if name == "rows" and value == 1 else ""
            raise InvalidOptionError(f"--{name} is {value}; wanted a whole number from {low} to {high}{pairs}.")


def _check_place(path: Path, data: DataSet) -> None:
    """Raise where the sheet could not be drawn, or would come to lie among the images."""
    if path.suffix.lower() != ".png":
        raise InvalidOptionError(f"--out is '{path}'; wanted a name that ends in .png.")
    folders = {image.parent for split in data.splits.values() for image in split.paths}
    if path.resolve().parent in {folder.resolve() for folder in folders}:
        raise InvalidOptionError(f"--out '{path}' would lie among the images. Choose another folder.")
