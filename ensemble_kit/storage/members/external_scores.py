"""Score files that other programs wrote: .npz or CSV, checked as strictly as our own.

Nothing is repaired in silence, and of columns and labels only the one possible reading is guessed: what cannot be
used is refused with its file, row and id. Only clipping near 0 changes numbers, and it is counted.
Files are read in `score_tables`, numbers judged in `score_kinds`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError
from ensemble_kit.labels import NONE, label_indices
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.storage.members.manifest import check_distinct
from ensemble_kit.storage.members.score_columns import differing
from ensemble_kit.storage.members.score_kinds import KINDS, as_logits, check_kind, doubt
from ensemble_kit.storage.members.score_tables import READERS, WRITE_NPZ, Reading, Table
from ensemble_kit.storage.members.truth import Said, agreeing
from ensemble_kit.texts import spelled
from ensemble_kit.types import IDENTITY, Labels, Predictions

LABELLED = (VAL, OOF)  # splits whose labels are wanted
PLAINLY: Final = Reading()


class ExternalScores(NamedTuple):
    """Predictions with the one view `identity`, and how many probabilities were clipped.

    columns: which column of a CSV holds what, by role; class_columns: those of the classes, in their order;
    left_out: the others.
    doubt: the code of a note on what the numbers may be instead; empty: none.
    said: what another file says of labels; None where none was asked.
    """

    predictions: Predictions
    clipped: int
    columns: Mapping[str, str] = MappingProxyType({})
    class_columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    doubt: str = ""
    said: Said | None = None


def read_scores(
    path: Path, split: str, kind: str, member: str, labelled: bool | None = None, reading: Reading = PLAINLY
) -> ExternalScores:
    """Return the scores of a foreign file as predictions.

    Args:
        path: an .npz with `image_ids`, `classes`, `scores`, `labels` and, where there are
            any, `groups`; or a CSV with a column of ids, one column a class and, where there are any,
            columns of labels and groups.
        kind: "logits"; "probabilities": in [0, 1], each row summing to 1 within 1e-3, or within what rounding
            leaves, or in per cent; "sigmoid": each number in [0, 1]. The latter two are clipped at 1e-7, or where
            they were rounded at a quarter of a step, and their logits centred row by row.
        labelled: whether labels must be there; None: on val and oof only.

    Raises:
        InvalidOptionError: an unknown kind, or a file of another format.
        BadDataError: a file that cannot be used; names the file, the row and the id.
        MisalignedError: other classes than those that are known.
    """
    if kind not in KINDS:
        raise InvalidOptionError(f"Wanted scores of kind {' or '.join(KINDS)}, got {kind!r}.")
    if path.suffix.lower() not in READERS:
        raise InvalidOptionError(f"Wanted a score file of .npz or .csv, got {path}. {WRITE_NPZ}")
    try:
        table = READERS[path.suffix.lower()](path, reading, kind)
    except OSError as error:
        raise BadDataError(f"Cannot read {path}: {error.strerror or error}{beside(path)}") from error
    check_distinct(table.ids, "image id", str(path))
    check_distinct(table.classes, "class", str(path))
    if reading.known and (wrong := differing(table.classes, reading.known)):
        raise MisalignedError(f"{path}: {wrong}")
    check_kind(table.scores, kind, table.ids, table.classes, path)
    wanted = split in LABELLED if labelled is None else labelled
    labels, groups, said = _own_labels(table, reading, wanted, path), table.groups, None
    if reading.truth is not None and wanted and (labels is None or reading.truth.knows(table.ids)):
        predicted = table.scores.argmax(axis=1)
        said = reading.truth.of(table.ids, table.classes, reading.listed, path, reading.labels_are, predicted)
        labels, groups = agreeing(said, labels, table.ids, table.classes, path), groups or said.groups
    if labels is None and wanted:
        raise BadDataError(
            f"{path} has no labels; wanted them for {split}, as `{_label_word(path)}`, or in another file: "
            "--labels FILE."
        )
    logits, clipped = as_logits(table.scores, kind)
    logits32 = logits.astype(np.float32)[None]
    predictions = Predictions(member, split, (IDENTITY,), table.ids, table.classes, logits32, labels, groups)
    doubted = doubt(table.scores, kind)
    return ExternalScores(predictions, clipped, table.columns, table.class_columns, table.left_out, doubted, said)


def _own_labels(table: Table, reading: Reading, wanted: bool, path: Path) -> Labels | None:
    """Return the labels that the file itself holds; None: none, or one text for all that is no class."""
    if table.labels is None:
        return None
    distinct = {str(label) for label in table.labels}
    if not wanted and len(distinct) == 1 and distinct.isdisjoint(table.classes):
        return None  # a test set's empty column, or -1 in every row
    missing = [
        row for row, label in enumerate(table.labels) if str(label) in ("", "nan") and label not in table.classes
    ]
    if missing:
        row = missing[0]
        raise BadDataError(
            f"{path}: row {row + 1}, {table.ids[row]!r}, has no label{_more(missing)}; wanted one for every image. "
            "Fill it in, or leave the image out; of a test set leave the column out."
        )
    predicted = table.scores.argmax(axis=1)
    labels = label_indices(table.labels, table.classes, path, reading.labels_are, table.order, predicted)
    if (labels == NONE).any():
        row = int((labels == NONE).argmax())
        raise BadDataError(
            f"{path}: row {row + 1}, {table.ids[row]!r}, has the label {table.labels[row]!r}, which is none of its "
            f"{len(table.classes)} classes, first {spelled(table.classes[0])}. Correct the label or the classes: each "
            "has a column, called as it is."
        )
    return labels


def _more(rows: Sequence[int]) -> str:
    return f", nor have {len(rows) - 1} more" if len(rows) > 1 else ""


def _label_word(path: Path) -> str:
    return "labels" if path.suffix.lower() == ".npz" else "label"
