"""Images of any height and width as squares of one side, in operations that a graph can hold.

The same squares as `images.decode.resize`, of which this is the form for graphs: bilinear,
antialiased, rounded, clamped. Each axis is one product with a matrix that is computed from the length of the axis,
so the graph takes every size. Never rounds where nothing is resized.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def squared(images: UInt8[Tensor, "images 3 height width"], side_px: int) -> Float[Tensor, "images 3 side side"]:
    """Return images as squares, in floats that are whole numbers from 0 to 255.

    An image that is such a square already comes back as it is. Beside `images.decode.resize` a
    value may differ by 1 where it lies half-way between two whole numbers.

    Example:
        >>> squared(torch.tensor([0, 0, 90, 90], dtype=torch.uint8).expand(1, 3, 4, 4), 2)[0, 0].tolist()
        [[13.0, 77.0], [13.0, 77.0]]
    """
    height, width = images.shape[-2:]
    rows = images.float() @ shares(width, side_px).T
    return (shares(height, side_px) @ rows).round().clamp(0, 255)


def shares(length: int | torch.SymInt, side: int) -> Float[Tensor, "side length"]:
    """Return what each pixel of an axis adds to each pixel of the resized axis: a triangle, as wide as the step.

    Source: the triangle filter of PyTorch's `interpolate(mode="bilinear", antialias=True)`.
    """
    step = torch.ones(1).mul(length).div(side)
    centres = (torch.arange(side, dtype=torch.float32)[:, None] + 0.5) * step
    places = torch.arange(length, dtype=torch.float32)
    triangle = (1 - ((places - centres + 0.5) * (1 / step.clamp(min=1))).abs()).clamp(min=0)
    return triangle / triangle.sum(dim=1, keepdim=True)
