"""data + architecture + recipe -> run, checkpoint, member."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import models_zoo
from ensemble_kit.errors import InvalidOptionError, LockedError, ResourceError
from ensemble_kit.pipeline.checkpoints import Plan, look_at_splits, manifest_of, versions
from ensemble_kit.pipeline.members import describe_member
from ensemble_kit.pipeline.pictures import Pictures, open_pictures
from ensemble_kit.reporting.progress import Watch, say
from ensemble_kit.results import TrainReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.atomic import locked
from ensemble_kit.storage.manifest import check_name
from ensemble_kit.training.recipes import Recipe, resolve

IDENTITY = ("identity",)
LOOK_BATCH = 64  # pictures at a time where nothing is learnt; part of the bits


def train(
    data: str | Path,
    arch: str,
    name: str | None = None,
    recipe: str = "assignment",
    size: int | None = None,
    seed: int = 0,
    val_fraction: float | None = None,
    arch_option: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    weights: str | Path | None = None,
    keep: str = "last",
    device: str = "auto",
    replace: bool = False,
    predictions: str | Path = "predictions",
    runs: str | Path = "runs",
    cache: str | Path = ".ek",
    quiet: bool = False,
    **hyperparameters: Any,
) -> TrainReport:
    """Train one member; write its run, its checkpoint and its logits on val and test.

    Args:
        data: folder with `train/CLASS/*`, `val/CLASS/*` and, flat, `test/*`.
        arch: a name of the zoo, or `timm:NAME`.
        name: of the member; None takes the arch's, then `arch-2`, ...
        recipe: named hyper-parameters, see `training.recipes`.
        size: side of the pictures in pixels; None takes their median, 16 to 128.
        val_fraction: share of `train/` to hold out where there is no `val/`.
        arch_option: the architecture's own options by name.
        pretrained: start from the hub's weights (timm only).
        weights: start from a .safetensors or .pth file.
        keep: `last` epoch, or `best` by val log loss (then val judged the member; recorded).
        replace: overwrite the member of that name.
        predictions, runs, cache: folders of members, of runs, of decoded pictures.
        hyperparameters: fields of `training.recipes.Recipe`; each overrides the recipe's.

    Raises:
        InvalidOptionError: a value outside its range, a name that is taken.
        BadDataError: pictures that cannot be used, or a run that diverged.
        LockedError: another process trains under this name.
        ResourceError: no room on the disk, or no network for `pretrained`.
    """
    from ensemble_kit.inference.engine import choose_device

    predictions, runs = Path(predictions), Path(runs)
    chosen = resolve(recipe, hyperparameters)
    if keep not in ("last", "best"):
        raise InvalidOptionError(f"--keep is '{keep}'; wanted last or best.")
    _known_arch(arch)
    device = choose_device(device)
    with ExitStack() as held:
        name = _reserve(held, name, arch, predictions, runs, replace)
        pictures = open_pictures(Path(data), size, val_fraction, seed, Path(cache), quiet)
        plan = Plan(
            name=name,
            data=str(data) if Path(data).is_absolute() else os.path.relpath(data, runs / name),
            arch=arch,
            arch_option=dict(arch_option or {}),
            recipe=recipe,
            hyperparameters=asdict(chosen),
            size=pictures.size_px,
            seed=seed,
            val_fraction=val_fraction,
            pretrained=pretrained,
            weights=None if weights is None else str(weights),
            keep=keep,
            device=device,
            threads=_threads(),
            classes=pictures.data.classes,
        )
        return _run(plan, chosen, pictures, predictions, runs / name, replace, quiet)


def _run(
    plan: Plan,
    recipe: Recipe,
    pictures: Pictures,
    predictions: Path,
    folder: Path,
    replace: bool,
    quiet: bool,
) -> TrainReport:
    """Train, then write the run's files and, last of all, the member."""
    started = time.perf_counter()
    network = _build(plan, recipe, pictures)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    say(_greeting(plan, pictures, parameters), quiet)
    standing = plan.name in store.list_members(predictions)  # its run stays as it is until the new one is whole
    fitted = _fit(plan, recipe, pictures, network, None if standing else folder, quiet)
    seconds = time.perf_counter() - started
    network.load_state_dict(fitted.state_dict)
    looked, ms_per_image = look_at_splits(network, pictures, plan.name, IDENTITY, LOOK_BATCH, plan.device, quiet)
    facts = {
        "plan": asdict(plan),
        "preprocessing": pictures.preprocessing,
        "fingerprints": dict(pictures.fingerprints),
        "kept_epoch": fitted.kept_epoch,
        "parameters": parameters,
        "train_s": round(seconds, 3),
        "versions": versions(),
    }
    metrics = [asdict(epoch) for epoch in fitted.history]
    checkpoint = run_store.write_checkpoint(folder, fitted.state_dict, facts)
    run_store.write_metrics(folder, metrics)
    run_store.write_config(folder, asdict(plan))
    manifest = manifest_of(facts, checkpoint.path, ms_per_image)
    store.write_member(predictions, manifest, looked, replace=replace)
    run_store.remove_old_checkpoints(folder, checkpoint.sha256)
    return TrainReport(
        member=describe_member(predictions, plan.name),
        run=folder,
        recipe=plan.recipe,
        size_px=pictures.size_px,
        train_images=len(pictures.split("train").ids),
        seconds=seconds,
    )


