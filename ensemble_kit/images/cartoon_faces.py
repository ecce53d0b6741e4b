"""Ten invented cartoon characters, drawn from parts.

A character is a head shape, a hair style, a nose and a few details; what changes from
picture to picture (colours, expression, where it looks) is a `Look`, drawn at random:
favourite colours overlap, so that colour alone does not tell who it is. Three pairs
differ in one small thing: ada and bea, cato and dov, gull and hob. Left and right are
the beholder's.
To add a character: a line in CHARACTERS. To add a part: a function in `cartoon_parts`
or `cartoon_hair` and a line in its table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ensemble_kit.images import cartoon_parts as parts
from ensemble_kit.images.cartoon_hair import HAIR
from ensemble_kit.images.cartoon_parts import Head, Look
from ensemble_kit.images.cartoon_pen import Colour, Pen, arc, ellipse, mirrored, mixed, smooth

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


@dataclass(frozen=True)
class Character:
    """What stays the same in every picture of one character.

    hairs, clothes: colours worn more often than the others, though not always.
    on_face: details under the front hair; on_head: details over it.
    """

    head: Head
    hair: str
    nose: str
    hairs: tuple[str, ...]
    clothes: tuple[str, ...]
    brow: float = 0.09
    ears: bool = True
    on_face: tuple[str, ...] = ()
    on_head: tuple[str, ...] = ()


CHARACTERS: Final[Mapping[str, Character]] = {
    "ada": Character(
        Head(0.98, 1.0, 0.06, 0.95), "bob", "button", ("plum", "black", "ginger"), ("yellow", "pink", "sea"),
        ears=False, on_face=("blush", "glasses"), on_head=("bow",),
    ),
    "bea": Character(
        Head(0.98, 1.0, 0.06, 0.95), "bob", "button", ("plum", "black", "ginger"), ("yellow", "pink", "sea"),
        ears=False, on_face=("blush",), on_head=("bow",),
    ),
    "cato": Character(
        Head(0.98, 1.0, -0.06, 0.62), "spikes", "wedge", ("teal", "blond", "brown"), ("orange", "blue", "green"),
        brow=0.14, on_face=("plaster",),
    ),
    "dov": Character(
        Head(0.98, 1.0, -0.06, 0.62), "spikes", "wedge", ("teal", "blond", "brown"), ("orange", "blue", "green"),
        brow=0.14,
    ),
    "ember": Character(
        Head(0.88, 1.04, 0.16, 0.95), "cloud", "button", ("black", "chestnut", "plum"), ("red", "yellow", "cream"),
        on_face=("lashes", "mole"), on_head=("hoop",),
    ),
    "fitz": Character(
        Head(0.84, 1.14, 0.04, 0.8), "parting", "long", ("silver", "chestnut", "black"), ("slate", "violet", "blue"),
        brow=0.12, on_face=("moustache", "monocle"),
    ),
    "gull": Character(
        Head(1.04, 0.96, -0.02, 0.85), "bandana", "ball", ("ginger", "brown", "silver"), ("red", "cream", "blue"),
        brow=0.13, on_face=("beard", "eyepatch"),
    ),
    "hob": Character(
        Head(1.04, 0.96, -0.02, 0.85), "bandana", "ball", ("ginger", "brown", "silver"), ("red", "cream", "blue"),
        brow=0.13, on_face=("beard",),
    ),
    "iris": Character(
        Head(0.96, 0.98, 0.18, 0.95), "pigtails", "button", ("blond", "teal", "chestnut"), ("violet", "green", "pink"),
        on_face=("lashes", "freckles"), on_head=("clip",),
    ),
    "juno": Character(
        Head(0.94, 1.02, 0.0, 0.85), "beanie", "ball", ("chestnut", "blond", "teal"), ("sea", "orange", "slate"),
        on_face=("blush",),
    ),
}  # fmt: skip


def draw_character(pen: Pen, name: str, rng: np.random.Generator) -> None:
    """Draw head and shoulders of one character, with a look drawn from `rng`.

    Args:
        pen: its origin becomes the middle of the head, its unit the radius of the head.
        name: a key of `CHARACTERS`.
    """
    who = CHARACTERS[name]
    look = draw_look(rng, who)
    back = pen.at(-0.35 * look.yaw, -0.2 * look.pitch)
    crown = pen.at(0.4 * look.yaw, 0.3 * look.pitch)
    face = pen.at(look.yaw, 0.12 + look.pitch, 1 - 0.4 * abs(look.yaw), 1.0)
    behind, before = HAIR[who.hair]
    _draw_shoulders(pen, look)
    behind(back, look)
    if who.ears:
        _draw_ears(back, who.head, look)
    outline = parts.head_outline(who.head)
    pen.shape(outline, mixed(look.skin, look.shadow, 0.28))
    pen.at(0.045 * look.lit_from, -0.04, 0.9, 0.92).fill(outline, look.skin)
    parts.draw_features(face, look, who.nose, who.brow)
    for detail in who.on_face:
        parts.FACE_DETAILS[detail](face, look)
    before(crown, look)
    for detail in who.on_head:
        parts.HEAD_DETAILS[detail](crown, look)


def draw_look(rng: np.random.Generator, who: Character) -> Look:
    """Return the colours, expression and turn of the head for one picture."""
    return Look(
        skin=jittered(rng, SKINS[rng.integers(len(SKINS))], 4.0),
        hair=_worn(rng, HAIRS, who.hairs),
        cloth=_worn(rng, CLOTHES, who.clothes),
        accent=_worn(rng, CLOTHES, who.clothes),
        iris=jittered(rng, (70, 90, 110), 40.0),
        mouth=str(rng.choice(tuple(parts.MOUTHS))),
        mood=float(rng.uniform(-1, 1)),
        lids=float(rng.choice([0.0, 0.0, 0.35, 0.55, 1.0], p=[0.4, 0.2, 0.2, 0.12, 0.08])),
        gaze=(float(rng.uniform(-1, 1)), float(rng.uniform(-0.7, 0.7))),
        yaw=float(rng.uniform(-0.22, 0.22)),
        pitch=float(rng.uniform(-0.1, 0.1)),
        lit_from=float(rng.choice([-1.0, 1.0])),
    )


def jittered(rng: np.random.Generator, colour: Colour, spread: float = 8.0) -> Colour:
    """Return the colour made lighter or darker, and a little off; `spread` in levels of 255."""
    moved = np.array(colour) * rng.uniform(0.88, 1.1) + rng.normal(0, spread, 3)
    red, green, blue = np.clip(moved, 0, 255).astype(int).tolist()
    return red, green, blue


def _worn(rng: np.random.Generator, palette: Mapping[str, Colour], favourites: tuple[str, ...]) -> Colour:
    """Return a colour of the palette, most often a favourite."""
    names = favourites if rng.random() < FONDNESS else tuple(palette)
    return jittered(rng, palette[names[rng.integers(len(names))]])


def _draw_shoulders(pen: Pen, look: Look) -> None:
    """Draw the neck, the shirt and its collar."""
    pen.shape(smooth(mirrored(((-0.32, 0.7), (-0.34, 1.5)))), mixed(look.skin, look.shadow, 0.35))
    shirt = mirrored(((-0.4, 1.18), (-1.15, 1.42), (-1.5, 2.2), (-1.6, 3.4)))
    pen.shape(smooth(shirt), look.cloth)
    pen.line(arc(0, 1.18, 0.44, 0.34, 12, 168), look.accent, 0.18)


def _draw_ears(pen: Pen, head: Head, look: Look) -> None:
    """Draw both ears, with their folds."""
    for side in (-1.0, 1.0):
        pen.shape(ellipse(side * head.width, 0.14, 0.22, 0.28), look.skin)
        pen.fill(ellipse(side * (head.width + 0.04), 0.14, 0.09, 0.14), mixed(look.skin, look.shadow, 0.4))
