"""Soups: one network whose weights are the mean of the weights of several.

A soup costs what one network costs. It works where the networks lie in one basin of the loss:
fine-tuned from the same weights, or taken along one run. The statistics of batch norms are no
weights: they are taken again from images. Never reads files, never augments. To add a way: a
function (states, settle, gain) -> Soup here, and a line in `training.SOUPS`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError

if TYPE_CHECKING:
    from torch import Tensor, nn

    State = Mapping[str, Tensor]
    Settle = Callable[[State], dict[str, Tensor]]
    """Weights -> the same, with batch-norm statistics that fit them; see `settle_norms`."""
    Gain = Callable[[State], float]
    """Weights -> how good they are on val; more is better."""

BATCH: Final = 64
_SEED: Final = 0  # of the order in which images are taken for statistics


class Soup(NamedTuple):
    """Weights, which of the states are in them, in the order given, and whether `gain` decided that."""

    state: "dict[str, Tensor]"
    kept: tuple[bool, ...]
    by_val: bool


def uniform(states: "Iterable[State]", settle: "Settle", gain: "Gain") -> Soup:
    """Return the mean of all states; `gain` is never asked.

    Raises:
        InvalidOptionError: there is no state.
        MisalignedError: states of different networks.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018.
    """
    kept: list[bool] = []

    def counted() -> "Iterable[State]":
        for state in states:
            kept.append(True)
            yield state

    return Soup(settle(average(counted())), tuple(kept), by_val=False)


def greedy(states: "Iterable[State]", settle: "Settle", gain: "Gain") -> Soup:
    """Return the mean of the first state and of each later one that does not make the soup worse.

    A soup of the first alone is that state as it came, with its own statistics; so no soup is
    worse on val than the first state.

    Args:
        states: the best first, read once, one in memory at a time.

    Raises:
        InvalidOptionError: there is no state.
        MisalignedError: states of different networks.

    Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
        accuracy without increasing inference time", ICML 2022, recipe 1.
    """
    pot, best, best_gain, kept = _Pot(), dict[str, "Tensor"](), 0.0, list[bool]()
    for state in states:
        trial = pot.with_one_more(state)
        tasted = settle(trial.mean()) if kept else dict(state)
        trial_gain = gain(tasted)
        kept.append(not kept or trial_gain >= best_gain)
        if kept[-1]:
            pot, best, best_gain = trial, tasted, trial_gain
    _check_some(pot.count)
    return Soup(best, tuple(kept), by_val=True)


def average(states: "Iterable[State]") -> "dict[str, Tensor]":
    """Return the mean of the weights, added up in float64; what is not a float is the first state's.

    The mean of equal weights is those weights, bit for bit.

    Raises:
        InvalidOptionError: there is no state.
        MisalignedError: states of different networks.

    Example:
        >>> import torch
        >>> average([{"bias": torch.tensor([1.0, 2.0])}, {"bias": torch.tensor([3.0, 6.0])}])
        {'bias': tensor([2., 4.])}
    """
    pot = _Pot()
    for state in states:
        pot = pot.with_one_more(state)
    _check_some(pot.count)
    return pot.mean()


def settle_norms(
    module: "nn.Module",
    images: UInt8[np.ndarray, "images 3 side side"],
    batch_size: int = BATCH,
    on_batch: Callable[[int], None] = lambda images: None,
) -> int:
    """Take the statistics of the module's batch norms again, over all images; return how many norms it has.

    Each is the mean over batches of what the norm sees, the rest of the module being in evaluation
    mode. Images are dealt into batches at random, always alike: images that lie by class would
    vary too little within a batch. The module is left in evaluation mode, on its device.

    Args:
        images: as the network is trained on them, but unaugmented.
        batch_size: at most, but two at least; batches differ by one image.
        on_batch: called after each batch with the number of images in it.

    Raises:
        BadDataError: there are norms and no images; or one image, of which a norm sees one pixel.

    Example:
        >>> import torch
        >>> grey = np.full((7, 3, 2, 2), 51, dtype=np.uint8)
        >>> norm = torch.nn.BatchNorm2d(3)
        >>> settle_norms(norm, grey)
        1
        >>> norm.running_mean
        tensor([0.2000, 0.2000, 0.2000])

    Source: Izmailov et al., UAI 2018, section 3.1.
    """
    import torch

    from ensemble_kit.training.step import as_float, norms_alone

    module.eval()
    norms = batch_norms(module)
    if not norms:
        return 0
    if not len(images):
        raise BadDataError("There is no image to take batch-norm statistics from; wanted at least one.")
    place = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))

    def batch(rows: np.ndarray) -> "Tensor":
        return torch.from_numpy(np.array(images[rows])).to(place)

    if len(images) == 1 and not norms_alone(module, batch(np.zeros(1, dtype=int))):
        raise BadDataError(
            "There is one image to take batch-norm statistics from, and a batch norm sees one pixel of it, which has "
            "no variance; wanted two images or more."
        )
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches, each counting alike
            norm.train()
        with torch.no_grad():
            for rows in _dealt(len(images), batch_size):
                module(as_float(batch(rows)))
                on_batch(len(rows))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        module.eval()
    return len(norms)


def batch_norms(module: "nn.Module") -> "list[nn.modules.batchnorm._BatchNorm]":
    """Return the parts of a module that keep statistics of batches.

    Example:
        >>> from torch import nn
        >>> [norm.num_features for norm in batch_norms(nn.Sequential(nn.BatchNorm2d(5), nn.GroupNorm(1, 7)))]
        [5]
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    return [part for part in module.modules() if isinstance(part, _BatchNorm) and part.running_mean is not None]


@dataclass(frozen=True, eq=False)
class _Pot:
    """States that are added up, in float64, and how many they are; `like` is the first."""

    sums: "State" = field(default_factory=dict)
    count: int = 0
    like: "State" = field(default_factory=dict)

    def with_one_more(self, state: "State") -> "_Pot":
        """Return the pot with a state added.

        Raises:
            MisalignedError: it is another network's.
        """
        if not self.count:
            return _Pot({name: one.detach().cpu().double() for name, one in state.items()}, 1, state)
        _check_same(self.like, state)
        sums = {name: total + state[name].detach().cpu().double() for name, total in self.sums.items()}
        return _Pot(sums, self.count + 1, self.like)

    def mean(self) -> "dict[str, Tensor]":
        """Return the mean, each tensor in the type it came in."""
        return {
            name: (self.sums[name] / self.count).to(one.dtype) if one.is_floating_point() else one
            for name, one in self.like.items()
        }


def _dealt(count: int, batch_size: int) -> list[np.ndarray]:
    """Return the places of all images, dealt into batches at random, none of one alone; in order within a batch."""
    order = np.random.default_rng(_SEED).permutation(count)
    return [np.sort(rows) for rows in np.array_split(order, max(1, min(-(-count // batch_size), count // 2)))]


def _check_some(count: int) -> None:
    """Raise where there is nothing in the pot."""
    if not count:
        raise InvalidOptionError("There are no weights to average; wanted those of at least one network.")


def _check_same(first: "State", other: "State") -> None:
    """Raise unless the weights are those of one network: same names, same shapes."""
    for name in {**first, **other}:
        wanted, got = (tuple(state[name].shape) if name in state else "none" for state in (first, other))
        if wanted != got:
            raise MisalignedError(
                f"Weights of different networks cannot be averaged: '{name}' has shape {wanted} in the first, {got} "
                "in another. Take members of one architecture, size and number of classes."
            )
