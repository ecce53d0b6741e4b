"""Classes that are called by numbers, as ek reads them from folders (0, 1, 10, 11, 2, ...): no reading is guessed."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError
from ensemble_kit.pipeline.members.label_order import renamed_right

CLASSES = tuple(sorted(map(str, range(12))))  # in the order of text
IMAGES = 120
RANDOM = np.random.default_rng(0)
PLACES = RANDOM.permutation(np.arange(IMAGES) % 12)
NAMES = [CLASSES[place] for place in PLACES]
IDS = [f"{row:04d}" for row in range(IMAGES)]
LOGITS = RANDOM.normal(size=(IMAGES, 12))
LOGITS[np.arange(IMAGES), np.where(np.arange(IMAGES) < 108, PLACES, (PLACES + 1) % 12)] += 9  # 90 % are right


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("classes.txt").write_text("\n".join(CLASSES))


def write_csv(path, labels=None, classes=CLASSES, logits=LOGITS):
    columns = [IDS, *logits.T] + ([] if labels is None else [labels])
    with open(path, "w", newline="") as file:
        header = ["id", *classes] + ([] if labels is None else ["label"])
        csv.writer(file).writerows([header, *zip(*columns, strict=True)])


def by_npz(labels):
    arrays = {"image_ids": np.array(IDS), "classes": np.array(CLASSES), "scores": LOGITS}
    np.savez("val.npz", **arrays, labels=np.array(labels))
    return {"val": "val.npz"}


def by_csv(labels):
    write_csv("val.csv", labels)
    return {"val": "val.csv"}


def by_labels(labels):
    write_csv("scores.csv")
    Path("train.csv").write_text("id,label\n" + "".join(f"{a},{b}\n" for a, b in zip(IDS, labels, strict=True)))
    return {"val": "scores.csv", "labels": "train.csv"}


def by_labels_and_list(labels):
    return {**by_labels(labels), "classes": "classes.txt"}


WAYS = [by_npz, by_csv, by_labels, by_labels_and_list]


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize(
    ("labels", "said"),
    [(list(map(int, NAMES)), "names"), ([float(name) for name in NAMES], "names"), (PLACES.tolist(), "places")],
)
def test_whole_numbers_are_asked_for_and_then_taken_as_was_said(write, labels, said):
    files = write(labels)
    with pytest.raises(BadDataError, match=r"As names the scores are right for .* --labels-are names, or --labels-are"):
        ek.members_add("vit", kind="logits", **files)
    assert not Path("predictions/vit").exists()
    report = ek.members_add("vit", kind="logits", **files, labels_are=said)
    assert report.val_accuracy == pytest.approx(0.9)
    assert report.notes == ()


def test_the_command_line_asks_and_takes_the_answer():
    by_npz(list(map(int, NAMES)))
    words = ["members", "add", "vit", "--kind", "logits", "--val", "val.npz"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 3
    assert "As names the scores are right for 90.0 %" in " ".join(done.stderr.split())
    assert CliRunner().invoke(command, [*words, "--labels-are", "names"]).exit_code == 0


def test_a_label_that_is_no_place_settles_it():
    labels = list(map(int, NAMES))
    numbers = {12 if name == 0 else name for name in labels}
    assert 12 in numbers
    renamed = [12 if name == 0 else name for name in labels]
    write_csv("val.csv", renamed, ["12" if name == "0" else name for name in CLASSES])
    assert ek.members_add("vit", kind="logits", val="val.csv").val_accuracy == pytest.approx(0.9)


@pytest.mark.parametrize(("said", "note"), [("names", ()), ("places", "classes-in-another-order")])
def test_the_wrong_answer_is_told_by_its_figures(said, note):
    report = ek.members_add("vit", kind="logits", **by_npz(list(map(int, NAMES))), labels_are=said)
    if note:
        assert report.val_accuracy < 0.5
        [told] = report.notes
        assert told.startswith("val: ")
        assert "would be were classes renamed" in told
    else:
        assert report.notes == ()


def test_fewer_right_than_by_chance_is_told():
    arrays = {"image_ids": np.array(IDS), "classes": np.array(CLASSES), "labels": np.array(NAMES)}
    np.savez("val.npz", **arrays, scores=-LOGITS)
    [told] = ek.members_add("turned", kind="logits", val="val.npz", labels_are="names").notes
    assert "fewer than the" in told


@pytest.mark.parametrize("right", [0.1, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("classes", [2, 10, 43])
def test_an_honest_member_is_not_spoken_ill_of(right, classes):
    """Whatever share is right, and where some classes are predicted far more often than others."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = random.integers(classes, size=97)
        guess = np.minimum(random.geometric(0.3, size=97) - 1, classes - 1)
        predicted = np.where(random.random(97) < right, labels, guess)
        ids = tuple(map(str, range(97)))
        renamed = renamed_right(predicted, labels, ids, classes)
        assert renamed.mean() < max((predicted == labels).mean() + 0.1, np.bincount(labels).max() / 97 + 0.1)


def test_train_asks_too_where_classes_are_listed():
    from ensemble_kit.images import Source, read_source

    rows = "".join(f"{one},{name}\n" for one, name in zip(IDS, NAMES, strict=True))
    Path("train.csv").write_text("image_id,label\n" + rows)
    for one in IDS:
        Path(one).touch()
    source = {"train_csv": "train.csv", "val_fraction": 0.5}
    listed = {**source, "classes": "classes.txt"}
    with pytest.raises(BadDataError, match="names of classes or places in their list.*--labels-are names"):
        read_source(Source.of(listed))
    names = read_source(Source.of({**listed, "labels_are": "names"}))
    assert [names.classes[place] for place in names.splits["train"].labels] == [
        NAMES[IDS.index(one)] for one in names.splits["train"].ids
    ]
    places = read_source(Source.of({**listed, "labels_are": "places"}))
    assert [places.classes[place] for place in places.splits["train"].labels] == [
        CLASSES[int(NAMES[IDS.index(one)])] for one in places.splits["train"].ids
    ]
    assert read_source(Source.of(source)).classes == CLASSES
