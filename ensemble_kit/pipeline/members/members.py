"""What members there are and how good each is; add foreign ones, remove, rename."""

from collections.abc import Mapping
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Unpack

import numpy as np

from ensemble_kit.context import VerifyOption
from ensemble_kit.disk import check_writable
from ensemble_kit.ensembling.combining import merge_views, softmax
from ensemble_kit.ensembling.evaluation import Scored, ece
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import METRICS, log_prob
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.members.pools import member_on
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import MemberReport, MembersReport, RemovedReport, RenamedReport
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.storage import members as store
from ensemble_kit.storage import verify_all
from ensemble_kit.tables import pick
from ensemble_kit.workspace import (
    BlendsOption,
    CacheOption,
    PredictionsOption,
    RunsOption,
    SubmissionsOption,
    Workspace,
)


class MembersOptions(PredictionsOption, RunsOption, BlendsOption, SubmissionsOption, CacheOption, VerifyOption):
    """What `members` takes along."""


@command
def members(
    *,
    metric: str = "accuracy",
    **options: Unpack[MembersOptions],
) -> MembersReport:
    """Show every member, the best on val first.

    Args:
        metric: accuracy, balanced-accuracy, macro-f1, log-loss: what best means.
        options: folders; verify: read every artefact in them again and check it.

    Raises:
        CorruptError: a file that is damaged, missing or not what it was.
        InvalidOptionError: `predictions` is no folder.
        UnknownNameError: no metric has that name.
    """
    gain = pick(METRICS, metric, "metric").gain
    workspace = Workspace.of(options)
    predictions = workspace.predictions
    if not predictions.is_dir() and predictions != Path("predictions"):
        raise InvalidOptionError(f"Wanted a folder of members, got '{predictions}', which is none.")
    checked = None
    if options.get("verify"):
        folders = (predictions, workspace.runs, workspace.blends, workspace.submissions, workspace.cache)
        checked = len(verify_all(*folders, say))
    found = [
        _described(member, predictions, metric) for member in store.read_members(predictions, cache=workspace.cache)
    ]
    found.sort(key=lambda member: (-gain(member.val_score), member.val_log_loss, member.name))
    return MembersReport(tuple(found), checked, metric)


class MembersAddOptions(PredictionsOption, CacheOption):
    """What `members_add` takes along."""


@command
def members_add(
    name: str,
    val: str | Path | None = None,
    *,
    kind: str = "",
    test: str | Path | None = None,
    group_from: str | None = None,
    replace: bool = False,
    oof: str | Path | None = None,
    labels: str | Path | None = None,
    labels_are: str | None = None,
    column: Mapping[str, str] | None = None,
    classes: str | Path | None = None,
    encoding: str | None = None,
    **options: Unpack[MembersAddOptions],
) -> MemberReport:
    """Add a member that ensemble_kit did not train, from its scores.

    Args:
        kind: what the scores are, `logits`, `probabilities` (also rounded, or in per cent) or `sigmoid` (a sigmoid
            a class); must be said.
        oof: scores of every training image by models that had not seen it: a family of its own.
        val, test, oof: at least one of oof and val; .npz with `image_ids`, `classes`, `scores`, and, for oof
            and val, `labels`, and `groups` where there are any; or CSV with a column of ids, one column a
            class and, for oof and val, one of labels; other columns are left out. Rows and classes may stand in
            any order; ids may lack the endings and folders of those that are there, where that leaves no doubt.
        labels: CSV with the labels of oof and val, and groups where it has them, as a competition's train.csv.
        labels_are: `names` of classes or `places` in their list, for whole numbers that could be both.
        column: id, label or group -> the CSVs' own name for that column; unsaid, the usual names are guessed.
        classes: file of class names, a line each; columns and labels that are whole numbers index it.
        encoding: of CSVs that are not UTF-8, as cp1252.
        group_from: a regular expression that finds the group of each labelled image in its id.
        replace: overwrite the member of that name.

    Raises:
        BadDataError: scores or labels that cannot be used, that contradict `kind` or each other, or an id in
            which `group_from` finds nothing.
        MisalignedError: the files differ in their classes, or oof or val in ids, classes or labels from the
            members that are there.
        InvalidOptionError, UnknownNameError: neither oof nor val, a name that is taken or cannot be, an
            unknown kind or role of a column, or `group_from` beside groups in the file.
    """
    from ensemble_kit.pipeline.members.external import Said, read_external  # who only looks at members need not load it

    workspace = Workspace.of(options)
    predictions, cache = workspace.predictions, workspace.cache
    files = {split: Path(path) for split, path in ((VAL, val), ("test", test), (OOF, oof)) if path is not None}
    said = Said(
        {} if column is None else column,
        None if classes is None else Path(classes),
        None if labels is None else Path(labels),
        labels_are,
        group_from,
        encoding,
    )
    store.check_name(name)
    check_writable(predictions / name)
    brought = read_external(name, kind, files, said, predictions, cache)
    store.write_member(predictions, brought.manifest, brought.splits, replace=replace)
    return with_changes(describe_member(predictions, name, cache), taken=brought.taken, notes=brought.notes)


@command
def members_rm(
    name: str,
    **options: Unpack[PredictionsOption],
) -> RemovedReport:
    """Remove a member's predictions; its run stays.

    Raises:
        InvalidOptionError: there is no such member.
    """
    workspace = Workspace.of(options)
    predictions, name = workspace.predictions, workspace.member(name)
    store.remove_member(predictions, name)
    return RemovedReport(name, predictions / name)


@command
def members_rename(
    name: str,
    new_name: str,
    **options: Unpack[PredictionsOption],
) -> RenamedReport:
    """Give a member another name; blends that pin the old one go stale.

    Raises:
        InvalidOptionError: there is no such member, or the new name is taken or cannot be.
    """
    workspace = Workspace.of(options)
    predictions, name = workspace.predictions, workspace.member(name)
    store.rename_member(predictions, name, new_name)
    return RenamedReport(name, new_name, predictions / new_name)


def describe_member(predictions: Path, name: str, cache: Path | None = None, split: str | None = None) -> MemberReport:
    """Return what there is to say about one member; its figures at temperature 1, views merged.

    Args:
        split: what it is evaluated on; None: val where it has one, else oof.
    """
    return _described(store.read_member(predictions / name, cache), predictions, split=split)


def _described(
    member: store.Member, predictions: Path, metric: str = "accuracy", split: str | None = None
) -> MemberReport:
    manifest, val, test = member.manifest, member_on(member, split), member.splits.get("test")
    assert val.labels is not None
    probabilities = softmax(merge_views(val.logits, np.array(manifest.view_weights)))
    scored = Scored(probabilities.argmax(axis=1)[None], log_prob(probabilities, val.labels)[None], val.labels)
    cost = manifest.cost
    parameters = cost.get("parameters")
    return MemberReport(
        name=manifest.name,
        arch=manifest.arch,
        source=manifest.source,
        family=manifest.family,
        judged_on=val.split,
        val_accuracy=scored.accuracy,
        val_interval=scored.interval(val.groups),
        val_log_loss=scored.score("log-loss"),
        metric=metric,
        val_score=scored.score(metric),
        val_score_interval=scored.score_interval(metric, val.groups),
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
