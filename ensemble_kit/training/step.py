"""One step: images, changed and mixed, through the network; loss, gradients, and the optimiser.

All randomness comes from (seed, epoch, step, image index), so a step repeats bit for bit at equal
threads. Nothing in it waits for the device. Never knows a schedule and never counts.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.training.balance import balanced_order, class_weights
from ensemble_kit.training.computing import LAYOUTS, usual
from ensemble_kit.training.depthwise import QuickDepthwise
from ensemble_kit.training.mixing import mix
from ensemble_kit.training.optimizers import set_rate
from ensemble_kit.training.recipes import Computing, Recipe

Pixels = UInt8[Tensor, "images 3 side side"]
Labels = Int[Tensor, " images"]
SoftLabels = Float[Tensor, "unlabelled classes"]
Augment = Callable[[Tensor, Tensor, int, int], Tensor]
"""(uint8 images, their indices in the training set, seed, epoch) -> float images in [0, 1]."""

_ORDER, _MIX, _NOISE = 1, 2, 3  # what a random number is for


@dataclass(frozen=True, eq=False)
class Work:
    """What is learnt, and how: the same in every step.

    images, labels: all that is learnt from, on the device.
    soft_labels: shares of the classes, of the last images, which have no label of their own; the likeliest class of
        each stands among the labels, for balancing. None: all images have labels.
    joined: an image that would be a batch of its own joins the batch before it, see `joins_last`.
    asked: what to compute in; None: the usual.
    """

    images: Pixels
    labels: Labels
    classes: int
    recipe: Recipe
    seed: int
    augment: Augment
    joined: bool = False
    asked: Computing | None = None
    soft_labels: SoftLabels | None = None

    @cached_property
    def steps(self) -> int:
        """Steps an epoch."""
        return -(-len(self.images) // self.recipe.batch_size) - self.joined

    @cached_property
    def computing(self) -> Computing:
        """What the steps compute in."""
        return self.asked or usual(self.recipe.precision, self.images.device)

    @cached_property
    def half(self) -> bool:
        """Whether products are taken in bfloat16."""
        return self.computing.precision == "bfloat16"

    @cached_property
    def class_weights(self) -> Tensor | None:
        """What each class weighs in the loss; None: all alike."""
        return class_weights(self.labels, self.classes) if self.recipe.balance == "loss" else None

    def targets(self, rows: Int[Tensor, " rows"]) -> Int[Tensor, " rows"] | Float[Tensor, "rows {self.classes}"]:
        """Return labels of images; where some have soft labels, shares of the classes, smoothed but for those."""
        labels = self.labels[rows]
        if self.soft_labels is None:
            return labels
        smoothing = self.recipe.label_smoothing
        shares = F.one_hot(labels, self.classes).to(self.soft_labels) * (1 - smoothing) + smoothing / self.classes
        place = rows - (len(self.labels) - len(self.soft_labels))
        return torch.where((place >= 0)[:, None], self.soft_labels[place.clamp(min=0)], shares)

    @property
    def label_smoothing(self) -> float:
        """What the loss has to smooth still."""
        return self.recipe.label_smoothing if self.soft_labels is None else 0.0


def work_of(
    module: nn.Module,
    images: Pixels,
    labels: Int[Tensor, " labels"],
    recipe: Recipe,
    seed: int,
    augment: Augment,
    computing: Computing | None = None,
    soft_labels: SoftLabels | None = None,
) -> Work:
    """Return what there is to learn, in batches that the module can learn from.

    Args:
        soft_labels: of the images that come after those with labels.

    Raises:
        InvalidOptionError: soft labels of other classes than the module's; or as `joins_last` says.
    """
    joined, classes = joins_last(module, images, recipe), count_classes(module, images)
    if soft_labels is not None:
        if soft_labels.shape[1] != classes:
            raise InvalidOptionError(
                f"Wanted soft labels of {classes} classes, as the network has, got {soft_labels.shape[1]}. "
                "Give one share for each class."
            )
        labels = torch.cat([labels, soft_labels.argmax(dim=1)])
    return Work(images, labels, classes, recipe, seed, augment, joined, computing, soft_labels)


def joins_last(module: nn.Module, images: Pixels, recipe: Recipe) -> bool:
    """Return whether one image is left over that joins the batch before it, as the module's batch norms need it.

    Raises:
        InvalidOptionError: all batches are of one image, and batch norms cannot learn from one.
        BadDataError: there is one image in all, and they cannot.
    """
    if len(images) >= 2 * -(-len(images) // recipe.batch_size) or norms_alone(module, images):
        return False
    why = "a batch norm of this network sees one value a channel of an image, and cannot learn from one image alone"
    if len(images) == 1:
        raise BadDataError(f"There is 1 image to train on, and {why}; wanted 2. Add images, or take --arch mlp.")
    if recipe.batch_size == 1:
        raise InvalidOptionError(f"--batch-size is 1, and {why}. Give --batch-size 2 or more.")
    return True


def batches(work: Work, epoch: int) -> Iterator[Int[np.ndarray, " _"]]:
    """Yield every index once, shuffled, or balanced by class; batches differ in size by one at most."""
    generator = generator_of(_ORDER, work.seed, epoch)
    if work.recipe.balance == "sampling":
        order = balanced_order(work.labels.cpu().numpy(), generator)
    else:
        order = generator.permutation(len(work.labels))
    yield from np.array_split(order, work.steps)


def take_step(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    work: Work,
    rows: Int[Tensor, " images"],
    epoch: int,
    step: int,
    lr: float,
) -> Float[Tensor, ""]:
    """Take one step on these images and return its loss, still on the device.

    Args:
        module: in training mode.
        rows: which images of train.
        epoch, step: name the randomness of the step.
    """
    recipe, key = work.recipe, (work.seed, epoch, step)
    batch = work.augment(work.images[rows], rows, work.seed, epoch)
    batch = batch.contiguous(memory_format=LAYOUTS[work.computing.layout])
    targets = work.targets(rows)
    generator = generator_of(_MIX, *key)
    torch.manual_seed(int(generator_of(_NOISE, *key).integers(2**63)))  # for dropout
    set_rate(optimizer, lr)
    if generator.uniform() < recipe.mix:
        batch, targets = mix(batch, targets, work.classes, generator)
    quick = QuickDepthwise() if work.half and batch.device.type == "cpu" else nullcontext()
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=work.half), quick:
        logits = module(batch)
    loss = cross_entropy(logits.float(), targets, work.class_weights, work.label_smoothing)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if recipe.clip:
        nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
    optimizer.step()
    return loss.detach()


def cross_entropy(
    logits: Float[Tensor, "images classes"],
    targets: Int[Tensor, " images"] | Float[Tensor, "images classes"],
    weights: Float[Tensor, " classes"] | None,
    label_smoothing: float,
) -> Float[Tensor, ""]:
    """Return the mean cross entropy (nats) against labels, or shares of the classes.

    Args:
        weights: what each class counts; their mean over the training images is 1. None: all alike.
    """
    if weights is not None and targets.ndim == 1:
        targets = F.one_hot(targets, len(weights)).to(logits)  # divided by the images, as for shares, not by weights
    return F.cross_entropy(logits, targets, weight=weights, label_smoothing=label_smoothing)


def count_classes(module: nn.Module, images: Pixels) -> int:
    """Return how many logits the module gives."""
    return int(_first_logits(module, images).shape[1])


def norms_alone(module: nn.Module, images: Pixels) -> bool:
    """Return whether every batch norm sees more of one image than one value a channel, which has no variance."""
    seen: list[bool] = []

    def look(norm: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        seen.append(arguments[0].numel() > arguments[0].shape[1])

    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    with ExitStack() as hooks:
        for norm in norms:
            hooks.callback(norm.register_forward_pre_hook(look).remove)
        _first_logits(module, images)
    return all(seen)


def _first_logits(module: nn.Module, images: Pixels) -> Tensor:
    """Return what the module gives for the first image, in evaluation mode; it is left in the mode that it was in."""
    was = module.training
    module.eval()
    with torch.inference_mode():
        logits: Tensor = module(as_float(images[:1]))
    module.train(was)
    return logits


def generator_of(purpose: int, *key: int) -> np.random.Generator:
    """Return a generator that depends on the purpose and the key alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([purpose, *key])))


def as_float(images: Pixels) -> Float[Tensor, "images 3 side side"]:
    """Return unchanged images in [0, 1], as the network likes them in memory."""
    return (images.float() / 255.0).contiguous(memory_format=torch.channels_last)
