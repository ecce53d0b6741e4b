"""A thousand scrambled score files: repaired by name, or refused with the right exit code."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble_kit import csv_text
from ensemble_kit.errors import EnsembleKitError
from ensemble_kit.storage.members import members
from ensemble_kit.storage.members.external_scores import read_scores
from ensemble_kit.storage.members.score_tables import Reading
from ensemble_kit.types import align

IDS = ("0001", "1e5", "NA", "a,b", ' "q"', "two\nlines", "é")
CLASSES = ("ant", "bee", "NA", "7", "eel")
LABELS = np.array([0, 1, 2, 3, 4, 1, 0])
LOGITS = np.random.default_rng(3).normal(size=(7, 5)).astype(np.float32)
BAD_DATA, MISALIGNED = 3, 4


class Sheet:
    """A score file before it is written: rows and columns that a fault can spoil."""

    def __init__(self):
        self.ids, self.classes, self.scores = list(IDS), list(CLASSES), LOGITS.astype(float)
        self.labels = [CLASSES[label] for label in LABELS]

    def take(self, rows, columns):
        self.ids = [self.ids[row] for row in rows]
        self.labels = [self.labels[row] for row in rows]
        self.classes = [self.classes[column] for column in columns]
        self.scores = self.scores[rows][:, columns]

    def write(self, folder, form):
        path = folder / f"val.{form}"
        if form == "npz":
            names = {"image_ids": self.ids, "classes": self.classes, "labels": self.labels}
            np.savez(path, scores=self.scores, **{key: np.array(value, str) for key, value in names.items()})
            return path
        rows = [
            [image_id, *map(repr, numbers), label]
            for image_id, numbers, label in zip(self.ids, self.scores.tolist(), self.labels, strict=True)
        ]
        path.write_bytes(csv_text.render_csv([["image_id", *self.classes, "label"], *rows], path))
        return path


def lose_id(sheet, pick):
    row = pick(len(sheet.ids))
    sheet.take([other for other in range(len(sheet.ids)) if other != row], range(len(sheet.classes)))
    return MISALIGNED


def double_id(sheet, pick):
    sheet.take([*range(len(sheet.ids)), pick(len(sheet.ids))], range(len(sheet.classes)))
    return BAD_DATA


def repeat_name(sheet, pick):
    row = pick(len(sheet.ids))
    sheet.ids[row] = sheet.ids[(row + 1) % len(sheet.ids)]
    return BAD_DATA


def rename_id(sheet, pick):
    row = pick(len(sheet.ids))
    sheet.ids[row] = ["1", "100000.0", "nan", "x" * 211, sheet.ids[row] + " "][pick(5)]
    return MISALIGNED


def lose_class(sheet, pick):
    column = pick(len(sheet.classes))
    sheet.take(range(len(sheet.ids)), [other for other in range(len(sheet.classes)) if other != column])
    return MISALIGNED


def double_class(sheet, pick):
    sheet.take(range(len(sheet.ids)), [*range(len(sheet.classes)), pick(len(sheet.classes))])
    return BAD_DATA


def add_class(sheet, pick):
    sheet.classes.append("yak")
    sheet.scores = np.concatenate([sheet.scores, sheet.scores[:, :1]], axis=1)
    return MISALIGNED


def change_label(sheet, pick):
    row = pick(len(sheet.ids))
    others = [name for name in CLASSES if name != sheet.labels[row] and name in sheet.classes]
    sheet.labels[row] = others[pick(len(others))]
    return MISALIGNED


def unknown_label(sheet, pick):
    sheet.labels[pick(len(sheet.ids))] = "yeti"
    return BAD_DATA


def spoil_number(sheet, pick):
    place = pick(len(sheet.ids)), pick(len(sheet.classes))
    sheet.scores[place] = [np.nan, np.inf, -np.inf, 1e300][pick(4)]
    return BAD_DATA


FAULTS = [
    lose_id,
    double_id,
    repeat_name,
    rename_id,
    lose_class,
    double_class,
    add_class,
    change_label,
    unknown_label,
    spoil_number,
]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    root = tmp_path_factory.mktemp("reference")
    path = Sheet().write(root, "npz")
    return read_scores(path, "val", "logits", "reference").predictions


@pytest.fixture(scope="module", autouse=True)
def quick_disk():
    """Let no platter be waited for: power cuts are not what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def through_the_house(sheet, form, manifest, reference):
    """Write the file, import it, store it, read it back, align it: as `ek members add` and `ek blend` do."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, reading = sheet.write(folder, form), Reading(known=reference.classes)
        read = read_scores(path, "val", "logits", "cnn", reading=reading).predictions
        manifest = manifest(views=("identity",), classes=read.classes)
        members.write_member(folder, manifest, {"val": read})
        held = members.read_predictions(folder / "cnn", "val")
        return [align(pair) for pair in ([reference, held], [held, reference])]


@settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_scrambles_are_repaired_by_name_and_faults_are_refused(data, manifest_of, reference):
    sheet = Sheet()
    sheet.take(data.draw(st.permutations(range(7))), data.draw(st.permutations(range(5))))
    faults = data.draw(st.lists(st.sampled_from(FAULTS), max_size=2, unique=True))
    faults.sort(key=FAULTS.index)  # losing comes before doubling, which it could undo
    codes = {fault(sheet, lambda count: data.draw(st.integers(0, count - 1))) for fault in faults}
    form = data.draw(st.sampled_from(["npz", "csv"]))
    if faults:
        with pytest.raises(EnsembleKitError, match=r"\w") as caught:
            through_the_house(sheet, form, manifest_of, reference)
        assert caught.value.exit_code in codes
        return
    first, second = through_the_house(sheet, form, manifest_of, reference)
    assert (first.ids, first.classes) == (IDS, CLASSES)
    assert np.array_equal(first.logits[1][0], LOGITS)
    assert np.array_equal(first.labels, LABELS)
    assert (second.ids, second.classes) == (tuple(sheet.ids), tuple(sheet.classes))
    assert np.array_equal(second.logits[0], second.logits[1])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("form", ["npz", "csv"])
def test_each_fault_alone_has_its_exit_code(fault, form, manifest_of, reference):
    sheet = Sheet()
    code = fault(sheet, lambda count: count // 2)
    with pytest.raises(EnsembleKitError, match=r"\w") as caught:
        through_the_house(sheet, form, manifest_of, reference)
    assert caught.value.exit_code == code
