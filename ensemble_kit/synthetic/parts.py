"""The parts that images are made of, a stroke a line:  part | brush paint width | curve numbers.

A part goes on where the first column is empty. The tables hold positions in face units.
Brushes are the methods of `Pen`; one in the plural draws twice: on the left, then on the
right. `at` moves the pen for the rest of the part. The order counts: at 16 px even neighbours
touch. Paints have a name in `pen.PAINTS` or in the colours of the pen: "ink", the look's
(see `faces`), an object's "toy".

    arc x y width height from to [points]    oval x y width height    star outer inner
    path: corners, joined as they are    blob: smoothed    twin: with their mirror images, then smoothed

Noses and mouths lie around their own origin, what is on the face in the frame of the face, which
turns with the head; hair and what is on the head in that of the crown, which turns less.
To add a part: its lines in a table.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ensemble_kit.synthetic.pen import SIDES, Corners, Points, Stroke, arc, ellipse, mirrored, smooth, star

Part = list[Stroke]
ROUND: Final[Mapping[str, Callable[..., Points]]] = {"arc": arc, "oval": ellipse, "star": star}
CORNERED: Final[Mapping[str, Callable[[Corners], Points]]] = {
    "path": np.array,
    "blob": smooth,
    "twin": lambda corners: smooth(mirrored(corners)),
}


def read_parts(table: str) -> dict[str, Part]:
    """Return the strokes of every part of a table."""
    parts: dict[str, Part] = {}
    strokes: Part = []
    for line in table.strip().splitlines():
        name, (brush, *told), curve = (column.replace(",", " ").split() for column in line.split("|"))
        if name:
            strokes = parts[name[0]] = []
        values = [_value(word) for word in told]
        if brush == "at":
            strokes.append((brush, *values))
            continue
        for side in SIDES if brush.endswith("s") else (1.0,):
            strokes.append((brush.rstrip("s"), _points(curve[0], [_value(word) for word in curve[1:]], side), *values))
    return parts


def _value(word: str) -> Any:
    """Return a number where the word is one, or the word."""
    try:
        return float(word) if "." in word else int(word)
    except ValueError:
        return word


def _points(curve: str, numbers: list[float], side: float) -> Points:
    """Return the points of a curve; on the left side its mirror image."""
    if curve in ROUND:
        return ROUND[curve](side * numbers[0], *numbers[1:])
    return CORNERED[curve](tuple((side * x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)))


NOSES: Final = read_parts("""
button     | line ink .06              | arc 0 0 .09 .07 20 160
wedge      | line ink .065             | path .02 -.2, .14 .06, -.06 .08
ball       | shape skin+nose*.3        | oval 0 0 .19 .15
long       | shape skin+shadow*.12     | twin -.06 -.25, -.16 .1, -.08 .2
""")
MOUTHS: Final = read_parts("""
smile      | line ink                  | arc 0 -.12 .3 .2 20 160
grin       | shape throat              | arc 0 -.1 .34 .32 0 180
           | fill white                | path -.29 -.07, .29 -.07, .24 .03, -.24 .03
           | fill tongue               | oval 0 .14 .14 .06
gasp       | shape throat              | oval 0 .02 .13 .17
level      | line ink                  | path -.2 0, .2 0
frown      | line ink                  | arc 0 .2 .26 .2 205 335
smirk      | line ink                  | arc .06 -.12 .28 .18 15 120
""")
ON_FACE: Final = read_parts("""
beard      | shape hair                | blob -.98 0, -1 .5, -.74 .98, -.3 1.22, .3 1.22, .74 .98, 1 .5, .98 0, \
                                              .76 .3, .5 .34, .2 .4, 0 .36, -.2 .4, -.5 .34, -.76 .3
blush      | fills skin+rouge*.4       | oval .58 .34 .17 .11
eyepatch   | line patch .08            | path -.9 -.02, -.38 -.26, .55 -.62
           | fill patch                | blob -.64 -.3, -.12 -.33, -.16 .1, -.38 .2, -.6 .08
