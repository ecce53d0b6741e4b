"""module x views x batches -> logits.

The module takes float pixels in [0, 1] and normalises them itself. Views are computed on
the batch, on the device, from uint8 pictures: each picture is read once a call. Equal
batch size and thread count give equal bits.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import nn

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.inference.views import apply_view


@dataclass(frozen=True, eq=False)
class Looked:
    """Logits (views, images, classes) and what a look cost (milliseconds a picture and view)."""

    logits: Float32[np.ndarray, "views images classes"]
    ms_per_image: float


def look(
    module: nn.Module,
    images: UInt8[np.ndarray, "images 3 size size"],
    views: Sequence[str],
    batch_size: int = 64,
    device: str = "cpu",
    on_batch: Callable[[int], None] = lambda pictures: None,
) -> Looked:
    """Run the module over every view of every picture.

    Args:
        module: float pixels in [0, 1] (images, 3, size, size) -> logits (images, classes).
        views: canonical names, see `views`.
        on_batch: called after each batch with the number of pictures in it.

    Raises:
        BadDataError: the module gave a number that is not finite.
    """
    module = module.to(device)
    module = module.to(memory_format=torch.channels_last).eval()
    blocks: list[np.ndarray] = []
    start = time.perf_counter()
    with torch.inference_mode():
        for first in range(0, len(images), batch_size):
            batch = torch.from_numpy(np.array(images[first : first + batch_size]))
            pixels = batch.to(device).float().div_(255)
            seen = [module(apply_view(view, pixels).contiguous(memory_format=torch.channels_last)) for view in views]
            blocks.append(torch.stack(seen).float().cpu().numpy())
            on_batch(len(batch))
    seconds = time.perf_counter() - start
    logits = np.concatenate(blocks, axis=1)
    bad = np.argwhere(~np.isfinite(logits))
    if len(bad):
        view, row, _ = bad[0]
        raise BadDataError(
            f"The model gave a number that is not finite for view '{views[view]}' of picture {row}: "
            "the training diverged. Train again with a lower --lr."
        )
    return Looked(logits, 1000 * seconds / (len(views) * len(images)))


def choose_device(device: str) -> str:
    """Return the device to use; `auto` is the first GPU where there is one.

    Raises:
        InvalidOptionError: a device that this machine has not.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidOptionError(f"--device {device} is not there ({str(error).splitlines()[0]}). Try cpu.") from error
    return device
