"""One run: images + network + recipe -> run folder, checkpoint, member, and the snapshots of its cycles."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from dataclasses import replace as with_changes
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import models_zoo
from ensemble_kit.context import RunContext
from ensemble_kit.disk import check_writable
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images import Source
from ensemble_kit.pipeline.inputs import DecodedImages, folded, open_images, relative
from ensemble_kit.pipeline.models import (
    Plan,
    build_network,
    config_of,
    logits_bytes,
    rebuild,
    stored_source,
    threads_of,
)
from ensemble_kit.pipeline.runs.claim_name import Request, claim, names_of
from ensemble_kit.pipeline.runs.computing import COMPUTING
from ensemble_kit.pipeline.runs.fit_with_saves import RunTarget, fit_and_save, metric_rows
from ensemble_kit.pipeline.runs.resume import differences
from ensemble_kit.pipeline.runs.save_member import compute_and_write, facts_of_run
from ensemble_kit.pipeline.runs.soft_labels import Unlabelled, soft_labels_of
from ensemble_kit.pipeline.runs.train_report import report_of
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import TrainReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage.files import locked
from ensemble_kit.storage.runs import remove_states
from ensemble_kit.training import Computing, Recipe
from ensemble_kit.workspace import Workspace


@dataclass(frozen=True)
class Order:
    """What is asked of one run; everything in it was checked."""

    source: Source
    workspace: Workspace
    context: RunContext
    arch: str
    arch_option: Mapping[str, Any]
    name: str | None
    family: str | None
    recipe_name: str
    recipe: Recipe
    size: int | None
    seed: int
    folds: int
    fold: int
    unlabelled: str | None
    teacher: tuple[str, ...]
    skip_bad: bool
    pretrained: bool
    init: str | Path | None
    keep: str
    metric: str
    patience: int
    minutes: float | None
    resume: bool
    replace: bool
    save_every: float


class Trained(NamedTuple):
    """A network's weights as a member is made of them."""

    weights: Mapping[str, Any]
    history: list[dict[str, Any]]
    kept_epoch: int
    in_time: bool
    seconds: float
    computing: Computing


def train_one(order: Order) -> TrainReport:
    """Train what was ordered, or go on with it, or find it done.

    Images are read once, when the first plan is made: its size and its classes are theirs. A plan is made while the
    name is claimed, where a run or member of that name has to be compared with it, else right after.

    Raises:
        as `train` says.
    """
    import torch

    @lru_cache
    def decoded() -> DecodedImages:
        own_size_px = models_zoo.own_size_px(order.arch) if order.pretrained else None
        found = open_images(
            order.source,
            order.size,
            order.workspace.cache,
            order.context,
            skip_bad=order.skip_bad,
            own_size_px=own_size_px,
            val_needed=not order.fold,
        )
        return folded(found, order.folds, order.fold, order.source.split_seed) if order.fold else found

    @lru_cache
    def taught() -> Unlabelled | None:
        return soft_labels_of(order.teacher, decoded(), order.workspace) if order.teacher else None

    def plan_of(name: str) -> Plan:
        unlabelled = taught()
        family = order.family or (name if order.recipe.cycles > 1 else None)
        return Plan(
            name=name,
            source=stored_source(order.source, order.workspace.runs / name),
            arch=order.arch,
            arch_option=order.arch_option,
            recipe=order.recipe_name,
            hyperparameters=asdict(order.recipe),
            size=decoded().size_px,
            seed=order.seed,
            skip_bad=order.skip_bad,
            pretrained=order.pretrained,
            weights=None if order.init is None else str(relative(order.init, order.workspace.runs / name)),
            keep=order.keep,
            metric=order.metric,
            patience=order.patience,
            device=order.context.device,
            threads=torch.get_num_threads(),
            classes=decoded().data.classes,
            family=family,
            folds=order.folds,
            fold=order.fold,
            unlabelled=order.unlabelled,
            unlabelled_images=None if unlabelled is None else len(unlabelled.rows),
            teacher=None if unlabelled is None else unlabelled.teacher,
        )

    asked = Request(
        order.name,
        order.arch,
        order.workspace,
        order.resume,
        order.replace,
        lambda name: (plan_of(name), decoded().fingerprints),
    )
    with ExitStack() as held:
        held.enter_context(threads_of(order.context.threads))
        claimed = claim(held, asked)
        _check_other(claimed.name, order)
        plan, folder = plan_of(claimed.name), order.workspace.runs / claimed.name
        if claimed.finished:
            say(_standing(plan.name, order), order.context.quiet)
            remove_states(folder)
            return report_of(plan, decoded(), order, folder)
        if claimed.state is None and not order.replace:
            _check_snapshots(plan, decoded().fingerprints, order)
        if (twin := _twin(plan, decoded().fingerprints, order)) is not None:
            other = f"For another member: --seed {order.seed + 1}."
            say(f"{plan.name} repeats {twin}: same options, same seed. {other}", order.context.quiet)
        target = RunTarget(
            folder,
            order.workspace.predictions,
            claimed.state,
            claimed.standing,
            order.save_every,
            order.minutes,
            order.workspace.cache,
        )
        _run(plan, order.recipe, decoded(), taught(), target, order.context.quiet)
        return report_of(plan, decoded(), order, folder)


