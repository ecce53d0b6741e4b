"""A contact sheet: images, alone or in pairs, each tile with its words below.

Draws what it is given on a white page; never touches a file. Images are fitted into
their squares with their proportions kept; one that cannot be read is a crossed square.
"""

import io
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from ensemble_kit.visible import visible

SIDE_PX: Final = 112
_GAP_PX: Final = 10
_LINE_PX: Final = 14
_INK: Final = "black"
_FAINT: Final = (225, 225, 225)

RGBImage = UInt8[np.ndarray, "height width 3"]


class Tile(NamedTuple):
    """One or two images, None where one cannot be read, and the lines below them."""

    images: tuple[RGBImage | None, ...]
    lines: tuple[str, ...]


def draw_sheet(tiles: Sequence[Tile], title: str, kind: str = "PNG", across: int = 4, squares: int = 2) -> bytes:
    """Return the tiles, row by row, as the bytes of an image file of that kind (PNG or JPEG).

    Args:
        across: tiles in a row.
        squares: images in the tile that has most of them.

    Example:
        >>> page = draw_sheet([Tile((np.zeros((7, 5, 3), np.uint8), None), ("two",))], "found")
        >>> page[1:4]
        b'PNG'
    """
    lines = max((len(tile.lines) for tile in tiles), default=0)
    width, height = squares * SIDE_PX + _GAP_PX, SIDE_PX + lines * _LINE_PX + _GAP_PX
    across = min(max(len(tiles), 1), across)
    size = (across * (width + _GAP_PX) + _GAP_PX, math.ceil(len(tiles) / across) * (height + _GAP_PX) + 3 * _GAP_PX)
    page = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    pen.text((_GAP_PX, _GAP_PX // 2), _fitted(pen, title, size[0] - 2 * _GAP_PX), _INK, _font())
    for place, tile in enumerate(tiles):
        left = _GAP_PX + place % across * (width + _GAP_PX)
        top = 3 * _GAP_PX + place // across * (height + _GAP_PX)
        _draw_tile(page, pen, tile, left, top, squares * SIDE_PX)
    content = io.BytesIO()
    page.save(content, kind)
    return content.getvalue()


def _draw_tile(page: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, left: int, top: int, width_px: int) -> None:
    for i, image in enumerate(tile.images):
        start = left + i * (SIDE_PX + 2)
        square = (start, top, start + SIDE_PX - 1, top + SIDE_PX - 1)
        if image is None:
            pen.rectangle(square, outline=_FAINT)
            pen.line(square, fill=_FAINT)
            pen.line((square[0], square[3], square[2], square[1]), fill=_FAINT)
        else:
            small = _fit(image)
            page.paste(small, (start + (SIDE_PX - small.width) // 2, top + (SIDE_PX - small.height) // 2))
    for i, line in enumerate(tile.lines):
        text = _fitted(pen, line, width_px)
        pen.text((left, top + SIDE_PX + 2 + i * _LINE_PX), text, _INK, _font())


def _fit(image: RGBImage) -> Image.Image:
    """Return the image, larger or smaller, within the square, its proportions kept."""
    height, width = image.shape[:2]
    scale = SIDE_PX / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    rule = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return Image.fromarray(image).resize(size, rule)


def _fitted(pen: ImageDraw.ImageDraw, text: str, width_px: int) -> str:
    """Return the text, its middle left out where it is wider than that."""
    shown = text = visible(text)
    kept = len(text)
    while kept and pen.textlength(shown, _font()) > width_px:
        kept -= 1
        shown = f"{text[: kept // 2]}…{text[len(text) - (kept - kept // 2) :]}"
    return shown


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)
