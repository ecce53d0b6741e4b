"""Scores that others made -> a member that fits those that are there.

Everything is placed by id and by class name. What was guessed of the files is said. Never writes.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble_kit.columns import check_said
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.groups import groups_from
from ensemble_kit.id_forms import matched
from ensemble_kit.images import read_classes
from ensemble_kit.pipeline.members.cv_families import families_of
from ensemble_kit.pipeline.members.label_order import notes_on
from ensemble_kit.pipeline.members.out_of_fold import joined
from ensemble_kit.splits import OOF
from ensemble_kit.storage import members as store
from ensemble_kit.storage.members import LABELLED, ExternalScores, Reading, read_scores, read_truth
from ensemble_kit.storage.submissions import changed_id
from ensemble_kit.texts import Reader
from ensemble_kit.types import Predictions, align


class Said(NamedTuple):
    """What was said of the files, as `members_add` takes it."""

    column: Mapping[str, str]
    classes: Path | None
    labels: Path | None
    labels_are: str | None
    group_from: str | None
    encoding: str | None = None


class ExternalMember(NamedTuple):
    """A member that is not written yet; taken: a line a file, which column is what; notes: what to look at."""

    manifest: store.Manifest
    splits: dict[str, Predictions]
    taken: tuple[str, ...]
    notes: tuple[str, ...]


def read_external(
    name: str, kind: str, files: Mapping[str, Path], said: Said, predictions: Path, cache: Path
) -> ExternalMember:
    """Return the member of these files.

    Args:
        files: by split.

    Raises:
        as `members_add` says.
    """
    others = dict(_others(predictions, name))
    _check(name, files, said, others)
    reading = _reading(said, others)
    read = _read(name, kind, files, reading)
    splits = {split: scores.predictions for split, scores in read.items()}
    first = next(iter(splits.values()))
    splits = {split: _in_class_order(one, first) for split, one in splits.items()}
    if said.group_from is not None:
        splits |= {s: _grouped(splits[s], said.group_from, files[s]) for s in LABELLED if s in splits}
    splits, renamed = _beside(splits, others, predictions, cache)
    manifest = store.Manifest(
        name=name,
        arch="imported",
        source="imported",
        classes=first.classes,
        imported={
            "kind": kind,
            "files": {split: path.name for split, path in files.items()},
            "clipped": {split: scores.clipped for split, scores in read.items()},
            "group_from": said.group_from,
            **({} if said.labels_are is None else {"labels_are": said.labels_are}),
        },
    )
    taken = (*_taken(files, read, reading), *renamed)
    return ExternalMember(manifest, splits, taken, tuple(notes_on(splits, {s: one.doubt for s, one in read.items()})))


def _others(predictions: Path, name: str) -> Iterator[tuple[str, store.Manifest]]:
    """Yield the members of other names; those that go meanwhile are passed over."""
    for other in store.list_members(predictions):
        if other != name:
            with suppress(InvalidOptionError):
                yield other, store.read_manifest(predictions / other)


def _read(name: str, kind: str, files: Mapping[str, Path], reading: Reading) -> dict[str, ExternalScores]:
    """Return what the files hold; the first with labels says which classes there are, where nothing else does."""
    read: dict[str, ExternalScores] = {}
    for split in sorted(files, key=lambda split: split not in LABELLED):
        read[split] = read_scores(files[split], split, kind, name, reading=reading)
        reading = reading._replace(known=reading.known or read[split].predictions.classes)
    return {split: read[split] for split in files}


def _check(name: str, files: Mapping[str, Path], said: Said, others: Mapping[str, store.Manifest]) -> None:
    """Raise on options that do not fit together, and on the name of a family that is there."""
    store.check_name(name)
    check_said(said.column)
    if not set(files) & set(LABELLED):
        raise InvalidOptionError("Wanted scores with labels, to evaluate the member: --val FILE, --oof FILE, or both.")
    if name in {manifest.family for manifest in others.values()}:
        raise InvalidOptionError(f"'{name}' is a family of members that are there. Choose another name.")


def _reading(said: Said, others: Mapping[str, store.Manifest]) -> Reading:
    """Return how the files are to be read; classes are those listed, else the members', else the labels'."""
    reader = Reader(said.encoding)
    listed = () if said.classes is None else read_classes(said.classes, reader)
    truth = None if said.labels is None else read_truth(said.labels, said.column, reader)
    known = listed or next((manifest.classes for manifest in others.values()), ())
    likely = () if truth is None else tuple(sorted(set(truth.labels.values())))
    return Reading(said.column, known, likely, listed, truth, said.labels_are, reader)


def _in_class_order(said: Predictions, first: Predictions) -> Predictions:
    """Return scores with their classes, the same, in the order of the first file's."""
    order = [said.classes.index(name) for name in first.classes]
    labels = said.labels
    if labels is not None:
        labels = np.argsort(order)[labels]
    return replace(said, classes=first.classes, logits=said.logits[:, :, order], labels=labels)


