"""Who stands in which row: the CSV `image_id[,label][,group]` beside every array.

Labels are stored as class names. Ids come back byte for byte. Knows no arrays of
logits and no other file.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from ensemble_kit.csv_text import parse_csv, render_csv
from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.members.manifest import check_distinct
from ensemble_kit.types import Labels, Predictions, are_distinct

ID, LABEL, GROUP = "image_id", "label", "group"
HEADERS = ([ID], [ID, LABEL], [ID, GROUP], [ID, LABEL, GROUP])

Rows = tuple[tuple[str, ...], Int[np.ndarray, " _"] | None, tuple[str, ...] | None]
"""Ids, labels, groups; as many as the split has images, and splits of one member differ in that."""


def render_rows(predictions: Predictions) -> bytes:
    """Return the CSV of the predictions' ids, labels and groups.

    Raises:
        BadDataError: an id that cannot be written as text.
    """
    columns: dict[str, Sequence[str]] = {ID: predictions.ids}
    if predictions.labels is not None:
        columns[LABEL] = [predictions.classes[label] for label in predictions.labels]
    if predictions.groups is not None:
        columns[GROUP] = predictions.groups
    where = f"the rows of member '{predictions.member}', {predictions.split}"
    return render_csv([list(columns), *zip(*columns.values(), strict=True)], where)


def parse_rows(data: bytes, path: Path, classes: Sequence[str]) -> Rows:
    """Return ids, labels as indices into the classes, and groups; None for what is not there.

    Raises:
        BadDataError: another header, a doubled or empty id, or a label that is no class.
    """
    if plain := _plain_ids(data):
        return plain, None, None
    header, *rows = parse_csv(data, path)
    if header not in HEADERS:
        raise BadDataError(f"{path}: wanted the header {ID}[,{LABEL}][,{GROUP}], got {','.join(header)}.")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
    ids = columns.get(ID, ())
    check_distinct(ids, "image id", str(path))
    labels = _label_indices(ids, columns[LABEL], classes, path) if LABEL in columns else None
    return ids, labels, columns.get(GROUP)


def _plain_ids(data: bytes) -> tuple[str, ...]:
    """Return the ids of a CSV of distinct ids alone, none in quotes; of any other nothing.

    The same as the CSV reader finds, many times as quickly, since a test set may be large.
    """
    header, _, body = data.partition(b"\n")
    if header != ID.encode() or any(mark in body for mark in (b",", b'"', b"\r")):
        return ()
    ids = tuple(body.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n"))
    plain = all(ids) and are_distinct(ids) and max(map(len, ids)) <= csv.field_size_limit()
    return ids if plain else ()


def _label_indices(ids: Sequence[str], labels: Sequence[str], classes: Sequence[str], path: Path) -> Labels:
    place = {name: index for index, name in enumerate(classes)}
    for image_id, label in zip(ids, labels, strict=True):
        if label not in place:
            raise BadDataError(
                f"{path}: {image_id!r} has the label {label!r}, which is none of the {len(classes)} classes. "
                "Correct the label or the list of classes."
            )
    return np.array([place[label] for label in labels], dtype=np.int64)
