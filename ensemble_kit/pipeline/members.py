"""What members there are and how good each is; add foreign ones, remove, rename."""

from contextlib import suppress
from dataclasses import replace as with_changes
from pathlib import Path

import numpy as np

from ensemble_kit.ensembling.ballots import merge_views, softmax
from ensemble_kit.ensembling.judging import Judged
from ensemble_kit.ensembling.measures import ece
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.groups import groups_from
from ensemble_kit.metrics import METRICS, log_prob
from ensemble_kit.pipeline.command import command
from ensemble_kit.reporting.progress import say
from ensemble_kit.results import MemberReport, MembersReport, RemovedReport, RenamedReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage.scores import read_scores
from ensemble_kit.storage.verify import verify_all
from ensemble_kit.tables import pick
from ensemble_kit.types import Predictions, align


@command
def members(
    predictions: str | Path = "predictions",
    runs: str | Path = "runs",
    blends: str | Path = "blends",
    submissions: str | Path = "submissions",
    cache: str | Path = ".ek",
    verify: bool = False,
    metric: str = "accuracy",
) -> MembersReport:
    """Show every member, the best on val first.

    Args:
        metric: accuracy, balanced-accuracy, macro-f1, log-loss: what best means.
        verify: read every artefact in the four folders again and check it.

    Raises:
        CorruptError: a file that is damaged, missing or not what it was.
        InvalidOptionError: `predictions` is no folder.
        UnknownNameError: no metric has that name.
    """
    gain = pick(METRICS, metric, "metric").gain
    predictions = Path(predictions)
    if not predictions.is_dir() and predictions != Path("predictions"):
        raise InvalidOptionError(f"Wanted a folder of members, got '{predictions}', which is none.")
    checked = None
    if verify:
        checked = len(verify_all(predictions, Path(runs), Path(blends), Path(submissions), Path(cache), say))
    found = [_described(member, predictions, metric) for member in store.read_members(predictions, cache=Path(cache))]
    found.sort(key=lambda member: (-gain(member.val_score), member.val_log_loss, member.name))
    return MembersReport(tuple(found), checked, metric)


@command
def members_add(
    name: str,
    val: str | Path,
    kind: str,
    test: str | Path | None = None,
    group_from: str | None = None,
    replace: bool = False,
    predictions: str | Path = "predictions",
    cache: str | Path = ".ek",
) -> MemberReport:
    """Add a member that ensemble_kit did not train, from its scores.

    Args:
        val, test: .npz with `image_ids`, `classes`, `scores`, for val `labels`, and `groups`
            where there are any; or CSV with `image_id`, one column a class and, for val, `label`.
        kind: what the scores are, `logits` or `probabilities`.
        group_from: a regular expression that finds the group of each val picture in its id.
        replace: overwrite the member of that name.

    Raises:
        BadDataError: scores that cannot be used, that contradict `kind`, or a val id in which
            `group_from` finds nothing.
        MisalignedError: val and test differ in their classes, or val in ids, classes or
            labels from the members that are there.
        InvalidOptionError: a name that is taken or cannot be, an unknown kind, or
            `group_from` beside groups in the file.
    """
    predictions, cache = Path(predictions), Path(cache)
    files = {"val": Path(val)} | ({} if test is None else {"test": Path(test)})
    read = {split: read_scores(path, split, kind, name) for split, path in files.items()}
    brought = {split: scores.predictions for split, scores in read.items()}
    if "test" in brought:
        brought["test"] = _in_class_order(brought["test"], brought["val"].classes)
    if group_from is not None:
        brought["val"] = _grouped(brought["val"], group_from, files["val"])
    _check_beside(predictions, name, brought, cache)
    manifest = store.Manifest(
        name=name,
        arch="imported",
        source="imported",
        classes=brought["val"].classes,
        imported={
            "kind": kind,
            "files": {split: path.name for split, path in files.items()},
            "clipped": {split: scores.clipped for split, scores in read.items()},
            "group_from": group_from,
        },
    )
    store.write_member(predictions, manifest, brought, replace=replace)
    return describe_member(predictions, name, cache)