def _build(plan: Plan, recipe: Recipe, pictures: Pictures) -> Any:
    mean, std = _mean_and_std(pictures.images["train"])
    try:
        return models_zoo.build(
            plan.arch,
            len(plan.classes),
            plan.size,
            dropout=recipe.dropout,
            options=plan.arch_option,
            pretrained=plan.pretrained,
            weights=plan.weights,
            mean=mean,
            std=std,
            seed=plan.seed,
        )
    except models_zoo.UnreachableError as error:
        raise ResourceError(str(error)) from error
    except models_zoo.ZooError as error:
        raise InvalidOptionError(str(error)) from error


def _fit(plan: Plan, recipe: Recipe, pictures: Pictures, network: Any, folder: Path | None, quiet: bool) -> Any:
    """Train with a progress display; where a folder is given, its metrics.csv grows by a line an epoch."""
    import torch

    from ensemble_kit.images.augment import augment
    from ensemble_kit.training.loop import fit

    train, val = pictures.split("train"), pictures.split("val")
    rows: list[dict[str, Any]] = []
    with Watch(plan.name, len(train.ids) * recipe.epochs, quiet) as watch:

        def on_epoch(epoch: Any) -> None:
            watch.note(*_epoch_lines(epoch, recipe.epochs))
            rows.append(asdict(epoch))
            if folder is not None:
                run_store.write_metrics(folder, rows)

        return fit(
            network,
            torch.from_numpy(np.array(pictures.images["train"])),
            torch.from_numpy(np.array(train.labels)),
            torch.from_numpy(np.array(pictures.images["val"])),
            torch.from_numpy(np.array(val.labels)),
            recipe,
            plan.seed,
            partial(augment, strength=recipe.augment, flip=recipe.flip),
            device=plan.device,
            keep=plan.keep,
            on_step=lambda step: watch.advance(recipe.batch_size),
            on_epoch=on_epoch,
        )


def _epoch_lines(epoch: Any, epochs: int) -> tuple[str, str]:
    """Return how an epoch went, short for the bar and as a line of its own."""
    left_s = int(epoch.seconds * (epochs - epoch.epoch))
    facts = f"loss {epoch.train_loss:.3f}  val {100 * epoch.val_accuracy:4.1f} %"
    return (
        f"epoch {epoch.epoch}/{epochs}  {facts}",
        f"epoch {epoch.epoch:>{len(str(epochs))}}/{epochs}  {facts}"
        f"  {epoch.images_per_s:,.0f} pictures/s  left {left_s // 60}:{left_s % 60:02d}",
    )


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


def _known_arch(arch: str) -> None:
    try:
        models_zoo.find(arch)
    except models_zoo.ZooError as error:
        raise InvalidOptionError(str(error)) from error


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _reserve(held: ExitStack, name: str | None, arch: str, predictions: Path, runs: Path, replace: bool) -> str:
    """Return the member's name, its run folder locked until the stack is closed."""
    if name is not None:
        check_name(name)
        if name in store.list_members(predictions) and not replace:
            raise InvalidOptionError(
                f"{predictions} already has a member '{name}'. Choose another --name, or give --replace."
            )
        held.enter_context(locked(runs / name, timeout_s=0))
        return name
    base = arch.replace("timm:", "").replace("/", "-").replace(":", "-")
    if replace:
        held.enter_context(locked(runs / base, timeout_s=0))
        return base
    count = 1
    while True:
        name = base if count == 1 else f"{base}-{count}"
        count += 1
        if name in store.list_members(predictions):
            continue
        try:
            held.enter_context(locked(runs / name, timeout_s=0))
        except LockedError:
            continue  # another process trains under this name right now
        return name


def _greeting(plan: Plan, pictures: Pictures, parameters: int) -> str:
    counts = ", ".join(f"{len(pictures.split(split).ids)} {split}" for split in pictures.images)
    return (
        f"{Path(plan.data).name}: {len(plan.classes)} classes; {counts} pictures at {plan.size} px\n"
        f"{plan.name}: {plan.arch}, {parameters / 1e6:.2f} M parameters; recipe {plan.recipe}, seed {plan.seed}, "
        f"{plan.device}"
    )
