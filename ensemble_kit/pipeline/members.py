"""What members there are and how good each is; add foreign ones, remove, rename."""

from dataclasses import replace as with_changes
from pathlib import Path

import numpy as np

from ensemble_kit.ensembling.ballots import merge_views, softmax
from ensemble_kit.ensembling.measures import accuracy, accuracy_interval, ece, log_loss
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.results import MemberReport, MembersReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage.scores import read_scores
from ensemble_kit.storage.verify import verify_all
from ensemble_kit.types import Predictions, align


def members(
    predictions: str | Path = "predictions",
    runs: str | Path = "runs",
    blends: str | Path = "blends",
    submissions: str | Path = "submissions",
    cache: str | Path = ".ek",
    verify: bool = False,
) -> MembersReport:
    """Show every member, best val accuracy first.

    Args:
        verify: read every artefact in the four folders again and check it.

    Raises:
        CorruptError: a file that is damaged, missing or not what it was.
        InvalidOptionError: `predictions` is no folder.
    """
    predictions = Path(predictions)
    if not predictions.is_dir() and predictions != Path("predictions"):
        raise InvalidOptionError(f"Wanted a folder of members, got '{predictions}', which is none.")
    checked = None
    if verify:
        checked = len(verify_all(predictions, Path(runs), Path(blends), Path(submissions), Path(cache)))
    found = [describe_member(predictions, name, Path(cache)) for name in store.list_members(predictions)]
    found.sort(key=lambda member: (-member.val_accuracy, member.val_log_loss, member.name))
    return MembersReport(tuple(found), checked)


def members_add(
    name: str,
    val: str | Path,
    kind: str,
    test: str | Path | None = None,
    replace: bool = False,
    predictions: str | Path = "predictions",
    cache: str | Path = ".ek",
) -> MemberReport:
    """Add a member that ensemble_kit did not train, from its scores.

    Args:
        val, test: .npz with `image_ids`, `classes`, `scores` and, for val, `labels`; or CSV
            with `image_id`, one column a class and, for val, `label`.
        kind: what the scores are, `logits` or `probabilities`.
        replace: overwrite the member of that name.

    Raises:
        BadDataError: scores that cannot be used, or that contradict `kind`.
        MisalignedError: val and test differ in their classes, or val in ids, classes or
            labels from the members that are there.
        InvalidOptionError: a name that is taken or cannot be, or an unknown kind.
    """
    predictions, cache = Path(predictions), Path(cache)
    files = {"val": Path(val)} | ({} if test is None else {"test": Path(test)})
    read = {split: read_scores(path, split, kind, name) for split, path in files.items()}
    brought = {split: scores.predictions for split, scores in read.items()}
    if "test" in brought:
        brought["test"] = _in_class_order(brought["test"], brought["val"].classes)
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
        },
    )
    store.write_member(predictions, manifest, brought, replace=replace)
    return describe_member(predictions, name, cache)


def members_rm(name: str, predictions: str | Path = "predictions") -> str:
    """Remove a member's predictions; its run stays. Returns the name.

    Raises:
        InvalidOptionError: there is no such member.
    """
    store.remove_member(Path(predictions), name)
    return name


def members_rename(name: str, new_name: str, predictions: str | Path = "predictions") -> str:
    """Give a member another name; blends that pin the old one go stale. Returns the new name.

    Raises:
        InvalidOptionError: there is no such member, or the new name is taken or cannot be.
    """
    store.rename_member(Path(predictions), name, new_name)
    return new_name


def describe_member(predictions: Path, name: str, cache: Path | None = None) -> MemberReport:
    """Return what there is to say about one member; val figures at temperature 1, views merged."""
    manifest = store.read_manifest(predictions / name)
    val = store.read_predictions(predictions / name, "val", cache)
    if val.labels is None:
        raise BadDataError(f"Member '{name}' has no val labels. Add it again with them.")
    test = store.read_predictions(predictions / name, "test", cache) if "test" in manifest.files else None
    probabilities = softmax(merge_views(val.logits, np.array(manifest.view_weights)))
    predicted = probabilities.argmax(axis=1)
    cost = manifest.cost
    parameters = cost.get("parameters")
    return MemberReport(
        name=name,
        arch=manifest.arch,
        source=manifest.source,
        val_accuracy=accuracy(predicted, val.labels),
        val_interval=accuracy_interval(predicted == val.labels, val.groups),
        val_log_loss=log_loss(probabilities, val.labels),
        calibration_error=ece(probabilities, val.labels),
        views=manifest.views,
        view_weights=manifest.view_weights,
        val_images=len(val.ids),
        test_images=None if test is None else len(test.ids),
        parameters=None if parameters is None else int(parameters),
        size_mb=cost.get("checkpoint_mb"),
        ms_per_image=cost.get("ms_per_image"),
        val_used_for=manifest.val_used_for,
        path=predictions / name,
    )


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
    others = [other for other in store.list_members(predictions) if other != name]
    if not others:
        return
    manifest = store.read_manifest(predictions / others[0])
    for split, newcomer in brought.items():
        if split in manifest.files:
            there = store.read_predictions(predictions / others[0], split, cache)
            align(
                [
                    with_changes(there, labels=there.labels if split == "val" else None),
                    with_changes(newcomer, labels=newcomer.labels if split == "val" else None),
                ]
            )
