"""What surrounds a cartoon character: background, clutter, things in front, light.

Everything is drawn from the same distributions for every character, so a scene says
nothing about who is in it. Positions are in picture units: 0 to 1 from left to right
and from top to bottom. To add one: a function, and its line in a table at the end.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from jaxtyping import Float

from ensemble_kit.images.cartoon_pen import Colour, Pen, ellipse, mirrored, mixed, polygon, smooth

Draw = Callable[[Pen, np.random.Generator], None]
Picture = Float[np.ndarray, "size size 3"]  # levels, 0 to 255

PASTELS: Final[tuple[Colour, ...]] = (
    (186, 220, 236), (246, 216, 188), (204, 228, 186), (236, 200, 214), (212, 204, 236), (250, 236, 190),
    (150, 176, 196), (196, 156, 132), (132, 156, 122), (112, 104, 136), (178, 120, 128), (92, 110, 130),
)  # fmt: skip
TOYS: Final[tuple[Colour, ...]] = (
    (222, 74, 74), (240, 148, 62), (246, 206, 84), (104, 176, 92), (60, 148, 160), (74, 110, 190), (150, 96, 178),
    (118, 72, 46), (58, 48, 62), (242, 200, 160), (170, 110, 74), (240, 236, 226),
)  # fmt: skip
SQUARE: Final = polygon([(0, 0), (1, 0), (1, 1), (0, 1)])


def draw_background(pen: Pen, rng: np.random.Generator) -> None:
    """Fill the picture with one of the backgrounds, then strew objects on it."""
    _one(BACKGROUNDS, rng)(pen, rng)
    for _ in range(rng.integers(1, 7)):
        x, y = rng.uniform(-0.05, 1.05, 2)
        size = rng.uniform(0.07, 0.2)
        _one(OBJECTS, rng)(pen.at(x, y, size, size, rng.uniform(-40, 40)), rng)


def draw_obstacle(pen: Pen, rng: np.random.Generator) -> None:
    """Draw one thing that covers a part of the picture."""
    _one(OBSTACLES, rng)(pen, rng)


def light(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture in another light: brightness, contrast, colour cast, gradient, noise.

    Returns:
        Levels; may leave [0, 255], so clip before rounding.
    """
    contrast, brightness = rng.uniform(0.75, 1.1), rng.uniform(0.85, 1.15)
    cast = rng.uniform(0.9, 1.08, 3)
    turn, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    across = np.linspace(-1, 1, len(picture))
    slope = across[None, :] * np.cos(turn) + across[:, None] * np.sin(turn)
    lit = (128 + contrast * (picture - 128)) * brightness * cast * (1 + strength * slope)[:, :, None]
    noisy: Picture = lit + rng.normal(0, rng.uniform(1, 6), picture.shape)
    return noisy


def _one(table: Mapping[str, Draw], rng: np.random.Generator) -> Draw:
    """Return one function of the table, all equally likely."""
    return tuple(table.values())[rng.integers(len(table))]


def _colour(rng: np.random.Generator, palette: tuple[Colour, ...]) -> Colour:
    """Return one colour of the palette, a little lighter or darker."""
    end = (255, 255, 255) if rng.random() < 0.5 else (30, 24, 44)
    return mixed(palette[rng.integers(len(palette))], end, float(rng.uniform(0, 0.25)))


# Backgrounds fill the unit square.


