"""module x views x batches -> logits.

Views are computed on the batch, on the device, from uint8 images: each image is read once a
call. Each view is a pass of its own, so equal batch size and thread count give equal bits,
whatever views stand beside it. What runs is started in `running`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8

from ensemble_kit.errors import BadDataError, InvalidOptionError, ResourceError
from ensemble_kit.inference.engines.memory import is_out_of_memory
from ensemble_kit.inference.engines.start import Running, floats, refuse_not_finite, start
from ensemble_kit.inference.views import see

__all__ = ["ForwardResult", "Running", "choose_device", "compute_logits", "start"]


@dataclass(frozen=True, eq=False)
class ForwardResult:
    """Logits, and what they cost.

    ms_by_view: milliseconds per image. A resize that views share counts for the first of them.
    batch_size: what was used at the end; smaller than asked where memory ran out.
    """

    logits: Float32[np.ndarray, "views images classes"]
    ms_by_view: Float64[np.ndarray, " views"]
    batch_size: int


def compute_logits(
    running: Running,
    images: UInt8[np.ndarray, "images 3 size size"],
    views: Sequence[str],
    batch_size: int = 64,
    on_batch: Callable[[int], None] = lambda images: None,
) -> ForwardResult:
    """Look at every image through every view.

    Where memory runs out the batch is halved, from the first image that is not done.

    Args:
        running: see `start.start`.
        images: cut into batches at multiples of `batch_size`.
        views: canonical names, see `views`.
        on_batch: called after each batch with the number of images in it.

    Raises:
        BadDataError: no images, or the module gave a number that is not finite.
        ResourceError: not even one image fits into memory.
    """
    if not len(images):
        raise BadDataError("There is no image; wanted at least one.")
    blocks: list[np.ndarray] = []
    seconds, first, size = np.zeros(len(views)), 0, batch_size
    while first < len(images):
        batch = images[first : first + size]
        try:
            block, spent_s = _compute_batch(running, batch, views)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            size = _halved(len(batch), running.device, error)
            continue
        refuse_not_finite(block, views, first)
        blocks.append(block)
        seconds += spent_s
        first += len(batch)
        on_batch(len(batch))
    return ForwardResult(np.concatenate(blocks, axis=1), 1000 * seconds / len(images), size)


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


def _compute_batch(
    running: Running, images: UInt8[np.ndarray, "images 3 size size"], views: Sequence[str]
) -> tuple[Float32[np.ndarray, "views images classes"], Float64[np.ndarray, " views"]]:
    """Return the logits of one batch, and the seconds that each view took."""
    seen, clock = [], [time.perf_counter()]
    with torch.inference_mode():
        for pixels in see(views, floats(images, running.device)):
            seen.append(running.run(pixels).cpu().numpy())
            clock.append(time.perf_counter())
    return np.stack(seen), np.diff(clock)


def _halved(size: int, device: str, error: BaseException) -> int:
    """Return half of a batch that did not fit into memory."""
    if size == 1:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ResourceError(
            f"One image does not fit into the memory of {device} ({reason[:100]}). "
            "Close other programs, or use --device cpu."
        ) from error
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    return size // 2
