"""The parts that cartoon characters are made of: heads, hair, features, details.

Each part is a function of a pen and a look; the tables at the end name them. Face
details are drawn in the frame of the face, which turns with the head; hair and head
details in the frame of the crown. Parts never draw a random number.
To add a part: write the function, add one line to its table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ensemble_kit.images.cartoon_pen import (  # fmt: skip
    Colour,
    Pen,
    Points,
    arc,
    ellipse,
    mirrored,
    mixed,
    polygon,
    smooth,
)

WHITE: Final[Colour] = (252, 250, 244)
EYE_X: Final = 0.38


@dataclass(frozen=True)
class Head:
    """The outline of a head, in face units.

    jaw: how much the chin narrows (negative: widens). roundness: 1 is an ellipse, less is squarer.
    """

    width: float
    height: float
    jaw: float
    roundness: float


@dataclass(frozen=True)
class Look:
    """What changes from picture to picture of one character.

    mood: -1 cross, 1 cheerful (the brows). lids: 0 open, 1 shut. gaze: in [-1, 1], right and down.
    yaw, pitch: how far the face is moved on the head, in face units. lit_from: -1 left, 1 right.
    """

    skin: Colour
    hair: Colour
    cloth: Colour
    accent: Colour
    iris: Colour
    mouth: str
    mood: float
    lids: float
    gaze: tuple[float, float]
    yaw: float
    pitch: float
    lit_from: float
    shadow: Colour = (92, 40, 62)


Part = Callable[[Pen, Look], None]


def head_outline(head: Head) -> Points:
    """Return the closed outline of a head around the origin."""
    turn = np.radians(np.arange(0, 360, 10))
    x, y = (np.sign(wave) * np.abs(wave) ** head.roundness for wave in (np.cos(turn), np.sin(turn)))
    narrowing = 1 - head.jaw * (y + 0.3)
    return np.stack([head.width * x * narrowing, head.height * y], axis=1)


def draw_features(pen: Pen, look: Look, nose: str, brow: float) -> None:
    """Draw eyes, brows, nose and mouth, as the look says."""
    for side in (-1.0, 1.0):
        _draw_eye(pen.at(side * EYE_X, -0.08), look)
        lift = -0.42 - 0.06 * look.mood
        ends = polygon([(-0.2, lift + 0.1 * look.mood * side), (0.2, lift - 0.1 * look.mood * side)])
        pen.at(side * EYE_X, 0.0).line(ends[:: int(side)], mixed(look.hair, pen.ink, 0.45), brow)
    MOUTHS[look.mouth](pen.at(0.0, 0.56), look)
    NOSES[nose](pen.at(0.0, 0.2), look)


def _draw_eye(pen: Pen, look: Look) -> None:
    """Draw one eye around the origin."""
    if look.lids == 1.0:
        pen.line(arc(0, -0.02, 0.2, 0.12, 15, 165))
        return
    pen.shape(ellipse(0, 0, 0.22, 0.26), WHITE)
    gaze = pen.at(0.08 * look.gaze[0], 0.09 * look.gaze[1] + 0.02)
    gaze.fill(ellipse(0, 0, 0.135, 0.155), look.iris)
    gaze.fill(ellipse(0, 0, 0.08, 0.1), (24, 18, 30))
    gaze.fill(ellipse(-0.05, -0.06, 0.045, 0.045), WHITE)
    if look.lids:
        half = 90 * look.lids
        pen.shape(arc(0, 0, 0.23, 0.27, 270 - half, 270 + half), mixed(look.skin, look.shadow, 0.2))


# Noses, around their own origin.


def _button(pen: Pen, look: Look) -> None:
    pen.line(arc(0, 0, 0.09, 0.07, 20, 160), width=0.06)


def _wedge(pen: Pen, look: Look) -> None:
    pen.line(polygon([(0.02, -0.2), (0.14, 0.06), (-0.06, 0.08)]), width=0.065)


def _ball(pen: Pen, look: Look) -> None:
    pen.shape(ellipse(0, 0, 0.19, 0.15), mixed(look.skin, (236, 96, 84), 0.3))


def _long(pen: Pen, look: Look) -> None:
    nose = smooth(mirrored(((-0.06, -0.25), (-0.16, 0.1), (-0.08, 0.2))))
    pen.shape(nose, mixed(look.skin, look.shadow, 0.12))


# Mouths, around their own origin: the expression of the picture, not of the character.


def _smile(pen: Pen, look: Look) -> None:
    pen.line(arc(0, -0.12, 0.3, 0.2, 20, 160))


def _grin(pen: Pen, look: Look) -> None:
    pen.shape(arc(0, -0.1, 0.34, 0.32, 0, 180), (112, 30, 44))
    pen.fill(polygon([(-0.29, -0.07), (0.29, -0.07), (0.24, 0.03), (-0.24, 0.03)]), WHITE)
    pen.fill(ellipse(0, 0.14, 0.14, 0.06), (228, 104, 108))


def _gasp(pen: Pen, look: Look) -> None:
    pen.shape(ellipse(0, 0.02, 0.13, 0.17), (112, 30, 44))


def _level(pen: Pen, look: Look) -> None:
    pen.line(polygon([(-0.2, 0.0), (0.2, 0.0)]))


def _frown(pen: Pen, look: Look) -> None:
    pen.line(arc(0, 0.2, 0.26, 0.2, 205, 335))


def _smirk(pen: Pen, look: Look) -> None:
    pen.line(arc(0.06, -0.12, 0.28, 0.18, 15, 120))


# Details on the face, in its frame.


def _glasses(pen: Pen, look: Look) -> None:
    for side in (-1.0, 1.0):
        rim = ellipse(side * EYE_X, -0.06, 0.33, 0.33)
        pen.line(np.concatenate([rim, rim[:2]]), mixed(pen.ink, look.accent, 0.3), 0.05)
        pen.line(polygon([(side * 0.7, -0.1), (side * 0.98, -0.16)]), width=0.08)
    pen.line(arc(0, -0.06, 0.08, 0.06, 180, 360), width=0.08)


def _monocle(pen: Pen, look: Look) -> None:
    rim = ellipse(EYE_X, -0.06, 0.32, 0.34)
    pen.line(np.concatenate([rim, rim[:2]]), (214, 166, 58), 0.1)
    pen.line(polygon([(0.6, 0.2), (0.7, 0.55), (0.66, 0.9)]), (214, 166, 58), 0.05)


def _eyepatch(pen: Pen, look: Look) -> None:
    pen.line(polygon([(-0.9, -0.02), (-0.38, -0.26), (0.55, -0.62)]), (44, 38, 48), 0.08)
    pen.fill(smooth(((-0.64, -0.3), (-0.12, -0.33), (-0.16, 0.1), (-0.38, 0.2), (-0.6, 0.08))), (44, 38, 48))


def _plaster(pen: Pen, look: Look) -> None:
    strip = pen.at(0.56, 0.42, 0.75, 0.75, -28)
    strip.shape(polygon([(-0.22, -0.1), (0.22, -0.1), (0.22, 0.1), (-0.22, 0.1)]), (250, 226, 190))
    strip.fill(polygon([(-0.07, -0.08), (0.07, -0.08), (0.07, 0.08), (-0.07, 0.08)]), (222, 168, 128))


def _freckles(pen: Pen, look: Look) -> None:
    for x, y in ((0.42, 0.32), (0.56, 0.42), (0.66, 0.28)):
        for side in (-1.0, 1.0):
            pen.fill(ellipse(side * x, y, 0.05, 0.05), mixed(look.skin, (130, 52, 30), 0.6))


def _mole(pen: Pen, look: Look) -> None:
    pen.fill(ellipse(0.44, 0.5, 0.07, 0.07), (58, 30, 34))


def _blush(pen: Pen, look: Look) -> None:
    for side in (-1.0, 1.0):
        pen.fill(ellipse(side * 0.58, 0.34, 0.17, 0.11), mixed(look.skin, (240, 84, 96), 0.4))


def _lashes(pen: Pen, look: Look) -> None:
    for side in (-1.0, 1.0):
        for x, y in ((0.66, -0.34), (0.72, -0.18)):
            pen.line(polygon([(side * (x - 0.13), y + 0.12), (side * x, y)]), width=0.06)


def _moustache(pen: Pen, look: Look) -> None:
    half = ((0.0, 0.38), (0.3, 0.36), (0.62, 0.24), (0.5, 0.5), (0.2, 0.54))
    for side in (-1.0, 1.0):
        pen.at(0, 0, side).shape(smooth(half), look.hair)


def _beard(pen: Pen, look: Look) -> None:
    chin = mirrored(((-0.98, 0.0), (-1.0, 0.5), (-0.74, 0.98), (-0.3, 1.22)))
    lip = ((0.76, 0.3), (0.5, 0.34), (0.2, 0.4), (0.0, 0.36), (-0.2, 0.4), (-0.5, 0.34), (-0.76, 0.3))
    pen.shape(smooth(chin + lip), look.hair)
    MOUTHS[look.mouth](pen.at(0.0, 0.62), look)


# Details over the hair, in the frame of the crown.


def _bow(pen: Pen, look: Look) -> None:
    bow = pen.at(-0.74, -0.96, degrees=-30)
    for side in (-1.0, 1.0):
        wing = ((0.0, 0.0), (0.3, -0.26), (0.5, -0.22), (0.5, 0.22), (0.3, 0.26))
        bow.at(0, 0, side).shape(smooth(wing), look.accent)
    bow.shape(ellipse(0, 0, 0.12, 0.13), mixed(look.accent, WHITE, 0.3))


def _clip(pen: Pen, look: Look) -> None:
    star = [
        (r * np.cos(t), r * np.sin(t))
        for r, t in zip([0.26, 0.12] * 5, np.radians(np.arange(-90, 270, 36)), strict=True)
    ]
    pen.at(-0.56, -0.66).shape(polygon(star), mixed(look.accent, WHITE, 0.25))


def _hoop(pen: Pen, look: Look) -> None:
    ring = ellipse(-0.94, 0.56, 0.15, 0.18)
    pen.line(np.concatenate([ring, ring[:2]]), (232, 184, 64), 0.08)


NOSES: Final[Mapping[str, Part]] = {"button": _button, "wedge": _wedge, "ball": _ball, "long": _long}
MOUTHS: Final[Mapping[str, Part]] = {
    "smile": _smile, "grin": _grin, "gasp": _gasp, "level": _level, "frown": _frown, "smirk": _smirk,
}  # fmt: skip
FACE_DETAILS: Final[Mapping[str, Part]] = {
    "beard": _beard, "blush": _blush, "eyepatch": _eyepatch, "freckles": _freckles, "glasses": _glasses,
    "lashes": _lashes, "mole": _mole, "monocle": _monocle, "moustache": _moustache, "plaster": _plaster,
}  # fmt: skip
HEAD_DETAILS: Final[Mapping[str, Part]] = {"bow": _bow, "clip": _clip, "hoop": _hoop}
