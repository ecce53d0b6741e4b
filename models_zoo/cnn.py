"""A simple CNN: blocks of convolution, batch norm, ReLU and pooling, each twice as wide.

The classifier sees the mean of each channel, so that the same options make sense from
28 to 128 px and little can be learnt by heart; with `cells`, means over a grid, which
helps where things have their place, as in faces.
"""

from torch import nn

from models_zoo.body import Body
from models_zoo.contract import Wanted, ZooError

_WIDEST = 1024


def build(wanted: Wanted) -> Body:
    """Return the blocks and a linear classifier.

    Raises:
        ZooError: the options leave nothing of the image.
    """
    kernel, stride = wanted.number("kernel_size"), wanted.number("stride")
    dropout = wanted.dropout if float(wanted.options["dropout"]) < 0 else float(wanted.options["dropout"])
    pool = nn.MaxPool2d(2) if wanted.options["pool"] == "max" else nn.AvgPool2d(2)
    blocks: list[nn.Module] = []
    channels, side = 3, wanted.size_px
    for block in range(wanted.number("depth")):
        width = min(wanted.number("width") * 2**block, _WIDEST)
        side = _side_after(side, kernel, stride)
        if side < 1:
            raise ZooError(
                f"Block {block + 1} of 'cnn' has nothing left of an image of {wanted.size_px} px; wanted "
                f"one pixel. Lower depth ({wanted.number('depth')}), stride ({stride}) or kernel_size ({kernel})."
            )
        blocks.append(nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2))
        blocks += [nn.BatchNorm2d(width), nn.ReLU(), pool, nn.Dropout2d(dropout)]
        channels = width
    cells = min(side, wanted.number("cells"))
    blocks += [nn.AdaptiveAvgPool2d(cells), nn.Flatten(), nn.Dropout(wanted.dropout)]
    blocks.append(nn.Linear(channels * cells**2, wanted.classes))
    return Body(nn.Sequential(*blocks), head=(str(len(blocks) - 1),))


def _side_after(side: int, kernel: int, stride: int) -> int:
    """Return the image's side after one block: a padded convolution, then halving."""
    return ((side + 2 * (kernel // 2) - kernel) // stride + 1) // 2