def _plain(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill(SQUARE, _colour(rng, PASTELS))


def _sky(pen: Pen, rng: np.random.Generator) -> None:
    top, bottom = _colour(rng, PASTELS), _colour(rng, PASTELS)
    for step in range(16):
        pen.at(0, step / 16).fill(SQUARE, mixed(top, bottom, step / 15))


def _stripes(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill(SQUARE, _colour(rng, PASTELS))
    width, other = rng.uniform(0.06, 0.16), _colour(rng, PASTELS)
    turned = pen.at(0.5, 0.5, degrees=rng.uniform(0, 180))
    for x in np.arange(-0.8, 0.8, 2 * width):
        turned.at(x, -0.8, width, 1.6).fill(SQUARE, other)


def _dots(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill(SQUARE, _colour(rng, PASTELS))
    gap, other = rng.uniform(0.14, 0.26), _colour(rng, PASTELS)
    for row, y in enumerate(np.arange(0, 1.1, gap)):
        for x in np.arange(0, 1.2, gap) - gap / 2 * (row % 2):
            pen.at(x, y, gap * 0.28, gap * 0.28).fill(ellipse(0, 0, 1, 1), other)


def _tiles(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill(SQUARE, _colour(rng, PASTELS))
    side, other = rng.uniform(0.14, 0.3), _colour(rng, PASTELS)
    for row, y in enumerate(np.arange(0, 1, side)):
        for x in np.arange(0, 1, 2 * side) + side * (row % 2):
            pen.at(x, y, side, side).fill(SQUARE, other)


def _hills(pen: Pen, rng: np.random.Generator) -> None:
    _sky(pen, rng)
    pen.at(rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.3)).fill(ellipse(0, 0, 0.1, 0.1), (252, 232, 160))
    for y in (0.75, 0.95):
        hill = ellipse(0, 0, 1, 1)
        pen.at(rng.uniform(0, 1), y, rng.uniform(0.4, 0.8), rng.uniform(0.2, 0.4)).fill(hill, _colour(rng, PASTELS))


def _shelves(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill(SQUARE, _colour(rng, PASTELS))
    for y in (0.3, 0.72, 1.1):
        x = rng.uniform(-0.1, 0.1)
        while x < 1:
            width, height = rng.uniform(0.05, 0.12), rng.uniform(0.16, 0.28)
            pen.at(x, y - height, width, height).fill(SQUARE, _colour(rng, TOYS))
            x += width * rng.choice([1.0, 1.0, 2.0])
        pen.at(0, y, 1, 0.04).fill(SQUARE, (128, 86, 60))


# Objects lie around the origin, about one unit in radius.


def _balloon(pen: Pen, rng: np.random.Generator) -> None:
    pen.line(smooth(((0.0, 1.0), (0.15, 1.6), (-0.1, 2.2), (0.15, 1.6))))
    pen.shape(ellipse(0, 0, 0.8, 1), _colour(rng, TOYS))
    pen.fill(ellipse(-0.3, -0.4, 0.16, 0.24), (255, 255, 255))


def _star(pen: Pen, rng: np.random.Generator) -> None:
    turn = np.radians(np.arange(-90, 270, 36))
    radius = np.tile([1.0, 0.45], 5)
    pen.shape(np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1), _colour(rng, TOYS))


def _crate(pen: Pen, rng: np.random.Generator) -> None:
    colour = _colour(rng, TOYS)
    pen.at(-0.8, -0.8, 1.6, 1.6).shape(SQUARE, colour)
    pen.line(polygon([(-0.8, -0.8), (0.8, 0.8)]), mixed(colour, pen.ink, 0.4))


def _puff(pen: Pen, rng: np.random.Generator) -> None:
    pen.cluster([(-0.7, 0.1, 0.45), (0.0, -0.2, 0.65), (0.7, 0.1, 0.45)], _colour(rng, TOYS))


def _fruit(pen: Pen, rng: np.random.Generator) -> None:
    pen.shape(ellipse(0, 0, 0.85, 0.8), _colour(rng, TOYS))
    pen.line(polygon([(0.0, -0.6), (0.2, -1.2)]))
    pen.fill(smooth(((0.2, -0.9), (0.7, -1.3), (0.9, -0.9))), (104, 160, 84))


def _eyes(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a small round creature, so that a pair of eyes is not always the character's."""
    pen.shape(smooth(mirrored(((-1.0, 0.9), (-0.95, 0.0), (-0.5, -0.85)))), _colour(rng, TOYS))
    for x in (-0.35, 0.35):
        pen.fill(ellipse(x, -0.1, 0.26, 0.3), (252, 250, 244))
        pen.fill(ellipse(x, -0.06, 0.12, 0.14), (24, 18, 30))


def _ribbon(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a bow, so that a bow somewhere is not always worn."""
    colour = _colour(rng, TOYS)
    for side in (-1.0, 1.0):
        pen.at(0, 0, side).shape(smooth(((0.0, 0.0), (0.6, -0.55), (1.0, -0.45), (1.0, 0.45), (0.6, 0.55))), colour)
    pen.shape(ellipse(0, 0, 0.25, 0.27), mixed(colour, (255, 255, 255), 0.3))


def _spectacles(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a pair of glasses, so that glasses somewhere are not always worn."""
    for x in (-0.55, 0.55):
        pen.shape(ellipse(x, 0, 0.45, 0.45), (226, 236, 240))
    pen.line(polygon([(-0.12, -0.05), (0.12, -0.05)]))


# Obstacles cover a part of the unit square.


def _hand(pen: Pen, rng: np.random.Generator) -> None:
    skin = mixed((255, 222, 196), (122, 78, 54), float(rng.random()))
    hand = pen.at(rng.uniform(0.1, 0.9), rng.uniform(0.65, 1.0), 0.2, 0.2, rng.uniform(-50, 50))
    hand.at(-0.5, 0.6, 1.0, 6.0).shape(SQUARE, _colour(rng, TOYS))
    for x, tip in ((-0.5, -1.0), (0.0, -1.2), (0.5, -0.95)):
        hand.at(x, (tip + 0.3) / 2, 0.3, (0.5 - tip) / 2).shape(ellipse(0, 0, 1, 1), skin)
    hand.at(0.75, 0.2, 0.5, 0.24, -40).shape(ellipse(0, 0, 1, 1), skin)
    hand.shape(ellipse(0, 0.35, 0.8, 0.65), skin)


def _leaf(pen: Pen, rng: np.random.Generator) -> None:
    side = rng.choice([-1.0, 1.0])
    corner = (0.5 + side * rng.uniform(0.3, 0.55), rng.uniform(-0.1, 1.1))
    leaf = pen.at(*corner, -side * 0.26, 0.26, rng.uniform(-50, 50))
    green = mixed((150, 196, 92), (48, 110, 92), float(rng.random()))
    leaf.shape(smooth(((-1.0, 0.0), (-0.1, -0.62), (0.9, -0.3), (1.7, 0.1), (0.8, 0.4), (-0.1, 0.55))), green)
    leaf.line(polygon([(-0.9, 0.0), (1.3, 0.05)]), mixed(green, pen.ink, 0.35))


def _bar(pen: Pen, rng: np.random.Generator) -> None:
    width = rng.uniform(0.07, 0.15)
    bar = pen.at(rng.uniform(0.15, 0.85), rng.uniform(0.2, 0.9), degrees=rng.choice([0.0, 90.0]) + rng.normal(0, 14))
    bar.at(-1.5, -width / 2, 3.0, width).shape(SQUARE, _colour(rng, TOYS))


def _ball(pen: Pen, rng: np.random.Generator) -> None:
    colour, size = _colour(rng, TOYS), rng.uniform(0.12, 0.22)
    ball = pen.at(rng.uniform(0, 1), rng.uniform(0.1, 1), size, size, rng.uniform(0, 180))
    ball.shape(ellipse(0, 0, 1, 1), colour)
    ball.fill(ellipse(0, 0, 0.35, 0.92), mixed(colour, (255, 255, 255), 0.6))


BACKGROUNDS: Final[Mapping[str, Draw]] = {
    "plain": _plain, "sky": _sky, "stripes": _stripes, "dots": _dots, "tiles": _tiles, "hills": _hills,
    "shelves": _shelves,
}  # fmt: skip
OBJECTS: Final[Mapping[str, Draw]] = {
    "balloon": _balloon, "star": _star, "crate": _crate, "puff": _puff, "fruit": _fruit, "eyes": _eyes,
    "ribbon": _ribbon, "spectacles": _spectacles,
}  # fmt: skip
OBSTACLES: Final[Mapping[str, Draw]] = {"hand": _hand, "leaf": _leaf, "bar": _bar, "ball": _ball}