def _run(
    plan: Plan, recipe: Recipe, decoded: DecodedImages, unlabelled: Unlabelled | None, target: RunTarget, quiet: bool
) -> None:
    """Train, then write the run's files and, last of all, the member; snapshots on the way."""
    started = time.perf_counter()
    before_s = 0.0 if target.state is None else target.state["facts"]["train_s"]
    network = build_network(
        plan.arch,
        plan.arch_option,
        plan.size,
        plan.classes,
        decoded.images["train"],
        dropout=recipe.dropout,
        pretrained=plan.pretrained,
        weights=None if plan.weights is None else target.folder / plan.weights,
        seed=plan.seed,
    )
    for note in network.notes:
        say(note, quiet)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    for folder in (target.folder, target.predictions):
        check_writable(folder, needed_bytes=4 * parameters + logits_bytes(decoded, 1))
    for line in _greeting(plan, decoded, parameters):
        say(line, quiet)

    def seconds() -> float:
        return round(float(before_s + time.perf_counter() - started), 3)

    def on_cycle(computing: Computing, cycle: int, weights: Mapping[str, Any], history: tuple[Any, ...]) -> None:
        one = with_changes(plan, name=snapshot_names(plan.name, recipe.cycles)[cycle - 1])
        folder = target.folder.with_name(one.name)
        rows = [asdict(epoch) for epoch in history]
        with locked(folder, timeout_s=0):
            trained = Trained(weights, rows, len(rows), True, seconds(), computing)
            _write(one, decoded, trained, target._replace(folder=folder), config_of(plan), quiet=True)  # a bar is there
        say(f"{one.name}: kept as it is after epoch {len(rows)}.", quiet)

    fitted = fit_and_save(plan, recipe, decoded, unlabelled, network, target, on_cycle, quiet)
    rows = [asdict(epoch) for epoch in fitted.history]
    trained = Trained(fitted.state_dict, rows, fitted.kept_epoch, fitted.in_time, seconds(), fitted.computing)
    _write(plan, decoded, trained, target, config_of(plan), quiet)


def _write(
    plan: Plan, decoded: DecodedImages, trained: Trained, target: RunTarget, config: Mapping[str, Any], quiet: bool
) -> None:
    """Write the run's files and its member, rebuilt from the weights alone: both are what a checkpoint gives."""
    network = rebuild({"plan": asdict(plan)}, trained.weights)
    facts = facts_of_run(asdict(plan), decoded, network, trained.seconds) | {
        "kept_epoch": trained.kept_epoch,
        "in_time": trained.in_time,
        COMPUTING: trained.computing._asdict(),
    }
    metrics = metric_rows(trained.history, plan.metric)
    compute_and_write(target.folder, target.predictions, facts, network, decoded, quiet, metrics, config)


def snapshot_names(name: str, cycles: int) -> tuple[str, ...]:
    """Return what the members at the end of all cycles but the last are called.

    Example:
        >>> snapshot_names("cnn", 3)
        ('cnn-cycle-1', 'cnn-cycle-2')
    """
    return tuple(f"{name}-cycle-{cycle}" for cycle in range(1, cycles))


def _check_other(name: str, order: Order) -> None:
    """Raise where a member would be its own teacher: the one that stands is gone once the new one is written."""
    if name in order.teacher:
        raise InvalidOptionError(f"'{name}' cannot be its own --teacher. Choose another --name.")


def _check_snapshots(plan: Plan, fingerprints: Mapping[str, str], order: Order) -> None:
    """Raise where a member stands under the name of a snapshot to come, unless a killed run left it that is resumed."""
    for name in snapshot_names(plan.name, order.recipe.cycles):
        if store.is_taken(order.workspace.predictions, name):
            one = store.read_manifest(order.workspace.predictions / name)
            ours = one.data_fingerprint == fingerprints and not differences(one.training, asdict(plan))
            if not (order.resume and ours):
                raise InvalidOptionError(
                    f"{order.workspace.predictions} already has a member '{name}', and --cycles {order.recipe.cycles} "
                    "would write one. Choose another --name, or give --replace."
                )


def _twin(plan: Plan, fingerprints: Mapping[str, str], order: Order) -> str | None:
    """Return the member whose name was taken, where it was trained just so; a blend gains nothing by the second."""
    if order.name is not None:
        return None
    for name in takewhile(plan.name.__ne__, names_of(order.arch)):
        if name in store.list_members(order.workspace.predictions):
            one = store.read_manifest(order.workspace.predictions / name)
            if one.data_fingerprint == fingerprints and not differences(one.training, asdict(plan)):
                return name
    return None


def _standing(name: str, order: Order) -> str:
    """Return what to say of a member that is there as it was asked for."""
    training = store.read_manifest(order.workspace.predictions / name).training
    if training.get("in_time", True):
        return f"{name}: trained already, with these very options."
    kept = f"epoch {training['kept_epoch']} kept"
    return f"{name}: trained already, until its --minutes were over ({kept}); anew: --replace."


def _called(plan: Plan) -> str:
    """Return what to call the images in a line to a person."""
    return Path(plan.source.get("train_csv") or plan.source["data"]).name


def _greeting(plan: Plan, decoded: DecodedImages, parameters: int) -> Iterator[str]:
    counts = ", ".join(f"{len(decoded.split(split).ids)} {split}" for split in decoded.images)
    yield f"{_called(plan)}: {len(plan.classes)} classes; {counts} images at {plan.size} px"
    yield (
        f"{plan.name}: {plan.arch}, {parameters / 1e6:.2f} M parameters; recipe {plan.recipe}, seed {plan.seed}, "
        f"{plan.device}"
    )
    if plan.teacher and plan.unlabelled_images:
        yield f"{plan.unlabelled_images} test images have soft labels by {', '.join(plan.teacher)}."
