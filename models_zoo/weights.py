"""Weights from a file into a network: whole, or an error that names what does not fit.

Takes a checkpoint of ours (with its normalisation), the plain state of a body, or either in what a trainer put around
it (see `fitting`); nothing is ever unpickled (see `weight_files`). Only the classifier may differ.
"""

import json
from collections.abc import Iterator
from os import PathLike, fspath

import torch
from safetensors import safe_open
from torch import Tensor

from models_zoo.body import Network
from models_zoo.contract import Wanted, ZooError
from models_zoo.fitting import COUNTERS, Found, chosen, found_in, misfits
from models_zoo.misfit import advice, first, largest, misfit
from models_zoo.table import TIMM
from models_zoo.weight_files import State, read, tables


def load(network: Network, path: str | PathLike[str], wanted: Wanted) -> None:
    """Copy a file's weights into the network; a classifier of another size starts anew.

    Its last layer then starts at zero: all classes alike, so that the first steps of fine-tuning
    are not spent on undoing chance. Where a moving average of the weights stands beside those of the
    last step, the average is taken; the network's `notes` say what was taken and what was left out.

    Args:
        wanted: what the network is, since weights of EfficientNet-Lite fit a wrong one unnoticed.

    Raises:
        ZooError: the file cannot be read, weights other than the classifier's differ, or several tables of it fit.
    """
    name, arch, own = fspath(path), wanted.arch, network.state_dict()
    content = read(name)
    made_for = _arch_of(name)
    if made_for not in (None, arch):
        raise ZooError(f"The weights in '{name}' are those of '{made_for}', wanted '{arch}'. Use --arch {made_for}.")
    held = list(tables(content))
    if not held:
        raise ZooError(f"'{name}' holds something else than tensors by name; save module.state_dict() alone.")
    head = tuple(f"body.{prefix}" for prefix in network.head)
    unsaid = {key: value for key, value in own.items() if key in ("mean", "std") or key.endswith(COUNTERS[0])}
    names = {key.removeprefix("body."): value for key, value in own.items() if key.startswith("body.")}
    found = [one.completed(unsaid) for one in found_in(held, names, arch.removeprefix(TIMM))]
    fitting = [one for one in found if not any(misfits(own, one.state, head).values())]
    if not fitting:
        nearest = next((one for one in found if 2 * one.votes > len(names)), largest(held).completed(unsaid))
        raise misfit(name, own, nearest, head, advice(held, wanted, content))
    taken = chosen([one for one in fitting if not _replaces(own, one.state, head)] or fitting, name)
    network.notes += tuple(_said(name.rpartition("/")[2], taken, found, fitting))
    given = taken.state
    if _replaces(own, given, head):
        network.replaced_head = _replaced(name, own, given, head)
        network.notes += (network.replaced_head,)
        given = _with_new_head(own, given, head)
    network.load_state_dict(given)


def _arch_of(path: str) -> str | None:
    """Return the architecture that a checkpoint of `ek train` says it is; None for any other file."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("ensemble_kit")
        return None if text is None else str(json.loads(text)["plan"]["arch"])
    except Exception:  # no .safetensors, or one of others
        return None


def _replaces(own: State, given: State, head: tuple[str, ...]) -> bool:
    """Return whether the classifier of a file is another than the network's."""
    return any(name.startswith(head) and not _same(own.get(name), given.get(name)) for name in {*own, *given})


def _with_new_head(own: State, given: State, head: tuple[str, ...]) -> State:
    """Return given weights with the network's own classifier, at zero where its size was another."""
    other_size = {name for name in given if name in own and not _same(own[name], given[name])}
    fresh = {name: value for name, value in own.items() if name.startswith(head)}
    kept = {name: value for name, value in given.items() if not name.startswith(head)}
    return kept | {name: torch.zeros_like(value) if name in other_size else value for name, value in fresh.items()}


def _replaced(path: str, own: State, given: State, head: tuple[str, ...]) -> str:
    """Return the sentence that says which classifier was replaced."""

    def outputs(state: State) -> str:
        counts = [len(state[name]) for name in sorted(state) if name.startswith(head) and state[name].ndim]
        return str(counts[-1]) if counts else "no"

    return (
        f"The classifier in '{path.rpartition('/')[2]}' has {outputs(given)} outputs, wanted {outputs(own)}: "
        "it starts anew."
    )


def _said(file: str, taken: Found, found: list[Found], fitting: list[Found]) -> Iterator[str]:
    """Yield the sentences on what was taken of a file, where there was more in it."""
    kind = "the moving average (EMA) of the weights" if taken.is_average else "the weights"
    others = [one for one in fitting if one.is_average != taken.is_average]
    unfit = [one for one in found if one.is_average and one not in fitting and 2 * one.votes > taken.votes]
    beside = [name for name in taken.beside if not any(one.front and name.startswith(one.front) for one in others)]
    if others or unfit or beside or taken.is_average or str(taken):
        yield f"Taken from '{file}': {kind}{taken}."
    if others:
        yield f"Not taken: the plain weights{others[0]}. To start from those, save them alone."
    if unfit:
        yield f"Not taken: the moving average{unfit[0]}, which does not fit this network."
    if beside:
        yield f"{first('left out beside them', beside)}."


def _same(own: Tensor | None, given: Tensor | None) -> bool:
    """Return whether both are there, with one shape."""
    return own is not None and given is not None and own.shape == given.shape
