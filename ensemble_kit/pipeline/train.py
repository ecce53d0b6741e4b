"""data + architecture + recipe -> run, checkpoint, member."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import models_zoo
from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.images.sources import Source
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.checkpoints import Plan, manifest_of, versions, with_cost
from ensemble_kit.pipeline.config import config_of, relative, stored_source
from ensemble_kit.pipeline.fitting import Way, fit_and_save, metric_rows
from ensemble_kit.pipeline.looking import look_at_once
from ensemble_kit.pipeline.members import describe_member
from ensemble_kit.pipeline.pictures import Pictures, open_pictures
from ensemble_kit.pipeline.reserve import Request, reserve
from ensemble_kit.reporting.progress import say
from ensemble_kit.results import TrainReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.states import remove_states
from ensemble_kit.tables import pick
from ensemble_kit.training.recipes import Recipe, resolve

IDENTITY = ("identity",)
LOOK_BATCH = 64  # pictures at a time where nothing is learnt; part of the bits


def train(
    data: str | Path | None = None,
    arch: str = "cnn",
    name: str | None = None,
    recipe: str = "assignment",
    size: int | None = None,
    seed: int = 0,
    train_csv: str | Path | None = None,
    val_csv: str | Path | None = None,
    test_csv: str | Path | None = None,
    images: str | Path | None = None,
    test_dir: Sequence[str | Path] = (),
    column: Mapping[str, str] | None = None,
    classes: str | Path | None = None,
    group_from: str | None = None,
    val_fraction: float | None = None,
    split_seed: int = 0,
    skip_bad: bool = False,
    arch_option: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    weights: str | Path | None = None,
    keep: str = "last",
    metric: str = "log-loss",
    patience: int = 0,
    device: str = "auto",
    threads: int | None = None,
    resume: bool = False,
    replace: bool = False,
    save_every: float = 30.0,
    predictions: str | Path = "predictions",
    runs: str | Path = "runs",
    cache: str | Path = ".ek",
    quiet: bool = False,
    **hyperparameters: Any,
) -> TrainReport:
    """Train one member; write its run, its checkpoint and its logits on val and test.

    Args:
        data: folder with `train/CLASS/*`, `val/CLASS/*` and `test/*`.
        arch: a name of the zoo, or `timm:NAME`.
        name: of the member; None takes the arch's, then `arch-2`, ...
        recipe: named hyper-parameters, see `training.recipes`.
        size: side of the pictures in pixels; None takes their median, 16 to 128, or with `pretrained`
            to the side of the weights. Networks with pre-trained weights enlarge what is smaller.
        seed: of everything random in training.
        train_csv, val_csv, test_csv, images, test_dir, column, classes, group_from, val_fraction,
            split_seed: other ways to say where the pictures are, see `images.sources.Source`.
        skip_bad: go on without the pictures that cannot be read; the member records them.
        arch_option: the architecture's own options by name.
        pretrained: start from ImageNet weights, installed or from the hub (timm only).
        weights: start from a .safetensors or .pth file.
        keep: `last` epoch, or `best` on val (then val judged the member; recorded).
        metric: by which an epoch is better on val: log-loss, accuracy, balanced-accuracy, macro-f1.
        patience: epochs without a better one after which training stops; 0: never. Recorded too.
        threads: of the processor; None leaves torch's choice. Part of the bits.
        resume: go on with the unfinished run of that name, bit for bit; begin where there is none;
            do nothing where the member stands as asked for.
        replace: overwrite the member of that name, and discard an unfinished run.
        save_every: seconds between two saves of the unfinished run; 0: after every step.
        predictions, runs, cache: folders of members, of runs, of decoded pictures.
        hyperparameters: fields of `training.recipes.Recipe`; each overrides the recipe's.

    Raises:
        InvalidOptionError: a value outside its range, a name that is taken, an unfinished run
            that was asked for otherwise, or a run that diverged.
        BadDataError: pictures that cannot be used.
        MisalignedError: the unfinished run had other pictures.
        CorruptError: its state is damaged.
        LockedError: another process trains under this name.
        Stopped: Ctrl-C or SIGTERM came while training (a KeyboardInterrupt); all is saved.
        ResourceError: no room on the disk, or no network for `pretrained`.
    """
    import torch

    from ensemble_kit.inference.engine import choose_device

    predictions, runs = Path(predictions), Path(runs)
    source = Source.of(
        data=data,
        train_csv=train_csv,
        val_csv=val_csv,
        test_csv=test_csv,
        images=images,
        test_dir=test_dir,
        column=column,
        classes=classes,
        group_from=group_from,
        val_fraction=val_fraction,
        split_seed=split_seed,
    )
    chosen = resolve(recipe, hyperparameters)
    _check(keep, metric, patience, save_every)
    options = _options(arch, arch_option or {}, pretrained)
    device = choose_device(device)

    @lru_cache
    def pictures() -> Pictures:
        own_size_px = models_zoo.own_size_px(arch) if pretrained else None
        return open_pictures(source, size, Path(cache), skip_bad, quiet, own_size_px)

    def plan_of(name: str) -> Plan:
        return Plan(
            name=name,
            source=stored_source(source, runs / name),
            arch=arch,
            arch_option=options,
            recipe=recipe,
            hyperparameters=asdict(chosen),
            size=pictures().size_px,
            seed=seed,
            skip_bad=skip_bad,
            pretrained=pretrained,
            weights=None if weights is None else relative(weights, runs / name),
            keep=keep,
            metric=metric,
            patience=patience,
            device=device,
            threads=torch.get_num_threads(),
            classes=pictures().data.classes,
        )

    asked = Request(
        name, arch, predictions, runs, resume, replace, lambda name: (plan_of(name), pictures().fingerprints)
    )
    with ExitStack() as held:
        held.enter_context(_threads(threads))
        reserved = reserve(held, asked)
        plan, folder = plan_of(reserved.name), runs / reserved.name
        if reserved.finished:
            say(f"{plan.name}: trained already, with these very options.", quiet)
            remove_states(folder)
            return _report(plan, pictures(), predictions, folder)
        way = Way(folder, predictions, reserved.state, reserved.standing, save_every)
        _run(plan, chosen, pictures(), way, quiet)
        return _report(plan, pictures(), predictions, folder)


def _run(plan: Plan, recipe: Recipe, pictures: Pictures, way: Way, quiet: bool) -> None:
    """Train, then write the run's files and, last of all, the member."""
    folder, started = way.folder, time.perf_counter()
    network = _build(plan, recipe, pictures, folder)
    for note in network.notes:
        say(note, quiet)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    say(_greeting(plan, pictures, parameters), quiet)
    before_s = 0.0 if way.state is None else way.state["facts"]["train_s"]
    fitted = fit_and_save(plan, recipe, pictures, network, way, quiet)
    seconds = before_s + time.perf_counter() - started
    network.load_state_dict(fitted.state_dict)
    seen = look_at_once(network, pictures, plan.name, IDENTITY, LOOK_BATCH, plan.device, quiet)
    facts = {
        "plan": asdict(plan),
        "preprocessing": pictures.preprocessing,
        "fingerprints": dict(pictures.fingerprints),
        "skipped": {split: dict(reasons) for split, reasons in pictures.skipped.items()},
        "kept_epoch": fitted.kept_epoch,
        "parameters": parameters,
        "train_s": round(seconds, 3),
        "versions": versions(),
    }
    metrics = metric_rows([asdict(epoch) for epoch in fitted.history], plan.metric)
    checkpoint = run_store.write_checkpoint(folder, fitted.state_dict, facts)
    run_store.write_metrics(folder, metrics)
    run_store.write_config(folder, config_of(plan))
    manifest = with_cost(manifest_of(facts, checkpoint.path), seen.view_ms)
    store.write_member(way.predictions, manifest, seen.splits, replace=way.standing is not None)
    run_store.remove_old_checkpoints(folder, checkpoint.sha256)
    remove_states(folder)


