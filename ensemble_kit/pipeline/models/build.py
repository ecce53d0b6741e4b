"""A network of the zoo, ready to learn these images, and the threads that compute it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

import models_zoo
from ensemble_kit.context import RunContext
from ensemble_kit.disk import beside
from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.storage.runs import check_weights


def build_network(
    arch: str,
    options: Mapping[str, int | float | str],
    size_px: int,
    classes: Sequence[str],
    images: Any,
    *,
    dropout: float = 0.0,
    pretrained: bool = False,
    weights: Path | None = None,
    seed: int = 0,
) -> Any:
    """Return the network with its first weights, normalising as the training images need it.

    Args:
        options: of the architecture, all of them, see `arch_options`.
        images: uint8 (images, 3, side, side) of train; their channels' mean and spread are taken.

    Raises:
        InvalidOptionError: no such network, or weights that do not fit.
        CorruptError: the weights are a damaged checkpoint of ours.
        ResourceError: no network to fetch weights over.
    """
    if weights is not None:
        weights = _file_of_weights(weights)
        check_weights(weights)
    mean, std = _mean_and_std(images)
    try:
        return models_zoo.build(
            arch,
            len(classes),
            size_px,
            dropout=dropout,
            options=options,
            pretrained=pretrained,
            weights=weights,
            mean=mean,
            std=std,
            seed=seed,
        )
    except models_zoo.UnreachableError as error:
        raise ResourceError(str(error)) from error
    except models_zoo.ZooError as error:
        raise InvalidOptionError(str(error)) from error


def _file_of_weights(path: Path) -> Path:
    """Return a file of weights by the path that a person would type, which is not by way of its run."""
    place = os.path.relpath(path)
    if path.is_dir():
        held = sorted(map(str, Path(place).glob("*.safetensors")))
        hint = f" There is a checkpoint in it: --init {quote(held[-1])}" if held else ""
        raise InvalidOptionError(f"'{place}' is a folder; wanted a file of weights.{hint}")
    if not path.is_file():
        raise InvalidOptionError(f"There is no file of weights at '{place}'{beside(place)}")
    return Path(place) if os.path.isfile(place) and os.path.samefile(path, place) else path


def arch_options(arch: str, given: Mapping[str, Any], pretrained: bool) -> dict[str, int | float | str]:
    """Return every option of the architecture as it will be used."""
    try:
        return models_zoo.resolved(arch, given, pretrained)
    except models_zoo.ZooError as error:
        raise InvalidOptionError(str(error)) from error


def with_device(context: RunContext) -> RunContext:
    """Return the context with the device that will compute, as `cpu` for `auto` where there is no GPU.

    Raises:
        InvalidOptionError: a device that this machine has not.
    """
    from ensemble_kit.inference.engines import choose_device

    return replace(context, device=choose_device(context.device))


@contextmanager
def threads_of(threads: int | None) -> Iterator[None]:
    """Compute with so many threads inside the block; None leaves torch's choice.

    Raises:
        InvalidOptionError: fewer than one.
    """
    import torch

    before = torch.get_num_threads()
    if threads is not None:
        if threads < 1:
            raise InvalidOptionError(f"--threads is {threads}; wanted 1 or more.")
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _mean_and_std(images: Any) -> tuple[Any, Any]:
    """Return mean and standard deviation of each channel, in [0, 1]; a flat channel has 1."""
    sums, squares, count = np.zeros(3), np.zeros(3), 0
    for first in range(0, len(images), 256):
        block = np.asarray(images[first : first + 256], dtype=np.float64) / 255
        sums += block.sum(axis=(0, 2, 3))
        squares += (block**2).sum(axis=(0, 2, 3))
        count += block.shape[0] * block.shape[2] * block.shape[3]
    mean = sums / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    std[std < 1e-3] = 1.0
    return tuple(mean.tolist()), tuple(std.tolist())
