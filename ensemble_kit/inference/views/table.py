"""Words that stand for several views. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Final

VIEW_SETS: Final[Mapping[str, str]] = {
    "flips": "hflip",
    "five-crop": "centre and corners; five-crop@0.875",
    "ten-crop": "hflip, five-crop, and five-crop of the mirrored image; ten-crop@0.875",
    "d4": "the eight ways to turn and mirror a square",
    "scales": "scale@0.9, scale@1.1, scale@1.2",
    "grid": "n x n crops from edge to edge; grid:3@0.75",
    "random": "so many crops drawn from a seed; random:20@7",
}
