"""A multi-layer perceptron on the raw pixels: the baseline that knows nothing of images."""

from torch import nn

from models_zoo.body import Body
from models_zoo.contract import Wanted


def build(wanted: Wanted) -> Body:
    """Return `depth` hidden layers of `width` units (linear, ReLU, dropout) and a classifier."""
    width = wanted.number("width")
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = 3 * wanted.size_px**2
    for _ in range(wanted.number("depth")):
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(wanted.dropout)]
        inputs = width
    layers.append(nn.Linear(inputs, wanted.classes))
    return Body(nn.Sequential(*layers), head=(str(len(layers) - 1),))
