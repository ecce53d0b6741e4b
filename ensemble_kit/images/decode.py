"""One file to RGB, the same for training, TTA and prediction.

    EXIF orientation    applied; EXIF that cannot be read is ignored
    colour profile      converted to sRGB (relative colorimetric, black point compensated) where
                        one is embedded, can be read, fits the mode and is not called sRGB
    transparency        composed over white: a * c + (1 - a) * 255
    16-bit grey         divided by 257 (so that white stays white); transparency and profile ignored
    16-bit colour       the high byte of each channel
    32-bit integer      read as 16-bit grey; float as [0, 1], as [0, 255] where it exceeds 2
                        (which would be black there; what is over 1 in [0, 1] is white), and as
                        16-bit grey where it exceeds 510, which would be white
    animation           first frame
    CMYK                R = (255 - C) (255 - K) / 255, likewise G from M and B from Y
    palette             looked up; grey and 1-bit: three equal channels, 1 is white

and one resize: to size x size, both sides (the aspect ratio is not kept, nothing is cut
off), bilinear with antialiasing, rounded and clamped. Never edits an image, and no other
module decodes one. `headers` decides what is let in.
"""

import functools
import io
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageCms, ImageOps

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.headers import open_image

RESIZE: Final = "squash, bilinear, antialias"
VERSION: Final = 4  # part of the cache key: raise it when a pixel may come out differently

RGBImage = UInt8[np.ndarray, "height width 3"]
_OVER: Final = 2  # times white, in float images: a value a little over it, as of a filter, makes no wider range
_MODE_OF_SPACE: Final = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}  # ICC colour space -> Pillow's mode
_PLAIN_MODE: Final = {"1": "L", "LA": "L", "CMYK": "CMYK", "L": "L"}  # what a profile is for; else RGB


def decode(content: bytes, path: Path, max_px: int | None = None) -> RGBImage:
    """Return the image as RGB.

    Args:
        content: the bytes of the file.
        path: where they came from, for the message.
        max_px: the most pixels that are let in; None: see `headers`.

    Raises:
        BadDataError: not let in by `headers.open_image`, damaged, or of colours that have no rule.
    """
    with open_image(content, path, max_px) as image:
        try:
            image.load()
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise nearly anything on damaged input
            raise BadDataError(f"cannot read '{path}': truncated or damaged ({error}).") from error
        try:
            return _rgb(_upright(image))
        except ValueError as error:
            raise BadDataError(f"cannot read '{path}': no rule turns mode {image.mode} into RGB.") from error


def resize(image: RGBImage, size_px: int) -> UInt8[np.ndarray, "3 size size"]:
    """Return the image as a square of that side, channels first; the same bits where it already is one."""
    import torch
    from torch.nn.functional import interpolate

    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    if image.shape[:2] == (size_px, size_px):
        return planes
    pixels = torch.from_numpy(planes)[None].float()
    resized = interpolate(pixels, size=(size_px, size_px), mode="bilinear", antialias=True)
    square: np.ndarray = resized[0].round_().clamp_(0, 255).to(torch.uint8).numpy()
    return square


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged note beside sound pixels
        return image


def _rgb(image: Image.Image) -> RGBImage:
    if image.mode.startswith("I"):
        return _grey(np.asarray(image, dtype=np.float64) / 257)
    if image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        highest = np.nanmax(values)
        return _grey(values * 255 if highest <= _OVER else values if not highest > _OVER * 255 else values / 257)
    if not image.has_transparency_data:
        return np.array(_in_srgb(image))
    clear = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    return np.array(Image.composite(_in_srgb(image), white, clear.getchannel("A")))


def _grey(values: Float[np.ndarray, "height width"]) -> RGBImage:
    grey = np.nan_to_num(values).round().clip(0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _in_srgb(image: Image.Image) -> Image.Image:
    """Return the colours alone, as RGB, by the embedded profile where there is a usable one."""
    mode = _PLAIN_MODE.get(image.mode, "RGB")
    plain = image.convert("RGBA").convert(mode) if image.has_transparency_data else image.convert(mode)
    profile = image.info.get("icc_profile")
    transform = _transform(profile, mode) if profile else None
    if transform is None:
        return plain.convert("RGB")
    converted = ImageCms.applyTransform(plain, transform)
    return plain.convert("RGB") if converted is None else converted


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the way from a profile to sRGB; None where there is none to go."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        if _MODE_OF_SPACE.get(source.profile.xcolor_space.strip()) != mode:
            return None
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        if mode == "L":  # Little CMS's short cut is up to nine levels off in the darkest greys
            flags |= ImageCms.Flags.NOOPTIMIZE
        target = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, flags)
    except (OSError, ImageCms.PyCMSError):
        return None
