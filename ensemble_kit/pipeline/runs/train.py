"""data + architecture + recipe -> members: one, or a family of seeds or folds."""

import math
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any, Unpack

from ensemble_kit.context import DeviceOption, QuietOption, RunContext, ThreadsOption
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images import Source, SourceOption
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.entry import Stopped, command
from ensemble_kit.pipeline.models import arch_options, with_device
from ensemble_kit.pipeline.runs.claim_name import base_name
from ensemble_kit.pipeline.runs.soft_labels import check_teacher, teacher_names
from ensemble_kit.pipeline.runs.train_one import Order, snapshot_names, train_one
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import FamilyReport, TrainReport
from ensemble_kit.storage.members import check_name, is_taken
from ensemble_kit.tables import pick
from ensemble_kit.training import RANGES, Recipe, RecipeOption, check, default_recipe, resolve
from ensemble_kit.workspace import CacheOption, PredictionsOption, RunsOption, Workspace


class TrainOptions(
    RecipeOption, SourceOption, PredictionsOption, RunsOption, CacheOption, DeviceOption, ThreadsOption, QuietOption
):
    """What `train` takes along."""


@command
def train(
    data: str | Path | None = None,
    arch: str = "cnn",
    *,
    name: str | None = None,
    recipe: str | None = None,
    size: int | None = None,
    seed: int = 0,
    seeds: int = 1,
    folds: int = 0,
    fold: int = 0,
    unlabelled: str | None = None,
    teacher: str | Sequence[str] | None = None,
    family: str | None = None,
    skip_bad: bool = False,
    arch_option: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    init: str | Path | None = None,
    keep: str = "last",
    metric: str = "log-loss",
    patience: int = 0,
    minutes: float | None = None,
    resume: bool = False,
    replace: bool = False,
    save_every: float = 30.0,
    **options: Unpack[TrainOptions],
) -> TrainReport | FamilyReport:
    """Train a member, or a family of them; write runs, checkpoints, and logits on val and test.

    Args:
        data: folder with `train/CLASS/*`, `val/CLASS/*` and `test/*`.
        arch: a name of the zoo, or `timm:NAME`.
        name: of the member; None takes the arch's, then `arch-2`, ...
        recipe: named hyper-parameters, see `training.recipes`; None: strong, and finetune-far where the network starts
            from weights that were trained before. Both mirror images; `flip=False` where left and right
            tell classes apart.
        size: side of the images in pixels; None takes their median, 16 to 128, or with `pretrained`
            to the side of the weights. Networks with pre-trained weights enlarge what is smaller.
        seed: of everything random in training.
        seeds: how many members to train, with seeds from `seed` on: NAME-seed-0, NAME-seed-1, ...
        folds: train so many members, each without one fold of the training images, and keep their
            logits on that fold as a third split, `oof`: NAME-fold-1, ...; 0: on all images. Where there is no
            val, the member is evaluated on that fold.
        fold: only this one of them, from 1; 0: all.
        unlabelled: `test`: learn from the test images too, by soft labels; their labels are not known, and none is
            read. The rules of a competition may forbid it.
        teacher: the members that give the soft labels, a list or joined by commas: the plain mean of their
            probabilities, each one's logits averaged over its views. Val had no part in making them.
        family: what members are called that were trained alike; None: NAME, where there are several.
        skip_bad: go on without the images that cannot be read; the member records them.
        arch_option: the architecture's own options by name.
        pretrained: start from ImageNet weights, installed or from the hub (timm only).
        init: start from the weights in a .safetensors or .pth file.
        keep: `last` epoch, or `best` on val, or that fold (which then had a say in the member; recorded).
        metric: by which an epoch is better on val: log-loss, accuracy, balanced-accuracy, macro-f1.
        patience: epochs without a better one after which training stops; 0: never. Recorded too.
        minutes: by the clock, in which a run ends, with fewer epochs where it must; its learning rate comes down in
            that time. Recorded. None: as long as it takes. Each member of a family has so many, and so has a run
            that is gone on with.
        resume: go on with the unfinished run of that name, bit for bit; begin where there is none;
            do nothing where the member stands as asked for. So for each member of a family.
        replace: overwrite the member of that name, and discard an unfinished run.
        save_every: seconds between two saves of the unfinished run; 0: after every step.
        options: other ways to say where the images are (`images.Source`), fields of `training.Recipe` that
            override the recipe's, folders (`workspace.Workspace`), and device, threads, quiet (`context.RunContext`).

    Raises:
        InvalidOptionError: a value outside its range, a name that is taken, an unfinished run
            that was asked for otherwise, or a run that diverged.
        BadDataError: images that cannot be used.
        MisalignedError: the unfinished run, or a member that teaches, had other images.
        CorruptError: its state is damaged.
        LockedError: another process trains under this name.
        Stopped: Ctrl-C, SIGTERM or SIGHUP came while training (a KeyboardInterrupt); all is saved.
        ResourceError: no room on the disk, or no network for `pretrained`.
    """
    asked, recipe = recipe, recipe or default_recipe(pretrained or init is not None)
    chosen = resolve(recipe, {name: options.get(name) for name in RANGES})
    _check(seed, keep, metric, patience, save_every, minutes)
    check(chosen)
    _check_family(chosen, keep, patience, seeds, folds, fold)
    teachers = teacher_names(teacher)
    check_teacher(unlabelled, teachers, folds)
    order = Order(
        source=Source.of({"data": data, **options}),
        workspace=Workspace.of(options),
        context=with_device(RunContext.of(options)),
        arch=arch,
        arch_option=arch_options(arch, arch_option or {}, pretrained),
        name=name,
        family=family,
        recipe_name=recipe,
        recipe=chosen,
        size=size,
        seed=seed,
        folds=folds,
        fold=fold,
        unlabelled=unlabelled,
        teacher=teachers,
        skip_bad=skip_bad,
        pretrained=pretrained,
        init=init,
        keep=keep,
        metric=metric,
        patience=patience,
        minutes=minutes,
        resume=resume,
        replace=replace,
        save_every=save_every,
    )
    orders = list(_each(order, seeds))
    for one in orders:
        stem = one.name or base_name(arch)
        for needed in (stem, *snapshot_names(stem, chosen.cycles)):
            check_name(needed)
    if asked is None:
        say(_unasked(recipe, chosen), order.context.quiet)
    if len(orders) == 1:
        return train_one(orders[0])
    _check_names(orders)
    return _train_all(orders)


