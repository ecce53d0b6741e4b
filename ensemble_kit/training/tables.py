"""Optimisers, schedules and soups by name. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Final

from ensemble_kit.tables import Entry

OPTIMIZERS: Final[Mapping[str, Entry]] = {
    "adam": Entry("Adam; weight decay as an L2 penalty", "ensemble_kit.training.optimizers:adam"),
    "adamw": Entry("AdamW; decoupled weight decay", "ensemble_kit.training.optimizers:adamw"),
    "sgd": Entry("SGD with Nesterov momentum 0.9", "ensemble_kit.training.optimizers:sgd"),
}


SCHEDULES: Final[Mapping[str, Entry]] = {
    "constant": Entry("warm-up, then the learning rate stays", "ensemble_kit.training.schedules:constant"),
    "cosine": Entry("warm-up, then half a cosine down to zero", "ensemble_kit.training.schedules:cosine"),
}


SOUPS: Final[Mapping[str, Entry]] = {
    "uniform": Entry("the mean of all", "ensemble_kit.training.soups:uniform"),
    "greedy": Entry("the best on val, then each that makes it no worse there", "ensemble_kit.training.soups:greedy"),
}
