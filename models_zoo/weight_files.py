"""What a file of weights holds, read without running any of it: tables of tensors, and what its trainer says.

Takes .safetensors, and whatever `torch.save` writes (.pth, .pt, .ckpt, .bin). Always by `weights_only=True`: objects of
kinds that trainers leave beside the weights become placeholders, and nothing of their packages is imported. To let
another kind pass: a line in PLACEHOLDERS.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from zipfile import ZIP_STORED, ZipFile, is_zipfile

import torch
from safetensors.torch import load_file
from torch import Tensor

from models_zoo.contract import ZooError

State = dict[str, Tensor]

PLACEHOLDERS: Final = re.compile(
    r"argparse\.Namespace|types\.SimpleNamespace|pathlib\.\w+|datetime\.\w+"
    r"|numpy\..+|omegaconf\..+|(pytorch_)?lightning\..+|yacs\..+|ml_collections\..+"
)
"""Kinds of objects that trainers save beside the weights: options, dates, paths, figures."""

OTHER_KINDS: Final = (
    (rb"version https://git-lfs", "it is a pointer of Git LFS, not the file itself; fetch it: git lfs pull"),
    (rb"\s*<", "it is a page of the web, as a download that failed leaves it; download the file again"),
    (rb"\x1f\x8b", "it is compressed (gzip); unpack it first"),
    (rb"\x89HDF", "it is an HDF5 file, as Keras writes it"),
    (rb"\x08[\x01-\x20]\x12", "it is an ONNX file"),
    (rb"\Z", "it is empty"),
)
"""How files begin that are no weights, and what they are then; the first that fits counts."""

_SAYS_ARCH: Final = ("arch", "architecture", "model_name", "model", "backbone")
_GLOBAL: Final = re.compile(r"GLOBAL (\S+)")
_DEEPEST: Final = 8  # table in table; one that holds itself would have no end
_ALONE: Final = "Save the weights alone where it was made: torch.save(model.state_dict(), 'weights.pth')."


class Placeholder:
    """Stands for an object of a file: keeps its attributes, does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take whatever the object was made from."""

    def __setstate__(self, state: object) -> None:
        """Keep attributes by name."""
        if isinstance(state, dict):
            vars(self).update(state)


def read(path: str) -> Any:
    """Return what a file holds, placeholders in place of what is no tensor, number, text, list or dict.

    Raises:
        ZooError: the file is missing, is no file of weights, or cannot be read without running code of it.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except FileNotFoundError as error:
        raise ZooError(f"There is no file of weights at '{path}'.") from error
    except OSError as error:
        raise ZooError(f"'{path}' cannot be read as weights: {error.strerror}.") from error
    try:
        if start[8:9] == b"{":
            return load_file(path)
        _check_archive(path, start)
        return _unpickled(path)
    except ZooError:
        raise
    except Exception as error:  # readers of foreign formats raise nearly anything on what is none
        if kind := _GLOBAL.search(str(error)):
            raise ZooError(
                f"'{path}' cannot be read as weights: it holds {kind[1]}, and to bring that back is to run code. "
                f"{_ALONE}"
            ) from error
        if "TorchScript" in str(error):
            raise ZooError(f"'{path}' cannot be read as weights: it is a TorchScript program. {_ALONE}") from error
        what = next(
            (what for begins, what in OTHER_KINDS if re.match(begins, start)), "it is damaged, or of another kind"
        )
        raise ZooError(
            f"'{path}' cannot be read as weights: {what}. Wanted a .safetensors file, or one of torch.save."
        ) from None  # what torch says of such a file advises to run its code


def _unpickled(path: str) -> Any:
    """Return what `torch.save` wrote; each kind that it stops at and that PLACEHOLDERS lists is let pass."""
    passing: list[Any] = []
    while True:
        try:
            with torch.serialization.safe_globals(passing):
                return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            kind = _GLOBAL.search(str(error))
            if kind is None or not PLACEHOLDERS.fullmatch(kind[1]) or kind[1] in map(_kind, passing):
                raise
            module, _, name = kind[1].rpartition(".")
            passing.append(type(name, (Placeholder,), {"__module__": module}))


def _kind(placeholder: type) -> str:
    return f"{placeholder.__module__}.{placeholder.__qualname__}"


def _check_archive(path: str, start: bytes) -> None:
    """Raise on half an archive, and on a compressed one: a few bytes could unpack to gigabytes."""
    if is_zipfile(path):
        with ZipFile(path) as archive:
            if any(entry.compress_type != ZIP_STORED for entry in archive.infolist()):
                raise ZooError(f"'{path}' cannot be read as weights: it is a compressed archive. Unpack it first.")
    elif start.startswith(b"PK"):
        raise ZooError(f"'{path}' cannot be read as weights: its end is missing. Copy or download it again.")


def tables(content: object, place: str = "") -> Iterator[tuple[str, State]]:
    """Yield each table of tensors by name in what a file holds, with its place, as state_dict.encoder.

    What an optimiser remembers is none.
    """
    if not isinstance(content, Mapping) or place.count(".") > _DEEPEST:
        return
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if tensors:
        yield place, tensors
    for name, value in content.items():
        if not str(name).startswith("optim"):
            yield from tables(value, f"{place}.{name}" if place else str(name))


def says_arch(content: object) -> str | None:
    """Return the architecture that a trainer noted in its checkpoint or among its options.

    Example:
        >>> says_arch({"args": {"model": "resnet50"}, "state_dict": {}})
        'resnet50'
    """
    if not isinstance(content, Mapping):
        return None
    for noted in (content, *(content.get(key) for key in ("args", "hyper_parameters", "hparams", "config", "cfg"))):
        options = vars(noted) if isinstance(noted, Placeholder) else noted
        if isinstance(options, Mapping):
            for key in _SAYS_ARCH:
                if isinstance(options.get(key), str):
                    return str(options[key])
    return None
