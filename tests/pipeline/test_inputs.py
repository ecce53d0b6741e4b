"""What people really bring: CSVs, one folder and a CSV, groups, hostile ids, broken images, config files."""

import csv
import json
import os
import random
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import yaml

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.storage.members.read import read_predictions
from ensemble_kit.storage.runs.runs import find_checkpoint, read_checkpoint

FAST = {
    "arch": "mlp",
    "recipe": "assignment",
    "quiet": True,
    "device": "cpu",
    "epochs": 1,
    "arch_option": {"width": 8},
    "size": 8,
}
WORDS = ["--arch", "mlp", "--epochs", "1", "--arch-option", "width=8", "--size", "8", "--device", "cpu", "--quiet"]


def write(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def typed(*words):
    """Run the command in this process; return its exit code."""
    with pytest.raises(SystemExit) as stop:
        command([str(word) for word in words])
    return stop.value.code


def tensors(name):
    return read_checkpoint(find_checkpoint(Path("runs", name)))[0]


@pytest.fixture
def kaggle(road):
    """One folder of images with numbers for names, and CSVs that tell about them."""
    Path("pool").mkdir()
    rows = {"train": [], "val": [], "test": []}
    for number, path in enumerate(sorted(Path("data").glob("*/*/*.png"))):
        path.rename(f"pool/{number:05d}.png")
        rows[path.parts[1]].append([f"{number:05d}", path.parts[2], f"scene{number % 29}"])
    for number, path in enumerate(sorted(Path("data/test").glob("*.png"))):
        path.rename(f"pool/t{number}.png")
        rows["test"].append([f"t{number}"])
    write("train.csv", ["Id", "Category", "scene"], rows["train"])
    write("val.csv", ["Id", "Category", "scene"], rows["val"])
    write("sample.csv", ["Id", "Category"], [[row[0], "?"] for row in rows["test"][::-1]])
    return rows


KAGGLE = {
    "train_csv": "train.csv",
    "test_csv": "sample.csv",
    "images": "pool",
    "column": {"id": "Id", "label": "Category", "group": "scene"},
}


def test_one_folder_and_one_csv_go_all_the_way_to_a_submission(kaggle):
    report = ek.train(**KAGGLE, val_csv="val.csv", name="k", **FAST)
    assert (report.train_images, report.member.val_images, report.member.test_images) == (150, 60, 37)
    val = read_predictions(Path("predictions/k"), "val")
    assert [list(row) for row in zip(val.ids, [val.classes[i] for i in val.labels], val.groups, strict=True)] == kaggle[
        "val"
    ]
    assert ek.tta("runs/k", quiet=True).computed == ("hflip",)
    blended = ek.blend(["k"], sample="sample.csv", quiet=True)
    written = read(blended.submission_path)
    assert written[0] == ["Id", "Category"]
    assert [row[0] for row in written[1:]] == [row[0] for row in kaggle["test"]][::-1]


def test_the_words_of_the_command_say_the_same(kaggle):
    words = "train --train-csv train.csv --images pool --column id=Id --column label=Category --val-fraction 0.2"
    assert typed(*words.split(), "--group-from", r"\d\d\d(\d\d)", "--name", "k", *WORDS) == 0
    val = read_predictions(Path("predictions/k"), "val")
    assert set(val.groups) == {image_id[3:] for image_id in val.ids}


def test_a_fraction_keeps_groups_whole_and_does_not_depend_on_the_seed_of_training(kaggle):
    for seed in (0, 1):
        ek.train(**KAGGLE, val_fraction=0.25, name=f"k{seed}", seed=seed, **FAST)
    first, second = (read_predictions(Path(f"predictions/k{seed}"), "val") for seed in (0, 1))
    assert first.ids == second.ids
    taken = set(first.groups)
    assert all((row[0] in first.ids) == (row[2] in taken) for row in kaggle["train"])
    ek.train(**KAGGLE, val_fraction=0.25, name="other", split_seed=1, **FAST)
    assert read_predictions(Path("predictions/other"), "val").ids != first.ids


def test_integer_labels_index_the_list_of_classes(kaggle):
    names = sorted({row[1] for row in kaggle["train"]})
    Path("classes.txt").write_text("\n".join(reversed(names)))
    for split in ("train", "val"):
        rows = [[row[0], str(len(names) - 1 - names.index(row[1])), row[2]] for row in kaggle[split]]
        write(f"{split}.csv", ["Id", "Category", "scene"], rows)
    ek.train(**KAGGLE, val_csv="val.csv", classes="classes.txt", name="k", **FAST)
    val = read_predictions(Path("predictions/k"), "val")
    assert val.classes == tuple(reversed(names))
    assert [val.classes[i] for i in val.labels] == [row[1] for row in kaggle["val"]]


def test_two_thousand_hostile_ids_reach_the_submission_byte_for_byte(road):
    draw = random.Random(3)
    ids = dict.fromkeys(
        ["0001", "1", "NA", "nan", "1e5", "a,b", 'q"q', "l\nm", "r\r\nn", "é", unicodedata.normalize("NFD", "é")]
    )
    while len(ids) < 2000:
        ids["".join(draw.choices(" 01eE.,;\"'\n\rNAna\té\u0301中/=-+#", k=draw.randint(1, 9)))] = None
    image = sorted(os.listdir("data/test"))[0]
    write("test.csv", ["image_id", "path"], [[one, image] for one in ids])
    ek.train("data", test_csv="test.csv", images="data/test", name="h", **FAST)
    blended = ek.blend(["h"], quiet=True)
    assert [row[0] for row in read(blended.submission_path)[1:]] == list(ids)
    write("sample.csv", ["image_id", "label"], [[one, "?"] for one in reversed(ids)])
    again = ek.blend(["h"], sample="sample.csv", out="again.csv", quiet=True)
    assert [row[0] for row in read(again.submission_path)[1:]] == list(reversed(ids))


@pytest.fixture
def broken(road):
    """Five images that cannot be read: two of train, one of val, two of test."""
    found = {split: sorted(Path("data", split).rglob("*.png")) for split in ("train", "val", "test")}
    bad = {"train": found["train"][3:5], "val": found["val"][7:8], "test": found["test"][2:4]}
    for path in bad["train"] + bad["val"]:
        path.write_bytes(path.read_bytes()[:60])
    bad["test"][0].write_bytes(b"")
    bad["test"][1].unlink()
    bad["test"][1].symlink_to("nowhere.png")
    return bad


def test_images_that_cannot_be_read_stop_training_unless_they_may_be_skipped(broken):
    with pytest.raises(BadDataError, match=r"(?s)5 of 247 images cannot be used.*--skip-bad"):
        ek.train("data", name="s", **FAST)
    assert not Path("predictions/s").exists()
    report = ek.train("data", name="s", skip_bad=True, **FAST)
    assert (report.train_images, report.member.val_images, report.member.test_images) == (148, 59, 37)
    skipped = json.loads(Path("predictions/s/member.json").read_text())["skipped"]
    assert {split: len(reasons) for split, reasons in skipped.items()} == {"train": 2, "val": 1, "test": 2}
    assert "empty" in skipped["test"][broken["test"][0].name]
    assert "broken link" in skipped["test"][broken["test"][1].name]


def test_a_test_image_that_cannot_be_read_gets_the_most_frequent_class_of_train(broken):
    ek.train("data", name="s", skip_bad=True, **FAST)
    ek.tta("runs/s", quiet=True)
    test = read_predictions(Path("predictions/s"), "test")
    counts = {}
    for path in Path("data/train").glob("*/*.png"):
        counts[path.parent.name] = counts.get(path.parent.name, 0) + (path not in broken["train"])
    shares = np.array([counts[name] + 1 for name in test.classes]) / (sum(counts.values()) + 10)
    for path in broken["test"]:
        for view in test.logits:
            np.testing.assert_allclose(np.exp(view[test.ids.index(path.name)]), shares, rtol=1e-6)
    blended = ek.blend(["s"], quiet=True)
    assert f"2 of the test images could not be read, first '{broken['test'][0].name}'" in " ".join(blended.notes)
    predicted = dict(read(blended.submission_path)[1:])
    assert all(counts[predicted[path.name]] == max(counts.values()) for path in broken["test"])
    assert len(predicted) == 37


def test_a_saved_config_repeats_a_run_to_the_bit(kaggle):
    ek.train(**KAGGLE, val_csv="val.csv", name="k", seed=4, augment="strong", flip=True, threads=1, **FAST)
    saved = yaml.safe_load(Path("runs/k/config.yaml").read_text())
    assert saved["train_csv"] == os.path.join("..", "..", "train.csv")
    assert (saved["seed"], saved["augment"], saved["threads"], saved["size"]) == (4, "strong", 1, 8)
    assert typed("train", "--config", "runs/k/config.yaml", "--name", "again", "--quiet") == 0
    assert {**yaml.safe_load(Path("runs/again/config.yaml").read_text()), "name": "k"} == saved
    one, two = tensors("k"), tensors("again")
    assert all(one[name].numpy().tobytes() == two[name].numpy().tobytes() for name in one)
    assert len({sorted(Path("predictions", name).glob("test-*.npy"))[0].name for name in ("k", "again")}) == 1


def test_what_is_typed_beats_the_file_and_the_file_beats_the_recipe(road):
    Path("my.yaml").write_text(
        "data: data\narch: mlp\nrecipe: strong\nepochs: 2\nlr: 1e-3\narch-option: {width: 8}\nflip: false\n"
    )
    assert typed("train", "--config", "my.yaml", "--epochs", "1", "--size", "8", "--name", "c", "--quiet") == 0
    said = json.loads(Path("predictions/c/member.json").read_text())["training"]["hyperparameters"]
    assert (said["epochs"], said["lr"], said["flip"], said["ema"]) == (1, 1e-3, False, 0.99)


@pytest.mark.parametrize(
    ("text", "message", "code"),
    [
        ("epohcs: 3", "No option in 'my.yaml' is named 'epohcs'; did you mean 'epochs'?", 2),
        ("epochs: 2.5", "'2.5' is not a valid integer", 2),
        ("name: 0123", "name is 83; wanted text (in quotes", 2),
        ("epochs: [1, 2]", "epochs is [1, 2]; wanted one value", 2),
        ("- epochs", "holds list; wanted lines `option: value`", 3),
        ("epochs: {", "is no YAML", 3),
        ("x: !!python/object/apply:os.getcwd []", "is no YAML", 3),
    ],
)
def test_a_config_that_cannot_be_used_is_refused(road, capsys, text, message, code):
    Path("my.yaml").write_text(text)
    assert typed("train", "--config", "my.yaml", "--data", "data") == code
    assert message in " ".join(capsys.readouterr().err.split())
    assert typed("train", "--config", "absent.yaml", "--data", "data") == 2
    assert "Check --config" in capsys.readouterr().err


def test_val_without_a_class_and_groups_in_two_splits_are_said(kaggle, capsys):
    first = kaggle["val"][0][1]
    write("val.csv", ["Id", "Category", "scene"], [row for row in kaggle["val"] if row[1] != first])
    ek.train(**KAGGLE, val_csv="val.csv", name="k", **{**FAST, "quiet": False})
    said = capsys.readouterr().err
    assert f"No val image shows {first}." in said
    assert "29 groups stand in more than one split, first 'scene0'" in said


def test_threads_must_be_there(road):
    with pytest.raises(InvalidOptionError, match="--threads is 0; wanted 1 or more"):
        ek.train("data", threads=0, **FAST)
