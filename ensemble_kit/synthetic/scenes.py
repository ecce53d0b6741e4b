"""What surrounds a cartoon character: background, objects, things in front, light.

Everything is drawn from the same distributions for every character, so a scene says
nothing about who is in it. Positions are in image units: 0 to 1 from left to right
and from top to bottom. Some objects look like what a character wears or has, so that a
bow, glasses or a pair of eyes are not always the character's. To add an object, see
`parts`; a background or an obstacle: a function, and its line in a table at the end.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar

import numpy as np
from jaxtyping import Float

from ensemble_kit.synthetic.parts import OBJECTS, Part
from ensemble_kit.synthetic.pen import PAINTS, Colour, Pen, Points, ellipse, mixed, smooth

T = TypeVar("T")
Draw = Callable[[Pen, np.random.Generator], None]
Levels = Float[np.ndarray, "size size 3"]  # levels, 0 to 255

PASTELS: Final[tuple[Colour, ...]] = (
    (186, 220, 236), (246, 216, 188), (204, 228, 186), (236, 200, 214), (212, 204, 236), (250, 236, 190),
    (150, 176, 196), (196, 156, 132), (132, 156, 122), (112, 104, 136), (178, 120, 128), (92, 110, 130),
)  # fmt: skip
TOYS: Final[tuple[Colour, ...]] = (
    (222, 74, 74), (240, 148, 62), (246, 206, 84), (104, 176, 92), (60, 148, 160), (74, 110, 190), (150, 96, 178),
    (118, 72, 46), (58, 48, 62), (242, 200, 160), (170, 110, 74), (240, 236, 226),
)  # fmt: skip
BRIGHT: Final = PAINTS["bright"]
SQUARE: Final = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
CIRCLE: Final = ellipse(0, 0, 1, 1)


def draw_background(pen: Pen, rng: np.random.Generator) -> None:
    """Fill the image with one of the backgrounds, then strew objects on it."""
    _one(BACKGROUNDS, rng)(pen, rng)
    for _ in range(rng.integers(1, 7)):
        x, y = rng.uniform(-0.05, 1.05, 2)
        size = rng.uniform(0.07, 0.2)
        strokes = _one(OBJECTS, rng)
        draw_object(pen.at(x, y, size, size, rng.uniform(-40, 40)), strokes, rng)


def draw_object(pen: Pen, strokes: Part, rng: np.random.Generator) -> None:
    """Draw an object around the origin, about one unit in radius; the colour of a toy at random."""
    if any("toy" in str(paint) for _, _, paint, *_ in strokes):
        pen = pen.dyed(toy=_colour(rng, TOYS))
    pen.draw(strokes)


def draw_obstacle(pen: Pen, rng: np.random.Generator) -> None:
    """Draw one thing that covers a part of the image."""
    _one(OBSTACLES, rng)(pen, rng)


def light(levels: Levels, rng: np.random.Generator) -> Levels:
    """Return the image in another light: brightness, contrast, colour cast, gradient, noise.

    Returns:
        Levels; may leave [0, 255], so clip before rounding.
    """
    contrast, brightness = rng.uniform(0.75, 1.1), rng.uniform(0.85, 1.15)
    cast = rng.uniform(0.9, 1.08, 3)
    turn, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    across = np.linspace(-1, 1, len(levels))
    slope = across[None, :] * np.cos(turn) + across[:, None] * np.sin(turn)
    lit = (128 + contrast * (levels - 128)) * brightness * cast * (1 + strength * slope)[:, :, None]
    noisy: Levels = lit + rng.normal(0, rng.uniform(1, 6), levels.shape)
    return noisy


def _one(table: Mapping[str, T], rng: np.random.Generator) -> T:
    """Return one entry of the table, all equally likely."""
    return tuple(table.values())[rng.integers(len(table))]


def _colour(rng: np.random.Generator, palette: tuple[Colour, ...]) -> Colour:
    """Return one colour of the palette, a little lighter or darker."""
    end = BRIGHT if rng.random() < 0.5 else (30, 24, 44)
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


def _grid(
    pen: Pen, rng: np.random.Generator, cell: Points, gaps: tuple[float, float], size: float, every: int, shift: float
) -> None:
    """Repeat a cell in rows, each second row shifted; `size` and `shift` are shares of the gap between rows."""
    pen.fill(SQUARE, _colour(rng, PASTELS))
    gap, other = rng.uniform(*gaps), _colour(rng, PASTELS)
    for row, y in enumerate(np.arange(0, 1.1, gap)):
        for x in np.arange(0, 1.2, gap * every) + gap * shift * (row % 2):
            pen.at(x, y, gap * size, gap * size).fill(cell, other)


def _hills(pen: Pen, rng: np.random.Generator) -> None:
    _sky(pen, rng)
    pen.at(rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.3)).fill(ellipse(0, 0, 0.1, 0.1), (252, 232, 160))
    for y in (0.75, 0.95):
        pen.at(rng.uniform(0, 1), y, rng.uniform(0.4, 0.8), rng.uniform(0.2, 0.4)).fill(CIRCLE, _colour(rng, PASTELS))


def _shelves(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill(SQUARE, _colour(rng, PASTELS))
    for y in (0.3, 0.72, 1.1):
        x = rng.uniform(-0.1, 0.1)
        while x < 1:
            width, height = rng.uniform(0.05, 0.12), rng.uniform(0.16, 0.28)
            pen.at(x, y - height, width, height).fill(SQUARE, _colour(rng, TOYS))
            x += width * rng.choice([1.0, 1.0, 2.0])
        pen.at(0, y, 1, 0.04).fill(SQUARE, (128, 86, 60))


# Obstacles cover a part of the unit square.


def _hand(pen: Pen, rng: np.random.Generator) -> None:
    skin = mixed((255, 222, 196), (122, 78, 54), float(rng.random()))
    hand = pen.at(rng.uniform(0.1, 0.9), rng.uniform(0.65, 1.0), 0.2, 0.2, rng.uniform(-50, 50))
    hand.at(-0.5, 0.6, 1.0, 6.0).shape(SQUARE, _colour(rng, TOYS))
    for x, tip in ((-0.5, -1.0), (0.0, -1.2), (0.5, -0.95)):
        hand.at(x, (tip + 0.3) / 2, 0.3, (0.5 - tip) / 2).shape(CIRCLE, skin)
    hand.at(0.75, 0.2, 0.5, 0.24, -40).shape(CIRCLE, skin)
    hand.shape(ellipse(0, 0.35, 0.8, 0.65), skin)


def _leaf(pen: Pen, rng: np.random.Generator) -> None:
    side = rng.choice([-1.0, 1.0])
    corner = (0.5 + side * rng.uniform(0.3, 0.55), rng.uniform(-0.1, 1.1))
    leaf = pen.at(*corner, -side * 0.26, 0.26, rng.uniform(-50, 50))
    green = mixed((150, 196, 92), (48, 110, 92), float(rng.random()))
    leaf.shape(smooth(((-1.0, 0.0), (-0.1, -0.62), (0.9, -0.3), (1.7, 0.1), (0.8, 0.4), (-0.1, 0.55))), green)
    leaf.line(np.array([(-0.9, 0.0), (1.3, 0.05)]), mixed(green, pen.colours["ink"], 0.35))


def _bar(pen: Pen, rng: np.random.Generator) -> None:
    width = rng.uniform(0.07, 0.15)
    bar = pen.at(rng.uniform(0.15, 0.85), rng.uniform(0.2, 0.9), degrees=rng.choice([0.0, 90.0]) + rng.normal(0, 14))
    bar.at(-1.5, -width / 2, 3.0, width).shape(SQUARE, _colour(rng, TOYS))


def _ball(pen: Pen, rng: np.random.Generator) -> None:
    colour, size = _colour(rng, TOYS), rng.uniform(0.12, 0.22)
    ball = pen.at(rng.uniform(0, 1), rng.uniform(0.1, 1), size, size, rng.uniform(0, 180))
    ball.shape(CIRCLE, colour)
    ball.fill(ellipse(0, 0, 0.35, 0.92), mixed(colour, BRIGHT, 0.6))


BACKGROUNDS: Final[Mapping[str, Draw]] = {
    "plain": _plain,
    "sky": _sky,
    "stripes": _stripes,
    "dots": partial(_grid, cell=CIRCLE, gaps=(0.14, 0.26), size=0.28, every=1, shift=-0.5),
    "tiles": partial(_grid, cell=SQUARE, gaps=(0.14, 0.3), size=1.0, every=2, shift=1.0),
    "hills": _hills,
    "shelves": _shelves,
}
OBSTACLES: Final[Mapping[str, Draw]] = {"hand": _hand, "leaf": _leaf, "bar": _bar, "ball": _ball}
