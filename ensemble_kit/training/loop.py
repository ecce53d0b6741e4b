"""The loop: images in memory, a module and a recipe become weights and a history.

All randomness (order, augmentation, mixing, dropout) comes from (seed, epoch, step, image
index), so a run repeats bit for bit at equal threads, and so does one that was stopped and
taken up from a snapshot, unless a clock shortens it. The test set is never seen; val is only measured, a few
times a run, unless `keep="best"` or `patience` choose by it. Never reads or writes files, and lets
KeyboardInterrupt through.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import METRICS, accuracy, mean_loss
from ensemble_kit.tables import pick
from ensemble_kit.training.averaging import RunningMean
from ensemble_kit.training.computing import LAYOUTS
from ensemble_kit.training.layers import hold_all_but_the_head
from ensemble_kit.training.optimizers import make_optimizer
from ensemble_kit.training.pace import Pace
from ensemble_kit.training.progress import Best, Epoch, Progress, Snapshot, state_of
from ensemble_kit.training.recipes import Computing, Recipe, check
from ensemble_kit.training.schedules import factor
from ensemble_kit.training.step import (
    Augment,
    Labels,
    Pixels,
    SoftLabels,
    Work,
    as_float,
    batches,
    take_step,
    work_of,
)

Keep = Callable[[int, Mapping[str, Tensor], tuple[Epoch, ...]], None]
"""Told at the end of a cycle: its number (from 1), the weights that count, and the history so far."""

Pause = Callable[[Callable[[], Snapshot]], None]
"""Told that the run can be left here, and given the function that takes a snapshot."""

_VAL_BATCH = 256
_READ_EVERY = 20  # steps between readings of the loss, where reading waits for the device
_MEASURED = 5  # times that val is, in a run where nothing is chosen by it; each takes as long as some steps


@dataclass(frozen=True)
class Step:
    """What a progress bar may show after each step; read `loss` sparingly, it waits for the device."""

    epoch: int  # from 1
    epochs: int  # as many as there will be, where a clock shortens the run
    step: int  # from 1, within the epoch
    steps: int
    loss: Tensor


class Measured(NamedTuple):
    """How good a module is: mean log loss in nats, accuracy in [0, 1], and the metric that was asked for."""

    loss: float
    accuracy: float
    score: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """What training leaves: weights on the CPU, one row an epoch, and which epoch was kept."""

    state_dict: dict[str, Tensor]
    history: tuple[Epoch, ...]
    kept_epoch: int
    computing: Computing
    in_time: bool = True  # False: the clock ended it before its last step, and its schedule with it


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
    metric: str = "log-loss",
    patience: int = 0,
    soft_labels: SoftLabels | None = None,
    resume: Snapshot | None = None,
    on_step: Callable[[Step], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_cycle: Keep = lambda cycle, weights, history: None,
    on_pause: Pause = lambda snapshot: None,
    time_gone: Callable[[], float] = lambda: 0.0,
    computing: Computing | None = None,
) -> Fitted:
    """Train the module in place and return the weights that are kept.

    Args:
        module: takes float images in [0, 1], gives logits.
        labels: class indices.
        augment: turns a batch of pixels into images; called with the images' indices, the
            seed and the epoch (from 0), which are all the randomness it may use.
        keep: `last`, or `best`: the epoch with the best val score.
        metric: what that score is, see `metrics.METRICS`; ties go to the earlier epoch.
        patience: epochs without a better val score after which training stops; 0: never.
        soft_labels: shares of the classes that sum to 1, of the last images, which have no label.
        resume: a snapshot of a run of the same arguments, to go on from.
        on_step: called after every step, on_epoch after every epoch; val is measured in some of them only,
            unless something is chosen by it.
        on_cycle: called at the end of every cycle of the schedule but the last, where there are several.
        on_pause: called after every step and every batch measured on val, with a function that
            takes a snapshot; what it raises leaves `fit`, never in the middle of a step.
        time_gone: the share of the run's time that is over; at 1 training ends. The schedule never lags
            behind it, see `Pace`; a run that is taken up has its whole time for what is left.
        computing: what to compute in, whatever the recipe's precision; part of the bits. None: the usual.

    Raises:
        InvalidOptionError: `keep` is neither; `best` or `patience` without val; the loss
            stopped being a number; an optimiser, schedule or metric that no table holds; batches
            that the module cannot learn from.
        BadDataError: as many images.
    """
    check(recipe)
    _check(images, labels, soft_labels, val_images, val_labels, keep, patience)
    rule = pick(METRICS, metric, "metric")
    where = torch.device(device)
    images, labels = images.to(where), labels.to(where)
    soft_labels = None if soft_labels is None else soft_labels.to(where)
    work = work_of(module.to(where), images, labels, recipe, seed, augment, computing, soft_labels)
    module.to(memory_format=LAYOUTS[work.computing.layout])
    optimizer = make_optimizer(module, recipe)
    run = Progress(module, optimizer, RunningMean(module, recipe.ema) if recipe.ema else None)
    if resume is not None:
        run.take_up(resume, where)
    total = recipe.epochs * work.steps
    pace = Pace(total, time_gone, max(run.place, float(run.epoch * work.steps + run.step)))
    run.cycle = max(run.cycle, _cycle(recipe, run.epoch * work.steps, total))
    always, in_time = keep == "best" or patience > 0, True
    while run.epoch < recipe.epochs and not _worn_out(run, patience) and in_time:
        row, in_time = _epoch(run, work, pace, on_step, on_pause, on_cycle)
        ahead = pace.place((run.epoch + 1) * work.steps)
        ended = not in_time or run.epoch + 1 == recipe.epochs
        due = _MEASURED if ended else int(_MEASURED * ahead / total)
        if val_images is not None and val_labels is not None and (always or due > run.measured):
            seen = measure(
                run.scored, val_images.to(where), val_labels.to(where), metric, lambda: on_pause(run.snapshot)
            )
            run.measured = due
            row = replace(row, val_loss=seen.loss, val_accuracy=seen.accuracy, val_score=seen.score)
            if run.best is None or rule.gain(seen.score) > run.best.gain:
                weights = state_of(run.scored) if keep == "best" else {}
                run.best = Best(row.epoch, rule.gain(seen.score), weights)
        run.end_epoch(row)
        if on_epoch is not None:
            on_epoch(row)
        if not ended and _cycle(recipe, ahead, total) > run.cycle:
            run.cycle += 1
            on_cycle(run.cycle, state_of(run.scored), tuple(run.history))
    if keep == "best" and run.best is not None:
        return Fitted(run.best.state, tuple(run.history), run.best.epoch, work.computing, in_time)
    return Fitted(state_of(run.scored), tuple(run.history), run.epoch, work.computing, in_time)


def measure(
    module: nn.Module,
    images: Pixels,
    labels: Labels,
    metric: str = "log-loss",
    on_batch: Callable[[], None] = lambda: None,
) -> Measured:
    """Return how good the module is on the images, in evaluation mode.

    Args:
        metric: what the score is; see `metrics.METRICS`.
        on_batch: called after every batch.

    Raises:
        UnknownNameError: no metric has that name.
    """
    rule = pick(METRICS, metric, "metric")
    module.eval()
    batches = []
    for batch in torch.split(images, _VAL_BATCH):
        with torch.inference_mode():
            batches.append(F.log_softmax(module(as_float(batch)).float(), dim=1).cpu())
        on_batch()
    logs, wanted = torch.cat(batches).double().numpy(), labels.cpu().numpy()
    read = {"predicted": logs.argmax(axis=1), "log_prob": logs[np.arange(len(wanted)), wanted]}
    return Measured(
        loss=mean_loss(read["log_prob"], wanted),
        accuracy=accuracy(read["predicted"], wanted),
        score=rule.score(read[rule.reads], wanted),
    )


def _epoch(
    run: Progress,
    work: Work,
    pace: Pace,
    on_step: Callable[[Step], None] | None,
    on_pause: Pause,
    on_cycle: Keep,
) -> tuple[Epoch, bool]:
    """Take the steps of the epoch that are left; return its row, without val, and whether there was time for all."""
    epoch, module, recipe, steps = run.epoch, run.module, work.recipe, work.steps
    read_every = 1 if work.images.device.type == "cpu" else _READ_EVERY
    module.train()
    hold_all_but_the_head(module, epoch < recipe.head_epochs and 2 * run.place < pace.steps)
    lr = _rate(recipe, run.place, steps)
    for step, index in enumerate(batches(work, epoch)):
        if step < run.step:
            continue  # taken before the snapshot
        run.place = pace.place(epoch * steps + step)
        if _cycle(recipe, run.place, pace.steps) > run.cycle and not pace.is_over:  # by the clock, within an epoch
            run.cycle += 1
            on_cycle(run.cycle, state_of(run.scored), tuple(run.history))
        start = time.perf_counter()
        rows = torch.from_numpy(index).to(work.images.device)
        lr = _rate(recipe, run.place, steps)
        loss = take_step(module, run.optimizer, work, rows, epoch, step, lr)
        if run.mean is not None:
            run.mean.update(module, epoch * steps + step)
        run.losses.append(loss)
        run.step = step + 1
        if run.step % read_every == 0:
            run.check_losses(since=run.step - read_every)
        run.seconds += time.perf_counter() - start
        if on_step is not None:
            epochs = -(-pace.expected(epoch * steps + run.step) // steps)
            on_step(Step(epoch + 1, max(epochs, epoch + 1), run.step, steps, loss))
        on_pause(run.snapshot)
        if run.step < steps and pace.is_over:
            break
    run.check_losses(since=run.step // read_every * read_every)
    train_loss, done = float(torch.stack(run.losses).mean()), run.step / steps
    row = Epoch(epoch + 1, train_loss, None, None, lr, run.seconds, done * len(work.images) / run.seconds)
    return row, done == 1 and (epoch + 1 == recipe.epochs or not pace.is_over)


def _rate(recipe: Recipe, place: float, steps: int) -> float:
    """Return the learning rate at a place of the schedule, of so many steps an epoch."""
    warmup = round(min(recipe.warmup_epochs, recipe.epochs / recipe.cycles / 2) * steps)
    return recipe.lr * factor(recipe.schedule, place, recipe.epochs * steps, warmup, recipe.cycles)


def _cycle(recipe: Recipe, place: float, total: int) -> int:
    """Return how many cycles of the schedule are over at a place."""
    return int(place * recipe.cycles / total)


def _worn_out(run: Progress, patience: int) -> bool:
    """Return whether that many epochs have gone by without a better val score."""
    return patience > 0 and run.best is not None and run.epoch - run.best.epoch >= patience


def _check(
    images: Tensor,
    labels: Tensor,
    soft_labels: Tensor | None,
    val_images: Tensor | None,
    val_labels: Tensor | None,
    keep: str,
    patience: int,
) -> None:
    """Raise where images, labels, `keep` and `patience` do not fit together."""
    if keep not in ("last", "best"):
        raise InvalidOptionError(f"Wanted keep 'last' or 'best', got '{keep}'.")
    if keep == "best" and val_images is None:
        raise InvalidOptionError("keep 'best' goes by val, and there is no val; use keep 'last'.")
    if patience < 0 or (patience and val_images is None):
        raise InvalidOptionError(f"patience is {patience}; wanted epochs without a better val score, or 0 without val.")
    soft = 0 if soft_labels is None else len(soft_labels)
    if len(images) != len(labels) + soft or not len(images):
        got = f"{len(labels)} labels" + (f" and {soft} soft labels" if soft else "")
        raise InvalidOptionError(f"Wanted one label per image, got {len(images)} images and {got}.")
    if (val_images is None) != (val_labels is None):
        raise InvalidOptionError("Wanted val images and val labels, or neither; got one without the other.")
