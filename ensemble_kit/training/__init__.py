"""How a network learns: recipes, optimisers, schedules and the loop.

    recipes     every number of a run, its range, the named recipes
    loop        pictures + module + recipe -> weights and a history; epochs, cycles, the clock
    step        one step of it: pictures changed and mixed, loss, gradients (depthwise: quick ones in bfloat16)
    balance     rare classes count as much as frequent ones
    mixing      pictures mixed in pairs
    layers      which layers learn, and how fast
    optimizers  how gradients become changes
    schedules   the course of the learning rate, and its restarts
    averaging   the running mean of the weights
    progress    where a run stands, to be taken up again
    finder      the range test for learning rates
    probe       a linear classifier on features
    soups       the mean of the weights of several networks
    timing      how fast this machine trains

Takes a module, uint8 pictures in memory and a recipe; gives back weights and a history.
Never reads or writes files, never knows where pictures come from: the augmentation is
handed in. To add an optimiser, a schedule or a soup: write the function, add a line here.
"""

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
