"""Members of one architecture -> one member whose weights are the mean of theirs.

A soup is an ordinary run and member, but that nothing was trained: its folder holds a
checkpoint alone, and the plan in it is what its ingredients' plans have in common.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np

from ensemble_kit.context import DeviceOption, QuietOption, RunContext
from ensemble_kit.disk import check_writable
from ensemble_kit.ensembling.evaluation import Comparison, Scored, compare_scored
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images import PlacesOption
from ensemble_kit.metrics import METRICS
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.members import describe_member
from ensemble_kit.pipeline.models import Stated, find_model, open_fitting, stored_source, with_device
from ensemble_kit.pipeline.runs.save_member import compute_and_write, facts_of_run
from ensemble_kit.pipeline.runs.soup_members import (
    Ingredient,
    check_alike,
    check_images,
    common,
    common_plan,
    read_ingredient,
    score_of,
    states_of,
)
from ensemble_kit.reporting.terminal import Watch
from ensemble_kit.results import IngredientReport, SoupReport
from ensemble_kit.splits import evaluation_split
from ensemble_kit.storage import members as store
from ensemble_kit.storage.files import locked, stands
from ensemble_kit.storage.members import MANIFEST_NAME
from ensemble_kit.tables import pick
from ensemble_kit.training import SOUPS, Soup, batch_norms, settle_norms
from ensemble_kit.types import Predictions, align
from ensemble_kit.workspace import CacheOption, PredictionsOption, RunsOption, Workspace

SPOILED = 0.05  # accuracy below the ingredients' mean from which a soup is said to be spoiled


class SoupOptions(PlacesOption, PredictionsOption, RunsOption, CacheOption, DeviceOption, QuietOption):
    """What `soup` takes along."""


@command
def soup(
    members: Sequence[str],
    name: str,
    *,
    method: str = "uniform",
    metric: str = "log-loss",
    data: str | Path | None = None,
    skip_bad: bool = False,
    replace: bool = False,
    **options: Unpack[SoupOptions],
) -> SoupReport:
    """Average the weights of members of one architecture; write the run, the checkpoint and the member.

    Batch norms get statistics that fit the mean, from the training images, unaugmented.

    Args:
        members: two or more, trained here on the same images, their checkpoints under `runs`.
        name: of the soup.
        method: `uniform`: the mean of all. `greedy`: the best on val, then each that does not make
            the soup worse there; val then had a say in the soup, which is recorded.
        metric: what is good on val: log-loss, accuracy, balanced-accuracy, macro-f1.
        data, options: where the images are, as far as that is not where they were in training; folders,
            device, quiet: as in `train`.
        skip_bad: go on without the images that cannot be read, as members do that were trained so.
        replace: overwrite the member and the run of that name.

    Raises:
        InvalidOptionError, UnknownNameError: no such member, method or metric; fewer than two members;
            one without a checkpoint of ours; a name that is taken.
        MisalignedError: members of different networks, classes or images.
        CorruptError: a checkpoint or a file of a member is damaged.
        BadDataError, ResourceError: images, memory or disk, as `train` says.
        LockedError: another process writes under this name.
    """
    started = time.perf_counter()
    workspace = Workspace.of(options)
    pick(SOUPS, method, "way to make a soup")
    gain = pick(METRICS, metric, "metric").gain
    members = [workspace.member(one) for one in members]
    _check_names(members, name)
    found = [read_ingredient(member, workspace) for member in members]
    for other in found[1:]:
        check_alike(found[0], other)
    found.sort(key=lambda one: -gain(score_of(one.val, metric)))  # ties stay as they were given
    context = with_device(RunContext.of(options))
    check_writable(workspace.predictions / name)
    with _held(name, found, workspace, replace) as folder:
        model = find_model(
            found[0].checkpoint, Stated(), {"data": data, **options}, workspace.predictions, replace=False
        )
        decoded = open_fitting(model, {}, workspace.cache, context, skip_bad)
        check_images(found[0], decoded)
        network = model.load(decoded.data.classes)
        norms = len(batch_norms(network))
        made = _made(network, found, decoded, SOUPS[method].load(), metric, context)
        network.load_state_dict(made.state)
        kept = [one for one, is_kept in zip(found, made.kept, strict=True) if is_kept]
        plan = common_plan(name, kept, stored_source(model.source, folder)) | {"device": context.device}
        facts = facts_of_run(plan, decoded, network, time.perf_counter() - started) | {
            "soup": _recipe(method, metric, found, made),
            "kept_epoch": common([one.facts["kept_epoch"] for one in kept]),
            "in_time": all(one.facts.get("in_time", True) for one in kept),
        }
        seen = compute_and_write(folder, workspace.predictions, facts, network, decoded, context.quiet)
    figures = _figures(found, made, seen.splits[evaluation_split(seen.splits)], metric)
    return SoupReport(
        member=describe_member(workspace.predictions, name),
        run=folder,
        method=method,
        metric=metric,
        ingredients=figures.ingredients,
        soup=figures.soup,
        mean_accuracy=figures.mean_accuracy,
        gain=figures.gain.difference,
        gain_interval=figures.gain.interval,
        gain_p=figures.gain.p,
        spoiled=figures.gain.difference < -SPOILED,
        norms=norms,
        settled=norms > 0 and len(kept) > 1,
        train_images=len(decoded.images["train"]),
        seconds=time.perf_counter() - started,
    )


def _check_names(members: Sequence[str], name: str) -> None:
    """Raise unless these are two members or more, and the soup is to be another."""
    store.check_name(name)
    for member in members:
        store.check_folder_name(member)
    twice = [member for place, member in enumerate(members) if member in members[:place]]
    if twice:
        raise InvalidOptionError(f"Member '{twice[0]}' is named twice; give each ingredient of a soup once.")
    if len(members) < 2:
        got = f"'{members[0]}' alone" if members else "none"
        raise InvalidOptionError(f"Wanted two members or more to average, got {got}. See `ek members`.")
    if name in members:
        raise InvalidOptionError(f"--name '{name}' is one of the ingredients, which stay; choose another name.")


@contextmanager
def _held(name: str, ingredients: Sequence[Ingredient], workspace: Workspace, replace: bool) -> Iterator[Path]:
    """Hold the soup's run folder inside the block.

    Raises:
        InvalidOptionError: the name is taken, or the folder is an ingredient's.
        LockedError: another process writes there.
    """
    folder = workspace.runs / name
    owner = [one.name for one in ingredients if one.checkpoint.parent.resolve() == folder.resolve()]
    if owner:
        raise InvalidOptionError(f"{folder} holds the weights of the ingredient '{owner[0]}'; choose another --name.")
    with locked(folder, timeout_s=0):
        member = workspace.predictions / name
        taken = member if store.is_taken(workspace.predictions, name) else None
        left = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        if (taken or (left and not stands(member / MANIFEST_NAME))) and not replace:
            raise InvalidOptionError(f"{taken or left[0]} is there already. Choose another --name, or give --replace.")
        yield folder


def _made(
    network: Any, ingredients: Sequence[Ingredient], decoded: DecodedImages, way: Any, metric: str, context: RunContext
) -> Soup:
    """Return the soup; the network is used to try it, and left with any weights."""
    import torch

    from ensemble_kit.training import measure as measured
    from ensemble_kit.training import state_of

    network.to(context.device, memory_format=torch.channels_last)
    evaluated_on = evaluation_split(decoded.images)
    val = torch.from_numpy(np.array(decoded.images[evaluated_on])).to(context.device)
    labels = torch.from_numpy(np.array(decoded.split(evaluated_on).labels)).to(context.device)

    def settle(state: Mapping[str, Any]) -> dict[str, Any]:
        network.load_state_dict(dict(state))
        with Watch("batch norms", len(decoded.images["train"]), context.quiet) as watch:
            settle_norms(network, decoded.images["train"], on_batch=watch.advance)
        return state_of(network)

    def gain(state: Mapping[str, Any]) -> float:
        network.load_state_dict(dict(state))
        return METRICS[metric].gain(measured(network, val, labels, metric).score)

    made: Soup = way(states_of(ingredients), settle, gain)
    return made


def _recipe(method: str, metric: str, ingredients: Sequence[Ingredient], made: Soup) -> dict[str, Any]:
    """Return how the soup was made, as its checkpoint and its manifest say it."""
    used = [use for one, kept in zip(ingredients, made.kept, strict=True) if kept for use in one.manifest.val_used_for]
    return {
        "method": method,
        "metric": metric if made.by_val else None,
        "ingredients": [
            {"name": one.name, "checkpoint_sha256": one.manifest.checkpoint_sha256, "kept": kept}
            for one, kept in zip(ingredients, made.kept, strict=True)
        ],
        "val_used_for": list(dict.fromkeys([*used, *(["soup"] if made.by_val else [])])),
    }


class _Figures(NamedTuple):
    """A soup and its ingredients where they are evaluated; gain: the soup's accuracy less their mean."""

    ingredients: tuple[IngredientReport, ...]
    soup: IngredientReport
    mean_accuracy: float
    gain: Comparison


def _figures(ingredients: Sequence[Ingredient], made: Soup, val: Predictions, metric: str) -> _Figures:
    """Return the figures of the soup and of what went into it."""
    rows = tuple(_row(one.name, one.val, metric, kept) for one, kept in zip(ingredients, made.kept, strict=True))
    whole = _row(val.member, val, metric, True)
    pool = align([val, *(one.val for one in ingredients)])
    assert pool.labels is not None
    predicted = np.stack([logits[0].argmax(axis=1) for logits in pool.logits])
    soups = np.broadcast_to(predicted[0], predicted[1:].shape)
    gain = compare_scored(
        Scored(soups, None, pool.labels), Scored(predicted[1:], None, pool.labels), "accuracy", pool.groups
    )
    return _Figures(rows, whole, sum(row.accuracy for row in rows) / len(rows), gain)


def _row(name: str, val: Predictions, metric: str, kept: bool) -> IngredientReport:
    return IngredientReport(name, score_of(val, "accuracy"), score_of(val, "log-loss"), score_of(val, metric), kept)
