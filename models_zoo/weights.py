"""Weights from a file into a network: whole, or an error that names what does not fit.

Takes a checkpoint of ours (with its normalisation) or the plain state of a body, as
.safetensors or as .pth; nothing is ever unpickled. Only the classifier may differ.
"""

from os import PathLike, fspath
from pickle import UnpicklingError
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from models_zoo.body import Network
from models_zoo.contract import ZooError

State = dict[str, Tensor]
_WRAPPERS = ("state_dict", "model")  # names under which training scripts nest the weights


def read(path: str | PathLike[str]) -> State:
    """Return the tensors of a .safetensors or .pth file, by name.

    Raises:
        ZooError: the file is missing, or is neither.
    """
    name = fspath(path)
    try:
        if name.endswith(".safetensors"):
            return dict(load_file(name))
        state = torch.load(name, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ZooError(f"There is no file of weights at '{name}'.") from error
    except (SafetensorError, UnpicklingError, BadZipFile, RuntimeError, EOFError, OSError) as error:
        raise ZooError(
            f"'{name}' cannot be read as weights ({str(error).splitlines()[0] if str(error) else 'empty'}); "
            f"wanted a .safetensors or .pth file of tensors."
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ZooError(f"'{name}' holds something else than tensors by name; save module.state_dict() alone.")
    return state


def load(network: Network, path: str | PathLike[str]) -> None:
    """Copy a file's weights into the network; a classifier of another size keeps its first weights.

    Raises:
        ZooError: the file cannot be read, or weights other than the classifier's differ.
    """
    given = read(path)
    if not any(name.startswith("body.") for name in given):
        given = {f"body.{name}": value for name, value in given.items()}
        given |= {"mean": network.mean, "std": network.std}
    own = network.state_dict()
    head = tuple(f"body.{prefix}" for prefix in network.head)
    if any(name.startswith(head) and not _same(own.get(name), given.get(name)) for name in {*own, *given}):
        given = {name: value for name, value in given.items() if not name.startswith(head)}
        given |= {name: value for name, value in own.items() if name.startswith(head)}
    missing, extra = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    other = sorted(name for name in own.keys() & given.keys() if own[name].shape != given[name].shape)
    if missing or extra or other:
        raise ZooError(
            f"The weights in '{fspath(path)}' do not fit this network: "
            f"{_first('missing', missing)}{_first('unknown', extra)}{_first('of another shape', other)}"
            f"only the classifier may differ. Choose the architecture and size they were made for."
        )
    network.load_state_dict(given)


def _same(own: Tensor | None, given: Tensor | None) -> bool:
    """Return whether both are there, with one shape."""
    return own is not None and given is not None and own.shape == given.shape


def _first(word: str, names: list[str]) -> str:
    """Return how many names there are and the first three, or nothing."""
    return f"{len(names)} {word} ({', '.join(names[:3])}); " if names else ""
