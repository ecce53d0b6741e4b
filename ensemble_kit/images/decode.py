"""One file to RGB, the same for training, TTA and prediction.

    EXIF orientation    applied
    transparency        composed over white
    16-bit grey         divided by 257 (so that white stays white)
    32-bit integer      read as 16-bit grey; float as [0, 1], or [0, 255] where it exceeds 1
    animation           first frame
    CMYK, palette, grey converted to RGB

and one resize: to size x size, both sides (the aspect ratio is not kept, nothing is cut
off), bilinear with antialiasing, rounded and clamped. Never edits a picture.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.errors import BadDataError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 50_000_000
RESIZE = "squash, bilinear, antialias"
VERSION = 1  # part of the cache key: raise it when a pixel may come out differently

Picture = UInt8[np.ndarray, "height width 3"]


def decode(content: bytes, path: Path) -> Picture:
    """Return the picture as RGB.

    Args:
        content: the bytes of the file.
        path: where they came from, for the message.

    Raises:
        BadDataError: not a picture, damaged, or more than 50 megapixels.
    """
    from PIL import Image, ImageOps

    if not content:
        raise BadDataError(f"cannot read '{path}': the file is empty.")
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadDataError(
                    f"cannot read '{path}': {image.width} x {image.height} px; at most {MAX_PIXELS / 1e6:g} megapixels."
                )
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except BadDataError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged input
        reason = str(error).replace("<_io.BytesIO object at ", "the bytes <")
        if "cannot identify" in reason:
            reason = "not a picture"
        raise BadDataError(f"cannot read '{path}': {reason}.") from error


def resize(picture: Picture, size_px: int) -> UInt8[np.ndarray, "3 size size"]:
    """Return the picture as a square of that side, channels first; the same bits where it already is one."""
    import torch
    from torch.nn.functional import interpolate

    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    if picture.shape[:2] == (size_px, size_px):
        return planes
    pixels = torch.from_numpy(planes)[None].float()
    resized = interpolate(pixels, size=(size_px, size_px), mode="bilinear", antialias=True)
    square: np.ndarray = resized[0].round_().clamp_(0, 255).to(torch.uint8).numpy()
    return square


def _rgb(image: "Image.Image") -> Picture:
    from PIL import Image

    if image.mode.startswith("I"):
        return _grey(np.asarray(image, dtype=np.float64) / 257)
    if image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        return _grey(values * 255 if np.nanmax(values) <= 1 else values)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def _grey(values: np.ndarray) -> Picture:
    grey = np.nan_to_num(values).round().clip(0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
