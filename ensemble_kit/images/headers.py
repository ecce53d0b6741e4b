"""Which files are let in, judged by their first bytes before a pixel is decoded.

An image is accepted when it is in one of FORMATS and neither it nor one of its tiles has
more than MAX_PIXELS, or what was allowed; everything else gets a reason that a person can act on. Names and
suffixes are never trusted. To let in a format: a word in `signatures.FORMATS` (Pillow's), a suffix in `folders`.
"""

import functools
import io
import math
import re
import warnings
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from ensemble_kit.disk import NOT_OF_THE_FILE, read_plain, unreachable
from ensemble_kit.errors import BadDataError
from ensemble_kit.images.signatures import FORMATS, OTHER, RAW, stranger

MAX_PIXELS: Final = 50_000_000
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF tags


Image.init()  # loads Pillow's readers here, once: two threads that load them side by side can lose one


def read_file(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        BadDataError: a link to nothing, no plain file (a pipe is not waited for), or one that may not be read.
        OSError: what is no fault of the file: too many that are open, a disk that went away.
    """
    try:
        if path.is_symlink() and not path.exists():
            raise BadDataError(f"cannot read '{path}': a broken link to '{path.readlink()}'.")
        return read_plain(path)
    except PermissionError as error:
        reason = str(unreachable(error))
        raise BadDataError(f"{reason[0].lower()}{reason[1:]}") from error
    except OSError as error:
        if error.errno in NOT_OF_THE_FILE:
            raise  # no reason to take the image for a bad one, or to leave it out
        raise BadDataError(f"cannot read '{path}': {error.strerror or error}.") from error


def open_image(content: bytes, path: Path, max_px: int | None = None) -> Image.Image:
    """Return the image with its header read and checked, and no pixel decoded.

    Args:
        content: the bytes of the file.
        path: where they came from, for the message.
        max_px: the most pixels that are let in; None: MAX_PIXELS.

    Raises:
        BadDataError: empty, no image, of a format that is not in FORMATS, damaged, or too large.
    """
    max_px = max_px or MAX_PIXELS
    _silence_pillow()
    if Image.MAX_IMAGE_PIXELS is not None and max_px > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = max_px  # as it was asked for; Pillow has a limit of its own
    if not content:
        raise BadDataError(f"cannot read '{path}': the file is empty.")
    if path.suffix.lower() in RAW:
        raise BadDataError(f"cannot read '{path}': it is a raw image of a camera; {OTHER}.")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = int(re.findall("[0-9]+", str(error))[0])
        raise BadDataError(
            f"cannot read '{path}': {pixels / 1e6:.0f} megapixels; {_too_large(pixels, max_px)}."
        ) from error
    except UnidentifiedImageError as error:
        raise BadDataError(f"cannot read '{path}': {stranger(content)}.") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise nearly anything on damaged input
        raise BadDataError(f"cannot read '{path}': truncated or damaged ({error}).") from error
    tags = getattr(image, "tag_v2", {})
    tile = (tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0))
    for side, (width, height) in (("", image.size), ("a tile of ", tile)):
        if width * height > max_px:
            raise BadDataError(
                f"cannot read '{path}': {side}{width} x {height} px; {_too_large(width * height, max_px)}."
            )
    return image


def _too_large(pixels: int, max_px: int) -> str:
    return f"at most {max_px / 1e6:g} megapixels. To allow it: --max-megapixels {math.ceil(pixels / 1e6)}"


@functools.cache
def _silence_pillow() -> None:
    """Keep Pillow's warnings from the terminal: sizes are checked here, harmless damage is no news."""
    for category in (Image.DecompressionBombWarning, UserWarning):
        warnings.filterwarnings("ignore", category=category, module=r"PIL\.")
