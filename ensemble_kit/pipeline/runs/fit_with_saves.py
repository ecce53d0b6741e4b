"""Training with everything around it: a progress display, metrics.csv, states, signals."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import HAVE_COLUMNS
from ensemble_kit.pipeline.entry import noticed
from ensemble_kit.pipeline.inputs import DecodedImages, Images
from ensemble_kit.pipeline.models import Plan, config_of
from ensemble_kit.pipeline.runs.computing import COMPUTING, Subject, computing_of
from ensemble_kit.pipeline.runs.resume import Saver, facts_of, go_on
from ensemble_kit.pipeline.runs.soft_labels import UNLABELLED, Unlabelled
from ensemble_kit.reporting.terminal import Watch, note, say
from ensemble_kit.splits import evaluation_split
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.files import intended
from ensemble_kit.storage.runs import UNFINISHED_NAME, remove_states
from ensemble_kit.training import Computing, Recipe

OnCycle = Callable[[Computing, int, Mapping[str, Any], tuple[Any, ...]], None]


class RunTarget(NamedTuple):
    """Where a run is written, and what it goes on from.

    standing: the checkpoint of the member that the run will replace; None: there is none.
    minutes: by the clock, in which training ends, its schedule with it; None: as long as it takes.
    cache: where it is remembered what this machine computes fastest in.
    """

    folder: Path
    predictions: Path
    state: Mapping[str, Any] | None
    standing: str | None
    save_every_s: float
    minutes: float | None
    cache: Path


def fit_and_save(
    plan: Plan,
    recipe: Recipe,
    decoded: DecodedImages,
    unlabelled: Unlabelled | None,
    network: Any,
    target: RunTarget,
    on_cycle: OnCycle,
    quiet: bool,
) -> Any:
    """Train, saving the state now and then, from where the run was left.

    The run's metrics.csv grows by a line an epoch, unless a member stands that it belongs to.

    Raises:
        Stopped: a signal came; the state is saved.
        InvalidOptionError: the loss stopped being a number; no state is left.
        ResourceError: a state cannot be written.
    """
    import torch

    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.training import fit

    images = torch.from_numpy(_learnt_from(decoded, unlabelled))
    say_joined(network, images, recipe, quiet)
    evaluated_on = evaluation_split(decoded.images)
    train, val = decoded.split("train"), decoded.split(evaluated_on)
    snapshot = None if target.state is None else target.state["snapshot"]
    seconds, begun = 60 * (target.minutes or math.inf), time.perf_counter()
    facts = None if target.state is None else target.state["facts"]
    subject = Subject(plan.name, plan.arch, plan.arch_option, len(plan.classes), plan.size, plan.device, plan.threads)
    computing = computing_of(subject, recipe, network, len(images), target.minutes, facts, target.cache, quiet)
    history = [] if snapshot is None else list(snapshot["history"])
    if target.state is None:
        remove_states(target.folder)
    with (
        _curve(target),
        noticed() as notice,
        Watch(plan.name, len(images) * recipe.epochs, quiet) as watch,
    ):
        saver = Saver(
            folder=target.folder,
            config=config_of(plan),
            facts=facts_of(plan, decoded.fingerprints, target.standing) | {COMPUTING: computing._asdict()},
            go_on=go_on(target.folder, target.predictions) + _clock(target.minutes),
            save_every_s=target.save_every_s,
            train_s=0.0 if facts is None else facts["train_s"],
            notice=notice,
        )

        def on_step(step: Any) -> None:
            saver.step = step
            watch.expect(len(images) * step.epochs)
            watch.advance(recipe.batch_size)

        def on_epoch(epoch: Any) -> None:
            expected = recipe.epochs if saver.step is None else saver.step.epochs
            watch.note(*_epoch_lines(epoch, expected, evaluated_on))
            history.append(asdict(epoch))
            if target.standing is None:
                run_store.write_metrics(target.folder, metric_rows(history, plan.metric))

        if snapshot is not None:
            say(f"Going on with epoch {snapshot['epoch'] + 1}, after {snapshot['step']} of its steps.", quiet)
            watch.advance(len(images) * snapshot["epoch"] + recipe.batch_size * snapshot["step"])
        try:
            fitted = fit(
                network,
                images,
                torch.from_numpy(np.array(train.labels)),
                torch.from_numpy(np.array(decoded.images[evaluated_on])),
                torch.from_numpy(np.array(val.labels)),
                recipe,
                plan.seed,
                partial(augment, strength=recipe.augment, flip=recipe.flip),
                device=plan.device,
                keep=plan.keep,
                metric=plan.metric,
                patience=plan.patience,
                soft_labels=None if unlabelled is None else torch.from_numpy(unlabelled.soft_labels),
                resume=snapshot,
                on_step=on_step,
                on_epoch=on_epoch,
                on_cycle=partial(on_cycle, computing),
                on_pause=saver.pause,
                time_gone=lambda: (time.perf_counter() - begun) / seconds,
                computing=computing,
            )
        except InvalidOptionError:
            remove_states(target.folder)  # a run that diverged is nothing to go on with
            raise
        saver.leave_if_asked()
    if not fitted.in_time:
        epochs = len(fitted.history)
        limit = f"time limit reached in epoch {epochs} of {recipe.epochs}"
        say(f"{plan.name}: {limit}; the learning rate came down in time.", quiet)
    elif len(fitted.history) < recipe.epochs:
        best = len(fitted.history) - plan.patience
        say(f"{plan.name}: no better {evaluated_on} {plan.metric} since epoch {best}; stopped early.", quiet)
    return fitted


def _learnt_from(decoded: DecodedImages, unlabelled: Unlabelled | None) -> Images:
    """Return a copy of the images of train, and after them those that have soft labels."""
    if unlabelled is None:
        return np.array(decoded.images["train"])
    return np.concatenate([decoded.images["train"], decoded.images[UNLABELLED][unlabelled.rows]])


def say_joined(network: Any, images: Any, recipe: Recipe, quiet: bool) -> None:
    """Say where the last image of an epoch joins the batch before it.

    Raises:
        InvalidOptionError, BadDataError: a batch size, or so few images, that the network cannot learn from.
    """
    from ensemble_kit.training import joins_last

    if joins_last(network, images, recipe):
        say(note("joined-batch", images=len(images), size=recipe.batch_size), quiet)


def _curve(target: RunTarget) -> AbstractContextManager[None]:
    """Return a block in which the run's metrics.csv grows; where no state was saved in it, that goes again."""
    metrics = target.folder / run_store.METRICS_NAME
    if target.standing is not None or metrics.exists():
        return nullcontext()
    return intended(target.folder, once=target.folder / UNFINISHED_NAME, otherwise=[metrics])