freckles   | dots skin+rust*.6 .05     | path .42 .32, .56 .42, .66 .28
glasses    | lines ink+accent*.3 .05   | arc .38 -.06 .33 .33 0 372 32
           | lines ink .08             | path .7 -.1, .98 -.16
           | line ink .08              | arc 0 -.06 .08 .06 180 360
lashes     | lines ink .06             | path .53 -.22, .66 -.34
           | lines ink .06             | path .59 -.06, .72 -.18
mole       | dot mole .07              | path .44 .5
monocle    | line brass .1             | arc .38 -.06 .32 .34 0 372 32
           | line brass .05            | path .6 .2, .7 .55, .66 .9
moustache  | shapes hair               | blob 0 .38, .3 .36, .62 .24, .5 .5, .2 .54
plaster    | at .56 .42 .75 .75 -28    |
           | shape gauze               | path -.22 -.1, .22 -.1, .22 .1, -.22 .1
           | fill pad                  | path -.07 -.08, .07 -.08, .07 .08, -.07 .08
""")
ON_HEAD: Final = read_parts("""
bow        | at -.74 -.96 1 1 -30      |
           | shapes accent             | blob 0 0, .3 -.26, .5 -.22, .5 .22, .3 .26
           | shape accent+white*.3     | oval 0 0 .12 .13
clip       | at -.56 -.66              |
           | shape accent+white*.25    | star .26 .12
hoop       | line gold .08             | arc -.94 .56 .15 .18 0 372 32
""")
BACK_HAIR: Final = read_parts("""
bandana    | shape accent+ink*.2       | path .98 -.52, 1.7 -.5, 1.62 -.2
           | shape accent+ink*.2       | path .98 -.52, 1.55 -.02, 1.3 .14
           | shape accent              | oval 1.06 -.48 .16 .16
beanie     | shapes hair               | blob .8 -.5, 1.1 -.2, 1.14 .5, .94 .86, .74 .4
bob        | shape hair+ink*.25        | twin .35 -1.26, .95 -.95, 1.2 -.2, 1.28 .6, 1.08 1.02, .5 .9
cloud      | dot ink 1.175             | path 0 -.3
           | dot ink .495              | arc 0 -.22 1.08 1.05 150 390 9
           | dot hair+ink*.18 1.1      | path 0 -.3
           | dot hair+ink*.18 .42      | arc 0 -.22 1.08 1.05 150 390 9
pigtails   | shapes hair+ink*.12       | blob .86 -.62, 1.3 -.86, 1.74 -.5, 1.7 .2, 1.38 .72, 1.28 .1
           | shapes accent             | oval 1 -.56 .16 .2
""")
FRONT_HAIR: Final = read_parts("""
bandana    | shape accent              | blob -1.1 -.32, -1.02 -.8, -.6 -1.16, 0 -1.24, .6 -1.16, 1.02 -.8, \
                                              1.1 -.32, .6 -.46, 0 -.54, -.6 -.46
           | dot accent+white*.8 .09   | path -.7 -.72, -.2 -.82, .32 -.8, .76 -.66, -.44 -1.04, .08 -1.08, .56 -1.02
beanie     | dot ink .255              | path -.1 -1.6, .14 -1.62
           | dot ink .275              | path .02 -1.44
           | dot accent+white*.7 .18   | path -.1 -1.6, .14 -1.62
           | dot accent+white*.7 .2    | path .02 -1.44
           | shape accent              | twin -1.02 -.5, -.96 -.96, -.56 -1.34, -.14 -1.44
           | lines accent+ink*.25 .06  | path .35 -1.22, .55 -.74
           | line accent+ink*.25 .06   | path 0 -1.22, 0 -.74
           | shape cloth               | blob -1.12 -.36, -1.1 -.7, -.5 -.8, .5 -.8, 1.1 -.7, 1.12 -.36, .5 -.5, -.5 -.5
bob        | shape hair                | blob -1.06 .1, -1.08 -.5, -.7 -1.08, -.2 -1.22, .2 -1.22, .7 -1.08, \
                                              1.08 -.5, 1.06 .1, .86 -.34, .56 -.46, .3 -.36, .02 -.46, \
                                              -.28 -.36, -.56 -.46, -.86 -.34
           | line hair+white*.4 .09    | arc -.4 -.54 .4 .3 215 285 5
