"""A refined residual CNN for small images (16 to 64 px).

Wide from the start and shallow: a stem, then three stages that widen and halve, residual
blocks after the first and the last; global pooling makes the classifier independent of
the image's size. With one block a stage it has nine layers, in the spirit of Page's
ResNet-9 ("How to train your ResNet", Myrtle.ai, 2018).
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models_zoo.body import Body
from models_zoo.contract import Wanted

Maps = Float[Tensor, "images channels rows columns"]
_STAGES = ((2, 1), (4, 0), (6, 1))  # channels, as multiples of the width; residual blocks, of the depth


class ConvNorm(nn.Sequential):
    """A 3 x 3 convolution and its batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Keep the image's size."""
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
    channels = wanted.number("width")
    layers: list[nn.Module] = [ConvNorm(3, channels), nn.ReLU(inplace=True)]
    for multiple, blocks in _STAGES:
        wider = multiple * wanted.number("width")
        layers += [ConvNorm(channels, wider), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        layers += [Residual(wider) for _ in range(blocks * wanted.number("depth"))]
        channels = wider
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(wanted.dropout)]
    layers.append(nn.Linear(channels, wanted.classes))
    return Body(nn.Sequential(*layers), head=(str(len(layers) - 1),))
