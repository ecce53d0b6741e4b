"""Ten invented cartoon characters, drawn from parts.

A character is a head shape, a hair style, a nose and a few details; what changes from
image to image (colours, expression, where it looks) is an `Appearance`, drawn at random.
Favourite colours overlap, so that colour alone does not tell who it is. Three pairs
differ in one small thing: ada and bea, cato and dov, gull and hob.
To add a character: a line in CHARACTERS. To add a part: see `parts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from ensemble_kit.synthetic.parts import BACK_HAIR, BODY, FRONT_HAIR, MOUTHS, NOSES, ON_FACE, ON_HEAD
from ensemble_kit.synthetic.pen import SIDES, Colour, Pen, Points, arc, ellipse

SKINS: Final[tuple[Colour, ...]] = (
    (255, 222, 196), (246, 200, 165), (230, 174, 130), (204, 142, 98), (166, 108, 72), (122, 78, 54),
)  # fmt: skip
HAIRS: Final[Mapping[str, Colour]] = {
    "black": (58, 48, 62), "brown": (118, 72, 46), "chestnut": (160, 82, 52), "ginger": (224, 116, 48),
    "blond": (242, 200, 96), "silver": (196, 200, 210), "teal": (52, 150, 156), "plum": (136, 78, 146),
}  # fmt: skip
CLOTHES: Final[Mapping[str, Colour]] = {
    "red": (222, 74, 74), "orange": (240, 148, 62), "yellow": (246, 206, 84), "green": (104, 176, 92),
    "sea": (60, 148, 160), "blue": (74, 110, 190), "violet": (150, 96, 178), "pink": (232, 128, 160),
    "cream": (240, 236, 226), "slate": (84, 84, 104),
}  # fmt: skip
FONDNESS: Final = 0.9
EYE_X: Final = 0.38


@dataclass(frozen=True)
class Character:
    """What stays the same in every image of one character.

    head: width, height, jaw (how much the chin narrows; negative: widens), roundness (1: an ellipse, less: squarer).
    brow: width of the brows; like the head, in face units.
    hairs, clothes: favourite colours, worn more often than the others.
    on_face: details under the front hair; on_head: details over it.
    """

    head: tuple[float, ...]
    brow: float
    hair: str
    nose: str
    hairs: tuple[str, ...]
    clothes: tuple[str, ...]
    on_face: tuple[str, ...]
    on_head: tuple[str, ...]


def _read_character(row: str) -> tuple[str, Character]:
    (name,), head, (brow, hair, nose), *lists = (column.split() for column in row.split("|"))
    return name, Character(tuple(map(float, head)), float(brow), hair, nose, *map(tuple, lists))


# name | head            | brow, hair, nose    | hairs                 | clothes           | on face           | on head
CHARACTERS: Final[Mapping[str, Character]] = dict(map(_read_character, """
ada   |  .98 1    .06 .95 | .09 bob      button | plum black ginger     | yellow pink sea   | blush glasses     | bow
bea   |  .98 1    .06 .95 | .09 bob      button | plum black ginger     | yellow pink sea   | blush             | bow
cato  |  .98 1   -.06 .62 | .14 spikes   wedge  | teal blond brown      | orange blue green | plaster           |
dov   |  .98 1   -.06 .62 | .14 spikes   wedge  | teal blond brown      | orange blue green |                   |
ember |  .88 1.04 .16 .95 | .09 cloud    button | black chestnut plum   | red yellow cream  | lashes mole       | hoop
fitz  |  .84 1.14 .04 .8  | .12 parting  long   | silver chestnut black | slate violet blue | moustache monocle |
gull  | 1.04 .96 -.02 .85 | .13 bandana  ball   | ginger brown silver   | red cream blue    | beard eyepatch    |
hob   | 1.04 .96 -.02 .85 | .13 bandana  ball   | ginger brown silver   | red cream blue    | beard             |
iris  |  .96 .98  .18 .95 | .09 pigtails button | blond teal chestnut   | violet green pink | lashes freckles   | clip
juno  |  .94 1.02 0   .85 | .09 beanie   ball   | chestnut blond teal   | sea orange slate  | blush             |
""".strip().splitlines()))  # fmt: skip


class Appearance(NamedTuple):
    """What changes from image to image of one character.

    colours: of skin, hair, cloth, accent and iris. mood: -1 cross, 1 cheerful (the brows).
    lids: 0 open, 1 shut. gaze: in [-1, 1], right and down. yaw, pitch: how far the face is
    moved on the head, in face units. lit_from: -1 left, 1 right.
    """

    colours: Mapping[str, Colour]
    mouth: str
    mood: float
    lids: float
    gaze: tuple[float, float]
    yaw: float
    pitch: float
    lit_from: float


def draw_character(pen: Pen, name: str, rng: np.random.Generator) -> None:
    """Draw head and shoulders of one character, with a look drawn from `rng`.

    Args:
        pen: its origin becomes the middle of the head, its unit the radius of the head.
        name: a key of `CHARACTERS`.
    """
    who = CHARACTERS[name]
    appearance = draw_appearance(rng, who)
    pen = pen.dyed(**appearance.colours)
    back = pen.at(-0.35 * appearance.yaw, -0.2 * appearance.pitch)
    crown = pen.at(0.4 * appearance.yaw, 0.3 * appearance.pitch)
    face = pen.at(appearance.yaw, 0.12 + appearance.pitch, 1 - 0.4 * abs(appearance.yaw), 1.0)
    pen.draw(BODY["shoulders"])
    back.draw(BACK_HAIR.get(who.hair, []))
    for side in SIDES if who.hair != "bob" else ():  # which covers the ears
        back.shape(ellipse(side * who.head[0], 0.14, 0.22, 0.28), "skin")
        back.fill(ellipse(side * (who.head[0] + 0.04), 0.14, 0.09, 0.14), "skin+shadow*.4")
    outline = _outline(*who.head)
    pen.shape(outline, "skin+shadow*.28")
    pen.at(0.045 * appearance.lit_from, -0.04, 0.9, 0.92).fill(outline, "skin")
    _draw_face(face, who, appearance)
    crown.draw(FRONT_HAIR[who.hair])
    for detail in who.on_head:
        crown.draw(ON_HEAD[detail])


def draw_appearance(rng: np.random.Generator, who: Character) -> Appearance:
    """Return the colours, expression and turn of the head for one image."""
    colours = {
        "skin": _jittered(rng, SKINS[rng.integers(len(SKINS))], 4.0),
        "hair": _worn(rng, HAIRS, who.hairs),
        "cloth": _worn(rng, CLOTHES, who.clothes),
        "accent": _worn(rng, CLOTHES, who.clothes),
        "iris": _jittered(rng, (70, 90, 110), 40.0),
    }
    return Appearance(
        colours,
        mouth=str(rng.choice(tuple(MOUTHS))),
        mood=rng.uniform(-1, 1),
        lids=float(rng.choice([0.0, 0.0, 0.35, 0.55, 1.0], p=[0.4, 0.2, 0.2, 0.12, 0.08])),
        gaze=(rng.uniform(-1, 1), rng.uniform(-0.7, 0.7)),
        yaw=rng.uniform(-0.22, 0.22),
        pitch=rng.uniform(-0.1, 0.1),
        lit_from=float(rng.choice(SIDES)),
    )


def _jittered(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """Return the colour made lighter or darker, and a little off; `spread` in levels of 255."""
    moved = np.array(colour) * rng.uniform(0.88, 1.1) + rng.normal(0, spread, 3)
    red, green, blue = np.clip(moved, 0, 255).astype(int).tolist()
    return red, green, blue


def _worn(rng: np.random.Generator, palette: Mapping[str, Colour], favourites: tuple[str, ...]) -> Colour:
    """Return a colour of the palette, most often a favourite."""
    names = favourites if rng.random() < FONDNESS else tuple(palette)
    return _jittered(rng, palette[names[rng.integers(len(names))]], 8.0)


def _outline(width: float, height: float, jaw: float, roundness: float) -> Points:
    """Return the closed outline of a head around the origin; see `Character`."""
    turn = np.radians(np.arange(0, 360, 10))
    x, y = (np.sign(wave) * np.abs(wave) ** roundness for wave in (np.cos(turn), np.sin(turn)))
    return np.stack([width * x * (1 - jaw * (y + 0.3)), height * y], axis=1)


def _draw_face(pen: Pen, who: Character, appearance: Appearance) -> None:
    """Draw eyes, brows, mouth, nose and the details among them."""
    brow = np.array([(-0.2, -0.42 + 0.04 * appearance.mood), (0.2, -0.42 - 0.16 * appearance.mood)])
    for side in SIDES:
        _draw_eye(pen.at(side * EYE_X, -0.08), appearance)
        pen.at(side * EYE_X, 0.0, side).line(brow, "hair+ink*.45", who.brow)
    pen.at(0.0, 0.56).draw(MOUTHS[appearance.mouth])
    pen.at(0.0, 0.2).draw(NOSES[who.nose])
    for detail in who.on_face:
        pen.draw(ON_FACE[detail])
        if detail == "beard":  # which covers the mouth
            pen.at(0.0, 0.62).draw(MOUTHS[appearance.mouth])


def _draw_eye(pen: Pen, appearance: Appearance) -> None:
    """Draw one eye around the origin."""
    if appearance.lids == 1.0:
        pen.draw(BODY["shut-eye"])
        return
    pen.draw(BODY["eye"])
    pen.at(0.08 * appearance.gaze[0], 0.09 * appearance.gaze[1] + 0.02).draw(BODY["iris"])
    if appearance.lids:
        pen.shape(arc(0, 0, 0.23, 0.27, 270 - 90 * appearance.lids, 270 + 90 * appearance.lids), "skin+shadow*.2")
