"""The splits of a data set, and the one that members are evaluated on.

Imports nothing, so that who reads no image need not load what does.
"""

from collections.abc import Collection

SPLITS = ("train", "val", "test")
VAL, OOF = "val", "oof"  # oof: the split of a fold of train that was held out, see `pipeline.inputs.held_out_fold`


def evaluation_split(*there: Collection[str]) -> str:
    """Return the split to evaluate on: val where all have one, else `oof`, the images of train that were held out.

    Args:
        there: the splits of each that is to be evaluated: of members, or of images.

    Example:
        >>> evaluation_split(("val", "test", "oof"), ("val",)), evaluation_split(("val", "oof"), ("oof", "test"))
        ('val', 'oof')
    """
    return VAL if all(VAL in splits for splits in there) else OOF
