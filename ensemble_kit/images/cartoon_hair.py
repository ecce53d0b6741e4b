"""Hair and hats of the cartoon characters: what lies behind the head, and what before.

A style is two functions of a pen and a look, one drawn before the head and one after
the face; both in the frame of the crown, which turns less than the face does. The
colours come from the look. Never draws a random number.
To add a style: write the functions, add one line to HAIR.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from ensemble_kit.images.cartoon_parts import WHITE, Look, Part
from ensemble_kit.images.cartoon_pen import Pen, arc, ellipse, mirrored, mixed, polygon, smooth


def _nothing(pen: Pen, look: Look) -> None:
    """Draw nothing: this style has no hair behind the head."""


def _shine(pen: Pen, look: Look, x: float = -0.4, y: float = -0.84) -> None:
    """Draw the light on the hair."""
    pen.line(arc(x, y + 0.3, 0.4, 0.3, 215, 285, 5), mixed(look.hair, WHITE, 0.4), 0.09)


def _bob_behind(pen: Pen, look: Look) -> None:
    back = ((-0.35, -1.26), (-0.95, -0.95), (-1.2, -0.2), (-1.28, 0.6), (-1.08, 1.02), (-0.5, 0.9))
    pen.shape(smooth(mirrored(back)[::-1]), mixed(look.hair, pen.ink, 0.25))


def _bob_before(pen: Pen, look: Look) -> None:
    top = mirrored(((-1.06, 0.1), (-1.08, -0.5), (-0.7, -1.08), (-0.2, -1.22)))
    fringe = ((0.86, -0.34), (0.56, -0.46), (0.3, -0.36), (0.02, -0.46), (-0.28, -0.36), (-0.56, -0.46), (-0.86, -0.34))
    pen.shape(smooth(top + fringe), look.hair)
    _shine(pen, look)


def _spikes_before(pen: Pen, look: Look) -> None:
    top = (
        (-1.02, -0.2), (-1.3, -0.5), (-1.0, -0.66), (-1.12, -1.1), (-0.72, -1.0), (-0.58, -1.46), (-0.22, -1.12),
        (0.1, -1.56), (0.34, -1.1), (0.8, -1.38), (0.82, -0.92), (1.24, -0.94), (1.02, -0.6), (1.02, -0.2),
    )  # fmt: skip
    edge = (
        (0.82, -0.42),
        (0.62, -0.66),
        (0.4, -0.46),
        (0.14, -0.7),
        (-0.12, -0.46),
        (-0.4, -0.68),
        (-0.62, -0.46),
        (-0.84, -0.62),
    )
    pen.shape(polygon(top + edge), look.hair)
    _shine(pen, look, -0.3, -0.8)


def _cloud_behind(pen: Pen, look: Look) -> None:
    puffs = [(1.08 * np.cos(t), 1.05 * np.sin(t) - 0.22, 0.42) for t in np.radians(np.arange(150, 400, 30))]
    pen.cluster([(0.0, -0.3, 1.1), *puffs], mixed(look.hair, pen.ink, 0.18))


def _cloud_before(pen: Pen, look: Look) -> None:
    pen.cluster([(x, -0.82 + 0.35 * x * x, 0.27) for x in (-0.76, -0.42, 0.0, 0.42, 0.76)], look.hair)
    _shine(pen, look, -0.3, -1.16)


def _parting_before(pen: Pen, look: Look) -> None:
    sweep = (
        (-0.44, -0.62), (-0.5, -1.14), (0.0, -1.34), (0.6, -1.2), (0.96, -0.7), (0.9, -0.1),
        (0.76, -0.44), (0.3, -0.56),
    )  # fmt: skip
    side = ((-0.48, -1.12), (-0.82, -0.94), (-0.96, -0.5), (-0.88, -0.08), (-0.74, -0.42), (-0.46, -0.64))
    pen.shape(smooth(side), look.hair)
    pen.shape(smooth(sweep), look.hair)
    _shine(pen, look, 0.3, -1.0)


def _bandana_behind(pen: Pen, look: Look) -> None:
    for end in (((1.7, -0.5), (1.62, -0.2)), ((1.55, -0.02), (1.3, 0.14))):
        pen.shape(polygon([(0.98, -0.52), *end]), mixed(look.accent, pen.ink, 0.2))
    pen.shape(ellipse(1.06, -0.48, 0.16, 0.16), look.accent)


def _bandana_before(pen: Pen, look: Look) -> None:
    cloth = ((-1.1, -0.32), (-1.02, -0.8), (-0.6, -1.16), (0.0, -1.24), (0.6, -1.16), (1.02, -0.8), (1.1, -0.32))
    edge = ((0.6, -0.46), (0.0, -0.54), (-0.6, -0.46))
    pen.shape(smooth(cloth + edge), look.accent)
    for x, y in (
        (-0.7, -0.72),
        (-0.2, -0.82),
        (0.32, -0.8),
        (0.76, -0.66),
        (-0.44, -1.04),
        (0.08, -1.08),
        (0.56, -1.02),
    ):
        pen.fill(ellipse(x, y, 0.09, 0.09), mixed(look.accent, WHITE, 0.8))


def _pigtails_behind(pen: Pen, look: Look) -> None:
    bunch = ((0.86, -0.62), (1.3, -0.86), (1.74, -0.5), (1.7, 0.2), (1.38, 0.72), (1.28, 0.1))
    for side in (-1.0, 1.0):
        pen.at(0, 0, side).shape(smooth(bunch), mixed(look.hair, pen.ink, 0.12))
        pen.shape(ellipse(side * 1.0, -0.56, 0.16, 0.2), look.accent)


def _pigtails_before(pen: Pen, look: Look) -> None:
    half = ((0.0, -1.16), (0.56, -1.06), (0.94, -0.7), (1.02, -0.14), (0.8, -0.4), (0.4, -0.6), (0.04, -0.78))
    for side in (-1.0, 1.0):
        pen.at(0, 0, side).shape(smooth(half), look.hair)
    _shine(pen, look, -0.3, -0.9)


def _beanie_behind(pen: Pen, look: Look) -> None:
    lock = ((0.8, -0.5), (1.1, -0.2), (1.14, 0.5), (0.94, 0.86), (0.74, 0.4))
    for side in (-1.0, 1.0):
        pen.at(0, 0, side).shape(smooth(lock), look.hair)


def _beanie_before(pen: Pen, look: Look) -> None:
    pen.cluster([(-0.1, -1.6, 0.18), (0.14, -1.62, 0.18), (0.02, -1.44, 0.2)], mixed(look.accent, WHITE, 0.7))
    pen.shape(smooth(mirrored(((-1.02, -0.5), (-0.96, -0.96), (-0.56, -1.34), (-0.14, -1.44)))), look.accent)
    for x in (-0.5, 0.0, 0.5):
        pen.line(polygon([(x * 0.7, -1.22), (x * 1.1, -0.74)]), mixed(look.accent, pen.ink, 0.25), 0.06)
    rim = mirrored(((-1.12, -0.36), (-1.1, -0.7), (-0.5, -0.8)))
    pen.shape(smooth((*rim, (0.5, -0.5), (-0.5, -0.5))), look.cloth)


HAIR: Final[Mapping[str, tuple[Part, Part]]] = {
    "bandana": (_bandana_behind, _bandana_before),
    "beanie": (_beanie_behind, _beanie_before),
    "bob": (_bob_behind, _bob_before),
    "cloud": (_cloud_behind, _cloud_before),
    "parting": (_nothing, _parting_before),
    "pigtails": (_pigtails_behind, _pigtails_before),
    "spikes": (_nothing, _spikes_before),
}
