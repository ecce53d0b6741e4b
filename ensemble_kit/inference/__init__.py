"""Looking at pictures with a finished module: views x batches -> logits.

`views` holds the looks and their names, `engine` runs a module over them. Knows nothing of
members, files or labels.
"""

from collections.abc import Mapping
from typing import Final

VIEW_SETS: Final[Mapping[str, str]] = {
    "flips": "hflip",
    "five-crop": "crop@0.875:center,crop@0.875:tl,crop@0.875:tr,crop@0.875:bl,crop@0.875:br",
    "ten-crop": (
        "hflip,crop@0.875:center,crop@0.875:tl,crop@0.875:tr,crop@0.875:bl,crop@0.875:br,"
        "crop@0.875:center*hflip,crop@0.875:tl*hflip,crop@0.875:tr*hflip,"
        "crop@0.875:bl*hflip,crop@0.875:br*hflip"
    ),
}
