"""Weights from a file into a network: whole, or an error that names what does not fit.

Takes a checkpoint of ours (with its normalisation) or the plain state of a body, as
.safetensors or as .pth; nothing is ever unpickled. Only the classifier may differ.
"""

import json
from os import PathLike, fspath
from zipfile import ZIP_STORED, ZipFile, is_zipfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from models_zoo import efficientnet_lite
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
        _check_archive(name)
        state = torch.load(name, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ZooError(f"There is no file of weights at '{name}'.") from error
    except Exception as error:  # readers of foreign formats raise nearly anything on what is none
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


def _check_archive(name: str) -> None:
    """Raise on a compressed archive: torch.save writes none, and a few bytes could unpack to gigabytes."""
    if is_zipfile(name):
        with ZipFile(name) as archive:
            if any(entry.compress_type != ZIP_STORED for entry in archive.infolist()):
                raise ValueError("a compressed archive")


def load(network: Network, path: str | PathLike[str], arch: str) -> None:
    """Copy a file's weights into the network; a classifier of another size starts anew.

    Its last layer then starts at zero: all classes alike, so that the first steps of fine-tuning
    are not spent on undoing chance.

    Args:
        arch: what the network is, since weights of EfficientNet-Lite fit a wrong one unnoticed.

    Raises:
        ZooError: the file cannot be read, or weights other than the classifier's differ.
    """
    given = read(path)
    made_for = _arch_of(fspath(path))
    if made_for not in (None, arch):
        raise ZooError(
            f"The weights in '{fspath(path)}' are those of '{made_for}', wanted '{arch}'. Use --arch {made_for}."
        )
    if efficientnet_lite.are_ours(given):
        given = efficientnet_lite.renamed(given, arch.removeprefix("timm:"))
    if not any(name.startswith("body.") for name in given):
        given = {f"body.{name}": value for name, value in given.items()}
        given |= {"mean": network.mean, "std": network.std}
    own = network.state_dict()
    head = tuple(f"body.{prefix}" for prefix in network.head)
    if any(name.startswith(head) and not _same(own.get(name), given.get(name)) for name in {*own, *given}):
        network.notes += (_replaced(fspath(path), own, given, head),)
        other_size = {name for name in given if name in own and not _same(own[name], given[name])}
        given = {name: value for name, value in given.items() if not name.startswith(head)}
        fresh = {name: value for name, value in own.items() if name.startswith(head)}
        given |= {name: torch.zeros_like(value) if name in other_size else value for name, value in fresh.items()}
    missing, extra = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    other = sorted(name for name in own.keys() & given.keys() if own[name].shape != given[name].shape)
    if missing or extra or other:
        raise ZooError(
            f"The weights in '{fspath(path)}' do not fit this network: "
            f"{_first('missing', missing)}{_first('unknown', extra)}{_first('of another shape', other)}"
            f"only the classifier may differ. Choose the architecture and size they were made for."
        )
    network.load_state_dict(given)


def _arch_of(path: str) -> str | None:
    """Return the architecture that a checkpoint of `ek train` says it is; None for any other file."""
    if not path.endswith(".safetensors"):
        return None
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get("ensemble_kit")
    try:
        return None if text is None else str(json.loads(text)["plan"]["arch"])
    except (ValueError, KeyError, TypeError):
        return None


def _replaced(path: str, own: State, given: State, head: tuple[str, ...]) -> str:
    """Return the sentence that says which classifier was replaced."""

    def outputs(state: State) -> str:
        counts = [len(state[name]) for name in sorted(state) if name.startswith(head) and state[name].ndim]
        return str(counts[-1]) if counts else "no"

    return (
        f"The classifier in '{path.rpartition('/')[2]}' has {outputs(given)} outputs, wanted {outputs(own)}: "
        "it starts anew."
    )


def _same(own: Tensor | None, given: Tensor | None) -> bool:
    """Return whether both are there, with one shape."""
    return own is not None and given is not None and own.shape == given.shape


def _first(word: str, names: list[str]) -> str:
    """Return how many names there are and the first three, or nothing."""
    return f"{len(names)} {word} ({', '.join(names[:3])}); " if names else ""
