"""The loop: pictures in memory, a module and a recipe become weights and a history.

All randomness (order, augmentation, mixing, dropout) comes from (seed, epoch, step, picture
index), never from a saved state, so a run repeats bit for bit at equal threads. The test set
is never seen; val is only measured, unless `keep="best"` asks to choose by its log loss.
Never reads or writes files, and lets KeyboardInterrupt through.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.training.averaging import RunningMean
from ensemble_kit.training.mixing import mix_pairs, mixed_loss
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.recipes import Recipe, check
from ensemble_kit.training.schedules import factor

Pixels = UInt8[Tensor, "images 3 side side"]
Labels = Int[Tensor, " images"]
Augment = Callable[[Tensor, Tensor, int, int], Tensor]
"""(uint8 pictures, their indices in the training set, seed, epoch) -> float pictures in [0, 1]."""

_VAL_BATCH = 256
_ORDER, _MIX, _NOISE = 1, 2, 3  # what a random number is for


@dataclass(frozen=True)
class Step:
    """What a progress bar may show after each step; read `loss` sparingly, it waits for the device."""

    epoch: int  # from 1
    epochs: int
    step: int  # from 1, within the epoch
    steps: int
    loss: Tensor


@dataclass(frozen=True)
class Epoch:
    """One row of the history; losses are mean cross entropies in nats."""

    epoch: int  # from 1
    train_loss: float  # as trained: with smoothing, mixing and augmentation
    val_loss: float | None
    val_accuracy: float | None
    lr: float  # at the epoch's last step
    seconds: float  # without measuring on val
    images_per_s: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """What training leaves: weights on the CPU, one row an epoch, and which epoch was kept."""

    state_dict: dict[str, Tensor]
    history: tuple[Epoch, ...]
    kept_epoch: int
    precision: str  # what products were taken in: float32 or bfloat16


@dataclass
class _Best:
    """The epoch that is kept so far."""

    epoch: int
    loss: float
    state: dict[str, Tensor]


def fit(
    module: nn.Module,
    images: Pixels,
    labels: Int[Tensor, " labels"],
    val_images: UInt8[Tensor, "val_images 3 side side"] | None,
    val_labels: Int[Tensor, " val_images"] | None,
    recipe: Recipe,
    seed: int,
    augment: Augment,
    device: str | torch.device = "cpu",
    keep: str = "last",
    on_step: Callable[[Step], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Fitted:
    """Train the module in place and return the weights that are kept.

    Args:
        module: takes float pictures in [0, 1], gives logits.
        labels: class indices.
        augment: turns a batch of pixels into pictures; called with the pictures' indices, the
            seed and the epoch (from 0), which are all the randomness it may use.
        keep: `last`, or `best`: the epoch with the lowest val log loss.
        on_step: called after every step, on_epoch after every epoch.

    Raises:
        InvalidOptionError: `keep` is neither, or `best` without val; the loss stopped being
            a number; an optimiser or schedule that no table holds.
    """
    check(recipe)
    _check(images, labels, val_images, val_labels, keep)
    place = torch.device(device)
    module.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = images.to(place), labels.to(place)
    mean = RunningMean(module, recipe.ema) if recipe.ema else None
    best: _Best | None = None
    history = []
    for row, scored in _epochs(module, mean, images, labels, recipe, seed, augment, on_step):
        if val_images is not None and val_labels is not None:
            loss, accuracy = measure(scored, val_images.to(place), val_labels.to(place))
            row = Epoch(row.epoch, row.train_loss, loss, accuracy, row.lr, row.seconds, row.images_per_s)
            if keep == "best" and (best is None or loss < best.loss):
                best = _Best(row.epoch, loss, _state(scored))
        history.append(row)
        if on_epoch is not None:
            on_epoch(row)
    if best is None:
        best = _Best(recipe.epochs, 0.0, _state(scored))
    half = computes_in_bfloat16(recipe.precision, place)
    return Fitted(best.state, tuple(history), best.epoch, "bfloat16" if half else "float32")


def measure(module: nn.Module, images: Pixels, labels: Labels) -> tuple[float, float]:
    """Return the mean log loss (nats) and the accuracy in [0, 1], in evaluation mode."""
    module.eval()
    with torch.inference_mode():
        logits = torch.cat([module(_pictures(batch)) for batch in torch.split(images, _VAL_BATCH)])
        loss = F.cross_entropy(logits.float(), labels)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
    return float(loss), float(accuracy)


def computes_in_bfloat16(precision: str, device: torch.device) -> bool:
    """Return whether products are taken in bfloat16; `auto`: where the processor has instructions for it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cpu":
        return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _epochs(
    module: nn.Module,
    mean: RunningMean | None,
    images: Pixels,
    labels: Labels,
    recipe: Recipe,
    seed: int,
    augment: Augment,
    on_step: Callable[[Step], None] | None,
) -> Iterator[tuple[Epoch, nn.Module]]:
    """Yield, after each epoch, its row and the module whose weights count."""
    optimizer = make_optimizer(module, recipe.optimizer, recipe.lr, recipe.weight_decay)
    steps = -(-len(images) // recipe.batch_size)
    half = computes_in_bfloat16(recipe.precision, images.device)
    for epoch in range(recipe.epochs):
        start = time.perf_counter()
        module.train()
        losses = []
        for step, index in enumerate(_batches(len(images), recipe.batch_size, seed, epoch)):
            lr = recipe.lr * factor(
                recipe.schedule,
                epoch * steps + step,
                recipe.epochs * steps,
                round(min(recipe.warmup_epochs, recipe.epochs / 2) * steps),
            )
            rows = torch.from_numpy(index).to(images.device)
            pictures = augment(images[rows], rows, seed, epoch).contiguous(memory_format=torch.channels_last)
            loss = _step(module, optimizer, pictures, labels[rows], recipe, lr, half, (seed, epoch, step))
            if mean is not None:
                mean.update(module, epoch * steps + step)
            losses.append(loss)
            if on_step is not None:
                on_step(Step(epoch + 1, recipe.epochs, step + 1, steps, loss))
        train_loss = _mean_loss(torch.stack(losses), epoch, lr)
        seconds = time.perf_counter() - start
        row = Epoch(epoch + 1, train_loss, None, None, lr, seconds, len(images) / seconds)
        yield row, module if mean is None else mean.module


def _step(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    pictures: Float[Tensor, "images 3 side side"],
    labels: Labels,
    recipe: Recipe,
    lr: float,
    half: bool,
    key: tuple[int, int, int],
) -> Float[Tensor, ""]:
    """Take one step and return its loss, still on the device."""
    generator = _generator(_MIX, *key)
    torch.manual_seed(int(_generator(_NOISE, *key).integers(2**63)))  # for dropout
    for group in optimizer.param_groups:
        group["lr"] = lr
    partner, share = labels, 1.0
    if generator.uniform() < recipe.mix:
        pictures, partner, share = mix_pairs(pictures, generator)
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=half):
        logits = module(pictures)
    loss = mixed_loss(logits.float(), labels, partner, share, recipe.label_smoothing)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def _batches(count: int, size: int, seed: int, epoch: int) -> Iterator[Int[np.ndarray, " images"]]:
    """Yield every index once, shuffled; batches differ in size by one at most."""
    order = _generator(_ORDER, seed, epoch).permutation(count)
    yield from np.array_split(order, -(-count // size))


def _generator(purpose: int, *key: int) -> np.random.Generator:
    """Return a generator that depends on the purpose and the key alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([purpose, *key])))


def _pictures(images: Pixels) -> Float[Tensor, "images 3 side side"]:
    """Return unchanged pictures in [0, 1], as the network likes them in memory."""
    return (images.float() / 255.0).contiguous(memory_format=torch.channels_last)


def _mean_loss(losses: Float[Tensor, " steps"], epoch: int, lr: float) -> float:
    """Return the mean loss of an epoch; the only place that waits for the device."""
    finite = torch.isfinite(losses)
    if not bool(finite.all()):
        step = int((~finite).nonzero()[0]) + 1
        raise InvalidOptionError(
            f"The training loss is {float(losses[step - 1])} at step {step} of epoch {epoch + 1} "
            f"(learning rate {lr:g}); wanted a finite number. Lower --lr, or add --warmup-epochs."
        )
    return float(losses.mean())


def _state(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the weights on the CPU, in plain memory order."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in module.state_dict().items()}


def _check(images: Tensor, labels: Tensor, val_images: Tensor | None, val_labels: Tensor | None, keep: str) -> None:
    """Raise where pictures, labels and `keep` do not fit together."""
    if keep not in ("last", "best"):
        raise InvalidOptionError(f"Wanted keep 'last' or 'best', got '{keep}'.")
    if keep == "best" and val_images is None:
        raise InvalidOptionError("keep 'best' goes by val log loss, and there is no val; use keep 'last'.")
    if len(images) != len(labels) or not len(images):
        raise InvalidOptionError(f"Wanted one label a picture, got {len(images)} pictures and {len(labels)} labels.")
    if (val_images is None) != (val_labels is None):
        raise InvalidOptionError("Wanted val pictures and val labels, or neither; got one without the other.")
