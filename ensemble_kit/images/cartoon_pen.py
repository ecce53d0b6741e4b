"""A pen that draws outlined, rounded shapes in a frame of its own.

Every shape is a list of points in face units: the head has a radius near 1, x grows
to the right, y downwards. A pen maps them to pixels through its affine frame, so one
drawing serves every pose. Pens know nothing of characters or scenes, and never draw
a random number. To add a shape: a function that returns points.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, hypot, radians, sin

import numpy as np
from jaxtyping import Float
from PIL import ImageDraw

Colour = tuple[int, int, int]
Points = Float[np.ndarray, "points 2"]
Frame = Float[np.ndarray, "2 3"]
Corners = Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Pen:
    """Draws on one canvas, in one frame.

    frame: maps (x, y, 1) in face units to pixels.
    ink: colour of every outline.
    outline: width of the outlines, in face units.
    """

    draw: ImageDraw.ImageDraw
    frame: Frame
    ink: Colour
    outline: float = 0.075

    def at(self, x: float, y: float, width: float = 1.0, height: float = 1.0, degrees: float = 0.0) -> "Pen":
        """Return a pen whose origin lies at (x, y) of this one, stretched, then turned clockwise."""
        c, s = cos(radians(degrees)), sin(radians(degrees))
        step = np.array([[c * width, -s * height, x], [s * width, c * height, y], [0.0, 0.0, 1.0]])
        return replace(self, frame=self.frame @ step)

    def fill(self, points: Points, colour: Colour) -> None:
        """Fill the shape, without an outline."""
        self.draw.polygon(self._pixels(points), fill=colour)

    def shape(self, points: Points, colour: Colour) -> None:
        """Fill the shape and draw its outline."""
        pixels = self._pixels(points)
        self.draw.polygon(pixels, fill=colour)
        self.draw.line(pixels + pixels[:4], fill=self.ink, width=self._width_px(self.outline), joint="curve")

    def line(self, points: Points, colour: Colour | None = None, width: float | None = None) -> None:
        """Draw an open line with round ends; in ink, as wide as an outline, unless told otherwise."""
        colour, width = colour or self.ink, width or self.outline
        pixels, thickness = self._pixels(points), self._width_px(width)
        self.draw.line(pixels, fill=colour, width=thickness, joint="curve")
        for x, y in (pixels[:2], pixels[-2:]):
            half = thickness / 2 - 0.5
            self.draw.ellipse((x - half, y - half, x + half, y + half), fill=colour)

    def cluster(self, circles: Iterable[tuple[float, float, float]], colour: Colour) -> None:
        """Draw circles (x, y, radius) as one puff with one outline around them all."""
        circles = list(circles)
        for x, y, radius in circles:
            self.fill(ellipse(x, y, radius + self.outline, radius + self.outline), self.ink)
        for x, y, radius in circles:
            self.fill(ellipse(x, y, radius, radius), colour)

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
        start: degrees, clockwise on the picture from the right-hand side.

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


@lru_cache(maxsize=1024)
def smooth(corners: tuple[tuple[float, float], ...], steps: int = 5) -> Points:
    """Return a closed Catmull-Rom curve through the corners, `steps` points to each side.

    Example:
        >>> smooth(((0.0, 0.0), (2.0, 0.0), (2.0, 3.0), (0.0, 3.0)), steps=2)[:3]
        array([[ 0.   ,  0.   ],
               [ 1.   , -0.375],
               [ 2.   ,  0.   ]])

    Source: Catmull and Rom, "A class of local interpolating splines", 1974.
    """
    here = np.array(corners)
    before, after, later = (np.roll(here, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    curve = 2 * here + t * (after - before)
    curve = curve + t**2 * (2 * before - 5 * here + 4 * after - later)
    curve = curve + t**3 * (3 * here - before - 3 * after + later)
    points: Points = np.swapaxes(curve / 2, 0, 1).reshape(-1, 2)
    points.setflags(write=False)  # shared with every later caller
    return points


def polygon(corners: Corners) -> Points:
    """Return the corners as points, joined by straight lines."""
    return np.array(corners, dtype=np.float64)


def mirrored(corners: Corners) -> tuple[tuple[float, float], ...]:
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