def _report(plan: Plan, pictures: Pictures, predictions: Path, folder: Path) -> TrainReport:
    """Return what there is to say of the member that stands."""
    cost = store.read_manifest(predictions / plan.name).cost
    return TrainReport(
        member=describe_member(predictions, plan.name),
        run=folder,
        recipe=plan.recipe,
        size_px=pictures.size_px,
        train_images=len(pictures.split("train").ids),
        seconds=float(cost.get("train_s") or 0.0),
    )


def _build(plan: Plan, recipe: Recipe, pictures: Pictures, folder: Path) -> Any:
    mean, std = _mean_and_std(pictures.images["train"])
    try:
        return models_zoo.build(
            plan.arch,
            len(plan.classes),
            plan.size,
            dropout=recipe.dropout,
            options=plan.arch_option,
            pretrained=plan.pretrained,
            weights=None if plan.weights is None else folder / plan.weights,
            mean=mean,
            std=std,
            seed=plan.seed,
        )
    except models_zoo.UnreachableError as error:
        raise ResourceError(str(error)) from error
    except models_zoo.ZooError as error:
        raise InvalidOptionError(str(error)) from error


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


def _check(keep: str, metric: str, patience: int, save_every: float) -> None:
    """Raise where an option that is no recipe's is out of its range."""
    if keep not in ("last", "best"):
        raise InvalidOptionError(f"--keep is '{keep}'; wanted last or best.")
    pick(METRICS, metric, "metric")
    if patience < 0:
        raise InvalidOptionError(f"--patience is {patience}; wanted epochs, or 0 to never stop early.")
    if not 0 <= save_every < math.inf:
        raise InvalidOptionError(f"--save-every is {save_every:g}; wanted seconds, or 0 to save after every step.")


def _options(arch: str, given: Mapping[str, Any], pretrained: bool) -> dict[str, int | float | str]:
    """Return every option of the architecture as it will be used."""
    try:
        return models_zoo.resolved(arch, given, pretrained)
    except models_zoo.ZooError as error:
        raise InvalidOptionError(str(error)) from error


@contextmanager
def _threads(threads: int | None) -> Iterator[None]:
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


def _called(plan: Plan) -> str:
    """Return what to call the pictures in a line to a person."""
    return Path(plan.source.get("train_csv") or plan.source["data"]).name


def _greeting(plan: Plan, pictures: Pictures, parameters: int) -> str:
    counts = ", ".join(f"{len(pictures.split(split).ids)} {split}" for split in pictures.images)
    return (
        f"{_called(plan)}: {len(plan.classes)} classes; {counts} pictures at {plan.size} px\n"
        f"{plan.name}: {plan.arch}, {parameters / 1e6:.2f} M parameters; recipe {plan.recipe}, seed {plan.seed}, "
        f"{plan.device}"
    )
