"""What surrounds every body: enlarging, normalisation, seeded initial weights, a proof that it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from models_zoo.contract import Wanted, ZooError

Channels = tuple[float, float, float]


class Network(nn.Module):
    """A body behind its normalisation: images in [0, 1] -> logits.

    mean and std are buffers of shape (3, 1, 1), saved with the weights. Images smaller than
    `input_px` are enlarged to it (bicubic): pre-trained filters look for things of the size
    that they were trained on.
    """

    mean: Tensor
    std: Tensor
    notes: tuple[str, ...] = ()  # what its maker should tell a person
    replaced_head: str = ""  # the note that its classifier starts anew, where a file had another

    def __init__(
        self, body: nn.Module, mean: Channels, std: Channels, head: tuple[str, ...], input_px: int = 0
    ) -> None:
        """Wrap a body; `head` names its modules that depend on the number of classes, kept with dots at the end."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))
        self.body = body
        self.head = tuple(f"{name.rstrip('.')}." for name in head)
        self.input_px = input_px

    def forward(self, images: Float[Tensor, "images 3 side side"]) -> Float[Tensor, "images classes"]:
        """Return unnormalised log-probabilities (nats)."""
        if images.shape[-1] < self.input_px:
            images = F.interpolate(images, size=(self.input_px, self.input_px), mode="bicubic").clamp(0, 1)
        logits: Tensor = self.body((images - self.mean) / self.std)
        return logits


class Body(NamedTuple):
    """What a builder returns: normalised images -> logits, and what belongs to it.

    head: the modules in it whose weights depend on the number of classes, as `fc`; they learn first, and anew.
    mean, std: the normalisation that its weights were trained with; None: the caller's.
    weights: a file of pretrained weights that is yet to be loaded.
    input_px: the side to which smaller images are to be enlarged.
    """

    module: nn.Module
    head: tuple[str, ...]
    mean: Channels | None = None
    std: Channels | None = None
    weights: Path | None = None
    input_px: int = 0

    def network(self, mean: Channels, std: Channels) -> Network:
        """Return the body behind its own normalisation, or behind the one given."""
        return Network(self.module, self.mean or mean, self.std or std, self.head, self.input_px)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block, and leave its generators as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def prove(network: Network, wanted: Wanted) -> None:
    """Look at one blank image; raise ZooError unless one row of finite logits comes out."""
    network.eval()
    try:
        with torch.inference_mode():
            logits = network(torch.zeros(1, 3, wanted.size_px, wanted.size_px))
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        raise ZooError(f"'{wanted.arch}' does not take images of {wanted.size_px} px: {error}") from error
    finally:
        network.train()
    if logits.shape != (1, wanted.classes):
        raise ZooError(f"'{wanted.arch}' gives {tuple(logits.shape)} for an image; wanted (1, {wanted.classes}).")
