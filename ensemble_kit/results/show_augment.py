"""What the images look like that a network is trained on."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AugmentReport:
    """A contact sheet of training images as the network sees them.

    path: the PNG: a row per image, as it is and then in each of the first epochs.
    image_ids: the images shown, from the top.
    applied: what may happen to an image, each change with its range, in words.
    cautions: what about these changes can make a label wrong, or an image worthless; nothing of it was measured.
    """

    path: Path
    data: str
    image_ids: tuple[str, ...]
    copies: int
    size_px: int
    seed: int
    recipe: str
    augment: str
    flip: bool
    mix: float
    applied: tuple[str, ...]
    cautions: tuple[str, ...]
