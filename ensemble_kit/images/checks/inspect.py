"""What one file holds: its format and size, its digests, and a small likeness of it.

Everything about an image that `ek data check` checks is gathered here in one reading; a
file that cannot be used has a reason instead. Never raises on a bad file, never edits one.
To check something new: a field of `Facts`, filled in `inspect_file`.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.decode import decode
from ensemble_kit.images.headers import open_image, read_file

Grid = UInt8[np.ndarray, "8 9"]
Thumb = UInt8[np.ndarray, "16 16"]


@dataclass(frozen=True, eq=False)
class Appearance:
    """An image that could be read.

    format, mode: as the header says, in Pillow's words; `width_px`, `height_px`: upright.
    pixels_sha256: over the decoded pixels and their shape.
    brightest: the highest value in it, 0 to 255.
    brightness, contrast: mean and standard deviation of the grey levels, in [0, 1].
    grid, thumb: the image in grey at 9 x 8 (Lanczos) and 16 x 16 (box), see `duplicates`.
    """

    format: str
    mode: str
    width_px: int
    height_px: int
    pixels_sha256: str
    brightest: int
    brightness: float
    contrast: float
    grid: Grid
    thumb: Thumb


@dataclass(frozen=True, eq=False)
class Facts:
    """One file: the sha256 of its bytes (empty where it cannot be opened), and its appearance, or why there is none."""

    bytes_sha256: str
    appearance: Appearance | None
    reason: str = ""


def inspect_files(
    paths: Sequence[Path], on_image: Callable[[], None] = lambda: None, max_px: int | None = None
) -> list[Facts]:
    """Return the facts about each file, in the order of `paths`; `on_image` is called once a file."""

    def inspect_one(path: Path) -> Facts:
        facts = inspect_file(path, max_px)
        on_image()
        return facts

    with ThreadPoolExecutor() as pool:
        return list(pool.map(inspect_one, paths))


def inspect_file(path: Path, max_px: int | None = None) -> Facts:
    """Return the facts about one file; the reason is the message of `decode`."""
    digest = ""
    try:
        content = read_file(path)
        digest = hashlib.sha256(content).hexdigest()
        with open_image(content, path, max_px) as image:
            kind, mode = image.format or "", image.mode
        return Facts(digest, _appearance(kind, mode, decode(content, path, max_px)))
    except BadDataError as error:
        return Facts(digest, None, str(error))


def _appearance(kind: str, mode: str, pixels: UInt8[np.ndarray, "height width 3"]) -> Appearance:
    height, width = pixels.shape[:2]
    grey = Image.fromarray(pixels).convert("L")
    levels = np.asarray(grey, dtype=np.float32) / 255
    return Appearance(
        format=kind,
        mode=mode,
        width_px=width,
        height_px=height,
        pixels_sha256=hashlib.sha256(f"{height} {width} ".encode() + pixels.tobytes()).hexdigest(),
        brightest=int(pixels.max()),
        brightness=float(levels.mean()),
        contrast=float(levels.std()),
        grid=np.array(grey.resize((9, 8), Image.Resampling.LANCZOS)),
        thumb=np.array(grey.resize((16, 16), Image.Resampling.BOX)),
    )