def _grouped(said: Predictions, pattern: str, path: Path) -> Predictions:
    """Return the scores with the groups that the pattern finds in their ids."""
    if said.groups is not None:
        raise InvalidOptionError(f"{path} holds groups, and --group-from asks for others. Leave one of them out.")
    return replace(said, groups=groups_from(said.ids, pattern))


def _beside(
    brought: Mapping[str, Predictions], others: Mapping[str, store.Manifest], predictions: Path, cache: Path
) -> tuple[dict[str, Predictions], list[str]]:
    """Return the scores with ids as the members that are there write them, and a line where the files write others.

    Raises:
        MisalignedError: the newcomer has other ids, classes or labels than those members; names the first.
    """
    fitting, renamed = dict(brought), []
    for split, newcomer in brought.items():
        there = _said_there(split, others, predictions, cache)
        if there is None:
            continue
        if set(newcomer.ids) != set(there.ids):
            same = {new: old for old, new in matched(newcomer.ids, there.ids).items()}  # `align` says what is left over
            fitting[split] = replace(newcomer, ids=tuple(same.get(one, one) for one in newcomer.ids))
            if first := next(((one, same[one]) for one in newcomer.ids if same.get(one, one) != one), None):
                renamed.append(f"{split}: '{first[0]}' is '{first[1]}' here, and so on")
            _check_unchanged(fitting[split], there)
        told = split in LABELLED
        align([replace(one, labels=one.labels if told else None) for one in (there, fitting[split])])
    return fitting, renamed


def _check_unchanged(newcomer: Predictions, there: Predictions) -> None:
    """Raise on an id that is one of those that are there, but for what another program made of it."""
    known = set(there.ids)
    extra = next((one for one in newcomer.ids if one not in known), None)
    if extra is not None and (why := changed_id(extra, there.ids)):
        raise MisalignedError(f"{newcomer.split} of member '{newcomer.member}', beside '{there.member}': {why}")


def _said_there(split: str, others: Mapping[str, store.Manifest], predictions: Path, cache: Path) -> Predictions | None:
    """Return what a member, or on oof a family whose folds are all there, says of a split; None: there is none."""
    holding = [manifest for manifest in others.values() if split in manifest.files]
    if split != OOF:
        with suppress(InvalidOptionError):
            return next((store.read_predictions(predictions / one.name, split, cache) for one in holding), None)
        return None
    for name in dict.fromkeys(manifest.family or manifest.name for manifest in holding):
        alike = [manifest for manifest in holding if name in (manifest.family, manifest.name)]
        with suppress(InvalidOptionError):
            family = families_of(alike)[0]
            return joined(family, store.read_members(predictions, [one.name for one in alike], cache), apart=False)
    return None


def _taken(files: Mapping[str, Path], read: Mapping[str, ExternalScores], reading: Reading) -> Iterator[str]:
    """Yield a line a file: which column was taken for what."""
    for split, scores in read.items():
        if scores.columns:
            classes = scores.class_columns
            roles = ", ".join(f"{role} '{column}'" for role, column in scores.columns.items())
            renamed = (
                f", as '{classes[0]}' for '{scores.predictions.classes[0]}'"
                if classes != scores.predictions.classes
                else ""
            )
            yield f"{split}: {roles}, {len(classes)} columns of classes{renamed} ({files[split].name})"
        if scores.left_out:
            yield f"{split}: left out, being no class: {', '.join(map(repr, scores.left_out))} ({files[split].name})"
    if reading.truth is not None:
        roles = ", ".join(f"{role} '{column}'" for role, column in reading.truth.columns.items())
        yield f"labels: {roles} ({reading.truth.path.name})"
    for split, scores in read.items():
        if scores.said is not None and scores.said.alike:
            ours, theirs = scores.said.alike
            yield f"{split}: the label of '{ours}' is that of '{theirs}', and so on ({scores.said.path.name})"
    if reading.reader is not None:
        yield from reading.reader.remarks