def _clock(minutes: float | None) -> str:
    """Return the option that a command needs for the same clock; a run's config has none."""
    return "" if minutes is None else f" --minutes {minutes:g}"


def metric_rows(history: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    """Return the rows of metrics.csv: the score is a column under its metric's name, unless it is there already."""
    rows = []
    for epoch in history:
        row = {name: value for name, value in epoch.items() if name != "val_score"}
        if metric not in HAVE_COLUMNS:
            row[f"val_{metric.replace('-', '_')}"] = epoch["val_score"]
        rows.append(row)
    return rows


def _epoch_lines(epoch: Any, epochs: int, evaluated_on: str) -> tuple[str, str]:
    """Return how an epoch went, short for the bar and as a line of its own."""
    left_s = int(epoch.seconds * (epochs - epoch.epoch))
    facts = f"loss {epoch.train_loss:.3f}"
    if epoch.val_accuracy is not None:
        facts += f"  {evaluated_on} {100 * epoch.val_accuracy:4.1f} %"
    return (
        f"epoch {epoch.epoch}/{epochs}  {facts}",
        f"epoch {epoch.epoch:>{len(str(epochs))}}/{epochs}  {facts}"
        f"  {epoch.images_per_s:,.0f} images/s  left {left_s // 60}:{left_s % 60:02d}",
    )