cloud      | dot ink .345              | path -.76 -.61784, -.42 -.75826, 0 -.82, .42 -.75826, .76 -.61784
           | dot hair .27              | path -.76 -.61784, -.42 -.75826, 0 -.82, .42 -.75826, .76 -.61784
           | line hair+white*.4 .09    | arc -.3 -.86 .4 .3 215 285 5
parting    | shape hair                | blob -.48 -1.12, -.82 -.94, -.96 -.5, -.88 -.08, -.74 -.42, -.46 -.64
           | shape hair                | blob -.44 -.62, -.5 -1.14, 0 -1.34, .6 -1.2, .96 -.7, .9 -.1, .76 -.44, .3 -.56
           | line hair+white*.4 .09    | arc .3 -.7 .4 .3 215 285 5
pigtails   | shapes hair               | blob 0 -1.16, .56 -1.06, .94 -.7, 1.02 -.14, .8 -.4, .4 -.6, .04 -.78
           | line hair+white*.4 .09    | arc -.3 -.6 .4 .3 215 285 5
spikes     | shape hair                | path -1.02 -.2, -1.3 -.5, -1 -.66, -1.12 -1.1, -.72 -1, -.58 -1.46, \
                                              -.22 -1.12, .1 -1.56, .34 -1.1, .8 -1.38, .82 -.92, 1.24 -.94, \
                                              1.02 -.6, 1.02 -.2, .82 -.42, .62 -.66, .4 -.46, .14 -.7, \
                                              -.12 -.46, -.4 -.68, -.62 -.46, -.84 -.62
           | line hair+white*.4 .09    | arc -.3 -.5 .4 .3 215 285 5
""")
BODY: Final = read_parts("""
shoulders  | shape skin+shadow*.35     | twin -.32 .7, -.34 1.5
           | shape cloth               | twin -.4 1.18, -1.15 1.42, -1.5 2.2, -1.6 3.4
           | line accent .18           | arc 0 1.18 .44 .34 12 168
eye        | shape white               | oval 0 0 .22 .26
shut-eye   | line ink                  | arc 0 -.02 .2 .12 15 165
iris       | fill iris                 | oval 0 0 .135 .155
           | fill pupil                | oval 0 0 .08 .1
           | dot white .045            | path -.05 -.06
""")
OBJECTS: Final = read_parts("""
balloon    | line ink                  | blob 0 1, .15 1.6, -.1 2.2, .15 1.6
           | shape toy                 | oval 0 0 .8 1
           | fill bright               | oval -.3 -.4 .16 .24
star       | shape toy                 | star 1 .45
crate      | at -.8 -.8 1.6 1.6        |
           | shape toy                 | path 0 0, 1 0, 1 1, 0 1
           | line toy+ink*.4 .046875   | path 0 0, 1 1
puff       | dot ink .525              | path -.7 .1, .7 .1
           | dot ink .725              | path 0 -.2
           | dot toy .45               | path -.7 .1, .7 .1
           | dot toy .65               | path 0 -.2
fruit      | shape toy                 | oval 0 0 .85 .8
           | line ink                  | path 0 -.6, .2 -1.2
           | fill leaf                 | blob .2 -.9, .7 -1.3, .9 -.9
eyes       | shape toy                 | twin -1 .9, -.95 0, -.5 -.85
           | fill white                | oval -.35 -.1 .26 .3
           | fill pupil                | oval -.35 -.06 .12 .14
           | fill white                | oval .35 -.1 .26 .3
           | fill pupil                | oval .35 -.06 .12 .14
ribbon     | shapes toy                | blob 0 0, .6 -.55, 1 -.45, 1 .45, .6 .55
           | shape toy+bright*.3       | oval 0 0 .25 .27
spectacles | shapes glass              | oval .55 0 .45 .45
           | line ink                  | path -.12 -.05, .12 -.05
""")
