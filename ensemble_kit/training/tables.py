"""Optimisers, schedules and soups by name. Imports nothing heavy."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from ensemble_kit.tables import Entry

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from ensemble_kit.training import optimizers, schedules, soups
    from ensemble_kit.training.optimizers import Groups
    from ensemble_kit.training.soups import Gain, Settle, Soup, State
else:
    import ensemble_kit.training as face  # lazily; type checkers read the modules

    optimizers = schedules = soups = face

OPTIMIZERS: Final[Mapping[str, Entry["Callable[[Groups, float], Optimizer]"]]] = {
    "adam": Entry("Adam; weight decay as an L2 penalty", lambda: optimizers.adam),
    "adamw": Entry("AdamW; decoupled weight decay", lambda: optimizers.adamw),
    "muon": Entry("Muon for filters and matrices, AdamW for the rest", lambda: optimizers.muon),
    "sgd": Entry("SGD with Nesterov momentum 0.9", lambda: optimizers.sgd),
}


SCHEDULES: Final[Mapping[str, Entry[Callable[[float], float]]]] = {
    "constant": Entry("warm-up, then the learning rate stays", lambda: schedules.constant),
    "cosine": Entry("warm-up, then half a cosine down to zero", lambda: schedules.cosine),
}


SOUPS: Final[Mapping[str, Entry["Callable[[Iterable[State], Settle, Gain], Soup]"]]] = {
    "uniform": Entry("the mean of all", lambda: soups.uniform),
    "greedy": Entry("the best on val, then each that makes it no worse there", lambda: soups.greedy),
}
