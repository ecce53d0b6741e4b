"""One image of a cartoon character, and a data set of them on disk.

An image depends on nothing but (seed, split, index), so it comes out pixel for pixel
the same each time, however many others are asked for. Pose, scale, crop, light,
background and obstacles vary; the colours overlap between characters. Never overwrites:
the folder must be new or empty.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ensemble_kit.disk import is_dead, process_mark, temporary_name
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.splits import SPLITS
from ensemble_kit.synthetic.faces import CHARACTERS, draw_character
from ensemble_kit.synthetic.pen import Pen
from ensemble_kit.synthetic.scenes import draw_background, draw_obstacle, light

SIZES_PX: Final = (16, 256)
SUPERSAMPLE: Final = 4
OBSTACLE_RATE: Final = 0.55
BLUR_RATE: Final = 0.3
BLUR_SHARES: Final = (0.008, 0.022)  # radius, as a share of the image
LAST_DRAWN: Final = "val"  # the entry that is moved to its place last
DRAWN_PREFIX: Final = ".drawn-"  # of the folder that holds the whole data set, while it is moved to its place


def draw_data_set(
    folder: Path,
    train: int = 1578,
    val: int = 300,
    test: int = 500,
    seed: int = 0,
    size_px: int = 48,
    on_image: Callable[[int], None] = lambda done: None,
    on_drawn: Callable[[], None] = lambda: None,
) -> None:
    """Write train/CLASS/*.png, val/CLASS/*.png, test/*.png and test-labels.csv (file,label).

    The folder is not there, or stays empty, until everything is drawn. Classes differ by at most one
    image in size, and the number in a file name does not tell its class.

    Args:
        folder: new or empty; made, with its parents, where it is not there.
        train: how many images, 0 or more; likewise val and test.
        seed: 0 or more; another seed, other images.
        size_px: width and height of every image.
        on_image: called after every image with the number drawn so far.
        on_drawn: called when all is drawn, before it is moved to its place.

    Raises:
        InvalidOptionError: a number out of its range.
        BadDataError: the folder is a file, or holds something already.

    Source: own.
    """
    counts = {"train": train, "val": val, "test": test}
    _check(folder, {**counts, "seed": seed}, size_px)
    is_new = not folder.exists()
    unfinished = (folder.parent if is_new else folder) / temporary_name()
    unfinished.mkdir(parents=True)
    try:
        for done, _ in enumerate(_write_images(unfinished, counts, seed, size_px), start=1):
            on_image(done)
        _write_labels(unfinished / "test-labels.csv", test, seed)
        on_drawn()
        if is_new:
            unfinished.rename(folder)
        else:
            unfinished = unfinished.rename(folder / f"{DRAWN_PREFIX}{process_mark()}")
            _move_in(unfinished)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def end_drawing(folder: Path) -> None:
    """Put in its place what a killed process had drawn whole."""
    for drawn in folder.glob(f"{DRAWN_PREFIX}*"):
        if is_dead(drawn.name, time.time(), drawn.stat().st_mtime):
            _move_in(drawn)
            drawn.rmdir()


def _move_in(drawn: Path) -> None:
    for entry in sorted(drawn.iterdir()):
        entry.rename(drawn.parent / entry.name)


def draw_image(split: str, index: int, seed: int = 0, size_px: int = 48) -> Image.Image:
    """Return one RGB image of the data set, size_px wide and high.

    Example:
        >>> draw_image("val", 7, size_px=17).size
        (17, 17)
    """
    rng = np.random.default_rng((seed, SPLITS.index(split), 0, index))
    canvas_px = SUPERSAMPLE * size_px
    canvas = Image.new("RGB", (canvas_px, canvas_px))
    ink = (int(rng.integers(30, 70)), int(rng.integers(24, 44)), int(rng.integers(36, 72)))
    pen = Pen(ImageDraw.Draw(canvas), canvas_px * np.eye(2, 3), {"ink": ink})
    draw_background(pen, rng)
    draw_character(_posed(pen, rng), character_of(split, index, seed), rng)
    if rng.random() < OBSTACLE_RATE:
        draw_obstacle(pen, rng)
    if rng.random() < BLUR_RATE:
        canvas = canvas.filter(ImageFilter.BoxBlur(canvas_px * rng.uniform(*BLUR_SHARES)))
    small = canvas.resize((size_px, size_px), Image.Resampling.LANCZOS)
    lit = light(np.asarray(small, dtype=np.float64), rng)
    return Image.fromarray(np.clip(np.rint(lit), 0, 255).astype(np.uint8))


def character_of(split: str, index: int, seed: int = 0) -> str:
    """Return who is in the image: each ten in a row hold every character once, shuffled.

    Example:
        >>> sorted(character_of("test", index) for index in range(20, 30))
        ['ada', 'bea', 'cato', 'dov', 'ember', 'fitz', 'gull', 'hob', 'iris', 'juno']
    """
    block, place = divmod(index, len(CHARACTERS))
    order = np.random.default_rng((seed, SPLITS.index(split), 1, block)).permutation(len(CHARACTERS))
    return tuple(CHARACTERS)[int(order[place])]


def _posed(pen: Pen, rng: np.random.Generator) -> Pen:
    """Return a pen for the head: placed, scaled, turned, sometimes partly out of the image."""
    scale = rng.uniform(0.23, 0.36)
    x, y = rng.normal(0.5, 0.064), rng.normal(0.5, 0.056)
    squeeze = rng.uniform(0.9, 1.1)
    return pen.at(x, y, scale * squeeze, scale / squeeze, rng.normal(0, 9))


def _write_images(folder: Path, counts: dict[str, int], seed: int, size_px: int) -> Iterator[Path]:
    """Write the images of all splits, and yield the path of each."""
    for split, count in counts.items():
        (folder / split).mkdir()
        for index in range(count):
            name = "" if split == "test" else character_of(split, index, seed)
            path = folder / split / name / f"{index:04d}.png"
            path.parent.mkdir(exist_ok=True)
            draw_image(split, index, seed, size_px).save(path)
            yield path


def _write_labels(path: Path, count: int, seed: int) -> None:
    """Write the classes of the test images, for measuring only."""
    rows = ["file,label", *(f"{index:04d}.png,{character_of('test', index, seed)}" for index in range(count))]
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="\n")


def _check(folder: Path, counts: dict[str, int], size_px: int) -> None:
    """Raise unless the numbers are in their ranges and the folder is not there, or empty."""
    for name, value in counts.items():
        if value < 0:
            raise InvalidOptionError(f"Wanted {name} >= 0, got {value}.")
    low, high = SIZES_PX
    if not low <= size_px <= high:
        raise InvalidOptionError(f"Wanted size_px in [{low}, {high}], got {size_px}.")
    if folder.exists() and not folder.is_dir():
        raise BadDataError(f"Wanted a new or empty folder, got the file '{folder}'. Name another folder.")
    if folder.exists() and (names := [entry.name for entry in folder.iterdir()]):
        raise BadDataError(
            f"Wanted a new or empty folder, got '{folder}', which holds '{min(names)}'. "
            "Name another folder, or empty this one."
        )
