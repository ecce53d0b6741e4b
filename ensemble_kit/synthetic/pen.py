"""A pen that draws outlined, rounded shapes in a frame of its own.

Every shape is a list of points in face units: the head has a radius near 1, x grows
to the right, y downwards. A pen maps them to pixels through its affine frame, so one
drawing serves every pose. A drawing can be kept as data: a list of strokes, each the name
of a method of `Pen` and what it is told. Pens know nothing of characters or scenes, and
never draw a random number. To add a curve: a function that returns points.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, hypot, radians, sin
from typing import Any, Final

import numpy as np
from jaxtyping import Float
from PIL import ImageDraw

Colour = tuple[int, int, int]
Paint = str | Colour  # "skin", or "skin+ink*.3": three tenths of the way from skin to ink
Corners = tuple[tuple[float, float], ...]
Points = Float[np.ndarray, "points 2"]
Stroke = tuple[Any, ...]  # ("fill", points, paint), ("line", points, paint, width), ("at", x, y), ...
Frame = Float[np.ndarray, "2 3"]

OUTLINE: Final = 0.075  # width of the outlines, in face units
SIDES: Final = (-1.0, 1.0)  # left and right are the beholder's
PAINTS: Final[Mapping[str, Colour]] = {
    "white": (252, 250, 244), "pupil": (24, 18, 30), "shadow": (92, 40, 62), "throat": (112, 30, 44),
    "tongue": (228, 104, 108), "nose": (236, 96, 84), "rouge": (240, 84, 96), "rust": (130, 52, 30),
    "mole": (58, 30, 34), "patch": (44, 38, 48), "brass": (214, 166, 58), "gold": (232, 184, 64),
    "gauze": (250, 226, 190), "pad": (222, 168, 128), "bright": (255, 255, 255), "leaf": (104, 160, 84),
    "glass": (226, 236, 240),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pen:
    """Draws on one canvas, in one frame.

    frame: maps (x, y, 1) in face units to pixels.
    colours: those with a name, besides `PAINTS`; "ink" is that of every outline.
    """

    canvas: ImageDraw.ImageDraw
    frame: Frame
    colours: Mapping[str, Colour]

    def at(self, x: float, y: float, width: float = 1.0, height: float = 1.0, degrees: float = 0.0) -> "Pen":
        """Return a pen whose origin lies at (x, y) of this one, stretched, then turned clockwise."""
        c, s = cos(radians(degrees)), sin(radians(degrees))
        step = np.array([[c * width, -s * height, x], [s * width, c * height, y], [0.0, 0.0, 1.0]])
        return replace(self, frame=self.frame @ step)

    def dyed(self, **colours: Colour) -> "Pen":
        """Return a pen that has these colours too."""
        return replace(self, colours={**self.colours, **colours})

    def draw(self, strokes: list[Stroke]) -> None:
        """Draw the strokes; an `at` among them moves the pen for those that follow."""
        pen = self
        for how, *told in strokes:
            pen = getattr(pen, how)(*told) or pen

    def fill(self, points: Points, paint: Paint) -> None:
        """Fill the shape, without an outline."""
        self.canvas.polygon(self._pixels(points), fill=self._colour(paint))

    def shape(self, points: Points, paint: Paint) -> None:
        """Fill the shape and draw its outline."""
        self.fill(points, paint)
        pixels = self._pixels(points)
        self.canvas.line(pixels + pixels[:4], self._colour("ink"), self._width_px(OUTLINE), "curve")

    def line(self, points: Points, paint: Paint, width: float = OUTLINE) -> None:
        """Draw an open line with round ends."""
        pixels, thickness, colour = self._pixels(points), self._width_px(width), self._colour(paint)
        self.canvas.line(pixels, colour, thickness, "curve")
        for x, y in (pixels[:2], pixels[-2:]):
            half = thickness / 2 - 0.5
            self.canvas.ellipse((x - half, y - half, x + half, y + half), fill=colour)

    def dot(self, points: Points, paint: Paint, radius: float) -> None:
        """Fill a circle around every point."""
        for x, y in points.tolist():
            self.fill(ellipse(x, y, radius, radius), paint)

    def _colour(self, paint: Paint) -> Colour:
        """Return the colour that a paint stands for."""
        if not isinstance(paint, str):
            return paint
        if "+" in paint:
            one, other, share = re.split("[+*]", paint)
            return mixed(self._colour(one), self._colour(other), float(share))
        return self.colours.get(paint) or PAINTS[paint]

    def _pixels(self, points: Points) -> list[float]:
        """Return the points as x, y, x, y, ... in pixels."""
        mapped: list[float] = (points @ self.frame[:, :2].T + self.frame[:, 2]).ravel().tolist()
        return mapped

    def _width_px(self, width: float) -> int:
        """Return a width in face units as whole pixels, at least 1."""
        return max(1, round(width * hypot(self.frame[0, 1], self.frame[1, 1])))


@lru_cache(maxsize=1024)
def arc(x: float, y: float, width: float, height: float, start: float, end: float, count: int = 13) -> Points:
    """Return points on an ellipse of those half axes, from one angle to another.

    Args:
        start: degrees, clockwise on the image from the right-hand side.

    Example:
        >>> arc(0, 0, 3, 2, 0, 90, count=2).round(1) + 0.0
        array([[3., 0.],
               [0., 2.]])
    """
    turn = np.radians(np.linspace(start, end, count))
    points = np.stack([x + width * np.cos(turn), y + height * np.sin(turn)], axis=1)
    points.setflags(write=False)  # shared with every later caller
    return points


def ellipse(x: float, y: float, width: float, height: float) -> Points:
    """Return a closed ellipse of those half axes around (x, y)."""
    return arc(x, y, width, height, 0, 348, 30)


def star(outer: float, inner: float) -> Points:
    """Return a star of five points around the origin, the first one on top."""
    turn, radius = np.radians(np.arange(-90, 270, 36)), np.tile([outer, inner], 5)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)


def smooth(corners: Corners) -> Points:
    """Return a closed Catmull-Rom curve through the corners, five points to each side.

    Example:
        >>> smooth(((0, 0), (2, 0), (2, 3), (0, 3)))[[0, 1, 5]].round(2) + 0.0
        array([[ 0.  ,  0.  ],
               [ 0.3 , -0.24],
               [ 2.  ,  0.  ]])

    Source: Catmull and Rom, "A class of local interpolating splines", 1974.
    """
    here = np.array(corners)
    before, after, later = (np.roll(here, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, 5, endpoint=False)[:, None, None]
    curve = 2 * here + t * (after - before)
    curve = curve + t**2 * (2 * before - 5 * here + 4 * after - later)
    curve = curve + t**3 * (3 * here - before - 3 * after + later)
    points: Points = np.swapaxes(curve / 2, 0, 1).reshape(-1, 2)
    return points


def mirrored(corners: Corners) -> Corners:
    """Return the corners followed by their mirror images, to close a symmetric shape."""
    return (*corners, *((-x, y) for x, y in reversed(corners)))


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between the two; `share` in [0, 1] is how much of the other.

    Example:
        >>> mixed((0, 10, 200), (100, 20, 0), 0.5)
        (50, 15, 100)
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
