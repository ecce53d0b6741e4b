"""A refined residual CNN for small pictures (16 to 64 px)."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models_zoo.body import Body
from models_zoo.contract import Wanted

Maps = Float[Tensor, "images channels rows columns"]


class ConvNorm(nn.Sequential):
    """A 3 x 3 convolution and its batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Keep the picture's size."""
        super().__init__(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        """Keep size and channels."""
        super().__init__()
        self.first = ConvNorm(channels, channels)
        self.second = ConvNorm(channels, channels)

    def forward(self, maps: Maps) -> Maps:
        """Return ReLU(maps + branch(maps))."""
        return F.relu(maps + self.second(F.relu(self.first(maps), inplace=True)), inplace=True)


def build(wanted: Wanted) -> Body:
    """Return a stem, three halvings with residual blocks after each, global pooling, a classifier."""
    widths = [wanted.number("width") * 2**stage for stage in range(4)]
    layers: list[nn.Module] = [ConvNorm(3, widths[0]), nn.ReLU(inplace=True)]
    for before, after in pairwise(widths):
        layers += [ConvNorm(before, after), nn.MaxPool2d(2), nn.ReLU(inplace=True)]
        layers += [Residual(after) for _ in range(wanted.number("depth"))]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(wanted.dropout)]
    layers.append(nn.Linear(widths[-1], wanted.classes))
    return Body(nn.Sequential(*layers), head=(f"{len(layers) - 1}.",))
