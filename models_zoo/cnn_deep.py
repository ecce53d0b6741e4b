"""A refined residual CNN for small pictures (16 to 64 px).

Two narrow convolutions at full size, where work is dear, then three stages: halve, widen,
add residual blocks. Channels grow 3, 5 and 8 times, so that every stage costs about the
same; global pooling makes the classifier independent of the picture's size.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models_zoo.body import Body
from models_zoo.contract import Wanted

Maps = Float[Tensor, "images channels rows columns"]
_STAGES = (3, 5, 8)  # channels, as multiples of the width


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
    """Return the stem, three stages, global pooling and a linear classifier."""
    width = wanted.number("width")
    stem = 3 * width // 4
    layers: list[nn.Module] = [ConvNorm(3, stem), nn.ReLU(inplace=True)]
    layers += [ConvNorm(stem, width), nn.ReLU(inplace=True)]
    channels = width
    for multiple in _STAGES:
        layers += [nn.MaxPool2d(2), ConvNorm(channels, multiple * width), nn.ReLU(inplace=True)]
        channels = multiple * width
        layers += [Residual(channels) for _ in range(wanted.number("depth"))]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(wanted.dropout)]
    layers.append(nn.Linear(channels, wanted.classes))
    return Body(nn.Sequential(*layers), head=(f"{len(layers) - 1}.",))
