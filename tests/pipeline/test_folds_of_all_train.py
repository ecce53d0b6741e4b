"""A competitor's road: train and test alone, all of train folded, through every command; never a word of val."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.storage.members.commit import read_manifest
from ensemble_kit.storage.members.read import read_member

FAST = {"quiet": True, "device": "cpu"}
TRAIN, TEST = 140, 23
RUNS = ("mlp-fold-1", "mlp-fold-2", "cnn-fold-1", "cnn-fold-2")


@pytest.fixture(scope="module")
def walked_without_val(tmp_path_factory):
    """A working folder: two families of two folds, one with views; a blend."""
    folder = tmp_path_factory.mktemp("no-val")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ek.demo_data("data", train=TRAIN, val=10, test=TEST, size=16, quiet=True)
        shutil.rmtree("data/val")
        ek.train("data", "mlp", folds=2, epochs=2, **FAST)
        ek.train("data", "cnn", folds=2, epochs=2, lr=2e-3, arch_option={"width": 8}, **FAST)
        for name in RUNS[:2]:
            ek.tta(f"runs/{name}", views="flips", choose="equal", **FAST)
        ek.blend(quiet=True, name="both")
    return folder


@pytest.fixture
def here(walked_without_val, tmp_path, monkeypatch):
    """A copy of it to work in."""
    shutil.copytree(walked_without_val, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")


def test_folds_hold_out_all_of_train_once_and_no_member_has_val(here):
    for family in ("mlp", "cnn"):
        members = [read_member(Path("predictions", f"{family}-fold-{k}")) for k in (1, 2)]
        assert {tuple(sorted(member.splits)) for member in members} == {("oof", "test")}
        ids = [image_id for member in members for image_id in member.split("oof").ids]
        assert sorted(ids) == sorted(str(path.relative_to("data/train")) for path in Path("data/train").glob("*/*"))
        assert {member.manifest.val_used_for for member in members} == {()}
        assert {tuple(sorted(member.manifest.data_fingerprint)) for member in members} == {("oof", "test", "train")}


def test_what_a_held_out_fold_decided_in_training_is_recorded(here):
    ek.train("data", "mlp", name="kept", folds=2, fold=1, epochs=2, keep="best", patience=1, **FAST)
    assert read_manifest(Path("predictions/kept-fold-1")).val_used_for == ("epoch", "early stop")


def test_views_are_evaluated_on_the_fold_that_was_held_out(here):
    report = ek.tta("runs/cnn-fold-2", views="hflip", choose="auto", **FAST)
    oof = read_member(Path("predictions/cnn-fold-2")).split("oof")
    assert (report.judged_on, report.val_images) == ("oof", len(oof.ids))
    alone = [float((logits.argmax(axis=1) == oof.labels).mean()) for logits in oof.logits]
    assert [one.val_accuracy for one in report.views] == pytest.approx(alone)


def test_the_submission_is_the_mean_over_folds_of_what_the_networks_say_of_test(here):
    made = ek.blend(["mlp"], weights="equal", name="mlp-only", quiet=True)
    said = [read_member(Path("predictions", name)).split("test") for name in RUNS[:2]]
    mean = np.mean([one.logits.astype(float).mean(axis=0) for one in said], axis=0)
    with open(made.submission_path, newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    assert labels == [said[0].classes[place] for place in mean.argmax(axis=1)]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("members", "held-out images of train"),
        ("members --metric macro-f1 --json", '"judged_on": "oof"'),
        ("tta --ckpt runs/cnn-fold-1 --views hflip --device cpu", "on 70 held-out images of train"),
        ("blend --name again", f"cross-fitted on the {TRAIN} out-of-fold images of train"),
        ("blend --tune-on oof --weights equal --full --certify-seconds 1 --name full", "of 140 held-out images"),
        ("blend cnn --max-ms 100 --name one", "on oof"),
        ("compare mlp cnn", f"On these {TRAIN} held-out images of train"),
        ("compare both mlp", "accuracy on oof"),
        ("report both", "The honest estimate of blend 'both'"),
        ("predict both data/test --out new.csv --device cpu", f"{TEST} images by blend 'both'"),
        ("predict both data/test --out new.csv --accuracy 0.2 --device cpu", "images"),
        ("predict --ckpt runs/mlp-fold-1 data/test --out new.csv --accuracy 0.2 --device cpu", "images"),
        ("predict --ckpt runs/mlp-fold-1 data/test --out new.csv --early-exit 0.1 --device cpu", "images"),
        ("submit both", "If test is like train"),
        ("export both --size 16", "Checked on 100 images"),
        ("train --data data --folds 2 --arch mlp --epochs 1 --name other --device cpu", "Next: ek blend other"),
        ("train --data data --folds 2 --fold 1 --arch mlp --epochs 2 --cycles 2 --name s --device cpu", "s-fold-1"),
        ("doctor", "findings"),
    ],
)  # fmt: skip
def test_every_command_copes_and_speaks_of_what_was_held_out(here, words, wanted):
    done = CliRunner().invoke(command, words.split())
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert wanted in said
    if "--json" not in words:
        assert not re.search(r"\bval\b", said.replace("no val", ""), re.IGNORECASE), said
        assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_page_speaks_of_what_was_held_out_and_shows_images_of_train(here):
    page = ek.report("both", quiet=True)
    text = re.sub(r"<style.*?</style>|data:image[^\"]*", "", page.html.read_text(), flags=re.DOTALL)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert "held-out images of train" in said
    assert not re.search(r"\bval\b", said.replace("no val", ""))
    assert page.pictures_note is None
    assert not page.pictures_changed
    assert json.loads(page.json.read_text())["blend"]["judged_on"] == "oof"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            "predict both data/test --out new.csv --early-exit 0.1",
            2,
            "have no val: each training image has the logits of one fold",
        ),
        ("blend --tune-on val", 2, "--tune-on val: no val in members 'cnn-fold-1', 'cnn-fold-2'"),
        ("blend mlp-fold-1", 2, "family 'mlp' lacks fold 2 of 2"),
        ("soup mlp-fold-1 mlp-fold-2 --name soup", 4, "folds are blended: ek blend"),
        ("train --data data --arch mlp", 2, "or fold all of train: ek train --folds 5"),
    ],
)
def test_what_needs_val_says_so(here, words, code, message):
    done = CliRunner().invoke(command, words.split())
    assert done.exit_code == code, done.output
    assert message in " ".join(done.output.split())


def test_snapshots_of_one_fold_make_a_soup_evaluated_on_that_fold(here):
    ek.train("data", "mlp", name="snap", folds=2, fold=1, epochs=4, cycles=2, **FAST)
    made = ek.soup(["snap-fold-1", "snap-fold-1-cycle-1"], "soup", method="greedy", **FAST)
    assert made.member.judged_on == "oof"
    assert made.member.val_used_for == ("soup",)


def test_one_csv_and_its_images_are_enough(here):
    ids = sorted(str(path.relative_to("data/train")) for path in Path("data/train").glob("*/*"))
    with open("train.csv", "w", newline="") as file:
        csv.writer(file).writerows([["image_id", "label"], *((one, one.split("/")[0]) for one in ids)])
    ek.train(train_csv="train.csv", images="data/train", arch="mlp", name="from-csv", folds=2, epochs=1, **FAST)
    blended = ek.blend(["from-csv"], quiet=True)
    assert (blended.evaluated.judged_on, blended.evaluated.val_images) == ("oof", TRAIN)
    assert blended.submission_path is None