def _unasked(name: str, recipe: Recipe) -> str:
    """Return what is trained by where no recipe was named."""
    epochs = f"{recipe.epochs} epoch{'' if recipe.epochs == 1 else 's'}"
    mirrored = "; images mirrored (signs, letters: --no-flip)" if recipe.flip else ""
    return f"Recipe {name}, {epochs}{mirrored}."


def _each(order: Order, seeds: int) -> Iterator[Order]:
    """Yield the orders of a family: one a seed, and of each one a fold.

    The name may be that of one member of it, as it stands in a member's config.
    """
    if seeds == 1 and not order.folds:
        yield order
        return
    base = order.name or base_name(order.arch)
    base = base if seeds == 1 else re.sub(r"-seed-\d+$", "", base)
    for seed in range(order.seed, order.seed + seeds):
        name = base if seeds == 1 else f"{base}-seed-{seed}"
        one = with_changes(order, seed=seed, name=name, family=order.family or base)
        if not order.folds:
            yield one
        for fold in [order.fold] if order.fold else range(1, order.folds + 1):
            stem = re.sub(r"-fold-\d+$", "", name)
            yield with_changes(one, fold=fold, name=f"{stem}-fold-{fold}", family=order.family or stem)


def _train_all(orders: Sequence[Order]) -> FamilyReport:
    """Train one member after the other; where a signal comes, say how the family goes on.

    Raises:
        Stopped: it came; the members that are done stand.
        as `train` says.
    """
    done: list[TrainReport] = []
    for one in orders:
        try:
            done.append(train_one(one))
        except KeyboardInterrupt as stopped:
            how = "--resume instead of --replace" if one.replace else "--resume"
            raise Stopped(
                getattr(stopped, "signal", signal.SIGINT),
                *(stopped.args or ("Interrupted.",)),
                f"Trained: {len(done)} of {len(orders)} members. To go on with them all: the same command with {how}.",
            ) from None
    return FamilyReport(tuple(done))


def _check_names(orders: Sequence[Order]) -> None:
    """Raise, before anything is trained, where a member stands under a name that the family needs."""
    for one in orders:
        assert one.name is not None
        members = one.workspace.predictions
        names = (one.name, *snapshot_names(one.name, one.recipe.cycles))
        taken = [name for name in names if is_taken(members, name)]
        if taken and not (one.resume or one.replace):
            raise InvalidOptionError(
                f"{members} already has a member '{taken[0]}'. Choose another --name, or give --resume to "
                "train only what is missing, or --replace."
            )


def _check(seed: int, keep: str, metric: str, patience: int, save_every: float, minutes: float | None) -> None:
    """Raise where an option that is no recipe's is out of its range."""
    if seed < 0:
        raise InvalidOptionError(f"--seed is {seed}; wanted a whole number from 0.")
    if keep not in ("last", "best"):
        raise InvalidOptionError(f"--keep is '{keep}'; wanted last or best.")
    pick(METRICS, metric, "metric")
    if patience < 0:
        raise InvalidOptionError(f"--patience is {patience}; wanted epochs, or 0 to never stop early.")
    if not 0 <= save_every < math.inf:
        raise InvalidOptionError(f"--save-every is {save_every:g}; wanted seconds, or 0 to save after every step.")
    if minutes is not None and not 0 < minutes < math.inf:
        raise InvalidOptionError(f"--minutes is {minutes:g}; wanted a number above 0, or none to train to the end.")


def _check_family(recipe: Recipe, keep: str, patience: int, seeds: int, folds: int, fold: int) -> None:
    """Raise where seeds, folds and cycles do not go together."""
    if seeds < 1:
        raise InvalidOptionError(f"--seeds is {seeds}; wanted 1 or more.")
    if folds < 0 or folds == 1:
        raise InvalidOptionError(f"--folds is {folds}; wanted 2 or more, or 0 to train on all images.")
    if not 0 <= fold <= folds:
        wanted = f"1 to {folds}, or 0 for all" if folds else "--folds with it"
        raise InvalidOptionError(f"--fold is {fold}; wanted {wanted}.")
    if recipe.cycles > 1 and (keep == "best" or patience):
        raise InvalidOptionError(
            "--cycles keeps the end of every cycle, --keep best and --patience choose an epoch by val; "
            "give one of them."
        )