@command
def members_rm(name: str, predictions: str | Path = "predictions") -> RemovedReport:
    """Remove a member's predictions; its run stays.

    Raises:
        InvalidOptionError: there is no such member.
    """
    store.remove_member(Path(predictions), name)
    return RemovedReport(name, Path(predictions) / name)


@command
def members_rename(name: str, new_name: str, predictions: str | Path = "predictions") -> RenamedReport:
    """Give a member another name; blends that pin the old one go stale.

    Raises:
        InvalidOptionError: there is no such member, or the new name is taken or cannot be.
    """
    store.rename_member(Path(predictions), name, new_name)
    return RenamedReport(name, new_name, Path(predictions) / new_name)


def describe_member(predictions: Path, name: str, cache: Path | None = None) -> MemberReport:
    """Return what there is to say about one member; val figures at temperature 1, views merged."""
    return _described(store.read_member(predictions / name, cache), predictions)


def _described(member: store.Member, predictions: Path, metric: str = "accuracy") -> MemberReport:
    manifest, val, test = member.manifest, member.split("val"), member.splits.get("test")
    if val.labels is None:
        raise BadDataError(f"Member '{manifest.name}' has no val labels. Add it again with them.")
    probabilities = softmax(merge_views(val.logits, np.array(manifest.view_weights)))
    judged = Judged(probabilities.argmax(axis=1)[None], log_prob(probabilities, val.labels)[None], val.labels)
    cost = manifest.cost
    parameters = cost.get("parameters")
    return MemberReport(
        name=manifest.name,
        arch=manifest.arch,
        source=manifest.source,
        family=manifest.family,
        val_accuracy=judged.accuracy,
        val_interval=judged.interval(val.groups),
        val_log_loss=judged.score("log-loss"),
        metric=metric,
        val_score=judged.score(metric),
        val_score_interval=judged.score_interval(metric, val.ids, val.groups),
        calibration_error=ece(probabilities, val.labels),
        views=manifest.views,
        view_weights=manifest.view_weights,
        val_images=len(val.ids),
        test_images=None if test is None else len(test.ids),
        parameters=None if parameters is None else int(parameters),
        size_mb=cost.get("checkpoint_mb"),
        ms_per_image=cost.get("ms_per_image"),
        val_used_for=manifest.val_used_for,
        path=predictions / manifest.name,
    )


def _grouped(val: Predictions, pattern: str, path: Path) -> Predictions:
    """Return the val scores with the groups that the pattern finds in their ids."""
    if val.groups is not None:
        raise InvalidOptionError(f"{path} holds groups, and --group-from asks for others. Leave one of them out.")
    return with_changes(val, groups=groups_from(val.ids, pattern))


def _in_class_order(test: Predictions, classes: tuple[str, ...]) -> Predictions:
    """Return the test scores with their classes in the order of val's."""
    nobody = with_changes(test, member=f"{test.member} (val)", classes=classes, labels=None)
    if set(classes) == set(test.classes) and len(classes) == len(test.classes):
        order = [test.classes.index(name) for name in classes]
        return with_changes(nobody, member=test.member, logits=test.logits[:, :, order])
    align([nobody, with_changes(test, labels=None)])
    return test


def _check_beside(predictions: Path, name: str, brought: dict[str, Predictions], cache: Path) -> None:
    """Raise unless the newcomer fits the members that are there."""
    other = _another(predictions, name, cache)
    for split, newcomer in brought.items():
        if other is not None and split in other.splits:
            there = other.splits[split]
            align(
                [
                    with_changes(there, labels=there.labels if split == "val" else None),
                    with_changes(newcomer, labels=newcomer.labels if split == "val" else None),
                ]
            )


def _another(predictions: Path, name: str, cache: Path) -> store.Member | None:
    """Return a member of another name, if there is one; those that go meanwhile are passed over."""
    for other in store.list_members(predictions):
        if other != name:
            with suppress(InvalidOptionError):
                return store.read_member(predictions / other, cache)
    return None
