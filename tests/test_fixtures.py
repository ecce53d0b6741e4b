"""What earlier versions wrote still opens, and says what it said then. See fixtures/README.md.

Only what is fitted anew (weights, temperatures, honest figures) is held to fixtures/today.json: fits were changed on
purpose since, and no file keeps a fit that is yet to be made. Temperatures are those of scipy besides.
"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from temperature_by_scipy import log_temperature

import ensemble_kit
from ensemble_kit.cli import ek

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
BLENDS = EXPECTED["blends"]
TODAY = json.loads((FIXTURES / "today.json").read_text(encoding="utf-8"))
LOGITS = 1e-4  # how far logits may lie apart on another machine
AUTO = "auto --data data --minutes 1 --no-pretrained --no-flip --device cpu --plan"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A copy of the old working folder; it is the current folder."""
    shutil.copytree(FIXTURES / "working-folder", tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old"


def run(typed):
    return CliRunner().invoke(ek, typed.split())


def said(typed):
    """What a command prints as JSON."""
    done = run(f"{typed} --json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def read_member(name):
    return json.loads(Path("predictions", name, "member.json").read_text(encoding="utf-8"))


def read_logits(name, split):
    """The logits of a member, as a stranger reads them: predictions/README.md."""
    file = read_member(name)["files"][split]["logits"]["file"]
    return np.load(Path("predictions", name, file), allow_pickle=False)


def read_rows(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_ids(name, split):
    rows = read_rows(Path("predictions", name, read_member(name)["files"][split]["rows"]["file"]))
    return [row["image_id"] for row in rows]


def test_members_are_as_good_as_they_were():
    assert {one.name: one.val_accuracy for one in ensemble_kit.members().members} == EXPECTED["members"]
    listed = said("members")["members"]
    assert {one["name"]: one["val_accuracy"] for one in listed} == EXPECTED["members"]


def test_nothing_is_found_damaged():
    assert said("members --verify")["verified"] > 0
    done = run("doctor")
    assert done.exit_code == 0, done.output


def temperature_by_scipy(name):
    """The temperature on val of a member of equal views; a typical image's span is 0.4 nats at the least."""
    scores = read_logits(name, "val").astype(np.float64).mean(axis=0)
    file, classes = Path("predictions", name, read_member(name)["files"]["val"]["rows"]["file"]), ["ada", "bea", "cato"]
    best = np.exp(log_temperature(scores, np.array([classes.index(row["label"]) for row in read_rows(file)])))
    return min(best, np.sort(np.ptp(scores, axis=1))[(len(scores) - 1) // 2] / 0.4)


@pytest.mark.parametrize("name", BLENDS)
def test_old_members_blended_again_give_the_blend_of_today(name):
    old, today = BLENDS[name], TODAY[name]
    path = Path("submissions", f"{name}.csv")
    rows = read_rows(path)
    new = said(f"blend {old['typed']} --name {name} --replace --quiet")
    assert new["method"] == old["method"]
    for figure in ("weights", "temperatures", "honest_accuracy", "tuned_val_accuracy"):
        assert new[figure] == pytest.approx(today[figure], rel=0, abs=1e-6), figure
    if "--tune-on oof" not in old["typed"]:
        wanted = {member: temperature_by_scipy(member) for member in new["temperatures"]}
        assert new["temperatures"] == pytest.approx(wanted, rel=1e-6)
    for row in rows:
        row["label"] = today["other_rows"].get(row["image_id"], row["label"])
    assert read_rows(path) == rows


@pytest.mark.parametrize("name", ["by-hand", "stacked"])
def test_weights_that_no_fit_can_move_are_the_old_ones(name):
    new = said(f"blend {BLENDS[name]['typed']} --name {name} --replace --quiet")
    assert new["weights"] == pytest.approx(BLENDS[name]["weights"], rel=0, abs=1e-6)
    assert new["tuned_val_accuracy"] == pytest.approx(BLENDS[name]["tuned_val_accuracy"], rel=0, abs=1e-6)


@pytest.mark.parametrize("name", EXPECTED["classes"])
def test_an_old_blend_predicts_the_classes_that_it_predicted(name):
    said(f"predict --blend {name} data/test --out new.csv --device cpu --quiet")
    assert {row["image_id"]: row["label"] for row in read_rows("new.csv")} == EXPECTED["classes"][name]


@pytest.mark.parametrize(
    ("first", "second"),
    [("logit-sum-auto", "voted"), ("searched", "with-outside"), ("on-oof", "outside-on-oof"), ("stacked", "by-hand")],
)
def test_old_blends_compare_by_their_honest_figures(first, second):
    """What was tuned on oof is scored on val with the weights in its file; what was tuned on val is fitted anew."""
    found = said(f"compare {first} {second}")
    kept = {name: BLENDS if "--tune-on oof" in BLENDS[name]["typed"] else TODAY for name in (first, second)}
    wanted = [figures[name]["honest_accuracy"] for name, figures in kept.items()]
    assert [found["a_score"], found["b_score"]] == pytest.approx(wanted, rel=0, abs=1e-6)


@pytest.mark.parametrize("name", ["logit-sum-auto", "voted", "outside-on-oof"])
def test_an_old_blend_has_a_report(name):
    said(f"report {name} --quiet")
    assert Path("reports", f"{name}.html").stat().st_size > 0


def test_the_submissions_that_were_handed_in_are_remembered():
    listed = said("submissions")["submissions"]
    assert [one["name"] for one in listed] == ["logit-sum-auto", "by-hand"]  # the one withdrawn does not count
    for one in listed:
        old = EXPECTED["submissions"][one["name"]]
        assert {key: one[key] for key in old} == old


def test_the_old_ledger_takes_another_score_and_another_submission():
    said("submissions told by-hand 0.5")
    said("submit --blend on-oof --sample submissions/on-oof.csv --quiet")
    public = {one["name"]: one["public"] for one in said("submissions")["submissions"]}
    assert public == {"logit-sum-auto": 0.75, "by-hand": 0.5, "on-oof": None}


def test_what_was_handed_in_before_is_not_handed_in_twice():
    done = run("submit --blend logit-sum-auto --sample submissions/logit-sum-auto.csv --quiet")
    assert done.exit_code == 2
    assert "--again" in done.output


def test_an_old_checkpoint_looks_once_more_and_old_views_stay():
    before = {split: read_logits("cnn", split) for split in ("val", "test")}
    said("tta --ckpt runs/cnn --views hflip,scale@1.1,rot90 --device cpu --quiet")
    assert read_member("cnn")["views"] == ["identity", "hflip", "scale@1.1", "rot90"]
    for split, logits in before.items():
        assert (read_logits("cnn", split)[:3] == logits).all()


def test_an_old_checkpoint_still_computes_the_logits_that_it_computed():
    before = {split: read_logits("cnn", split) for split in ("val", "test")}
    said("tta --ckpt runs/cnn --views hflip,scale@1.1 --choose equal --replace --device cpu --quiet")
    for split, logits in before.items():
        np.testing.assert_allclose(read_logits("cnn", split), logits, rtol=0, atol=LOGITS)


def test_an_old_unfinished_run_is_gone_on_with_to_its_end():
    old = read_rows("runs/stopped/metrics.csv")
    said("train --config runs/stopped/unfinished.yaml --resume --quiet")
    new = read_rows("runs/stopped/metrics.csv")
    assert len(old) < len(new) == 100
    assert new[: len(old)] == old
    assert not list(Path("runs/stopped").glob("state-*"))
    assert read_ids("stopped", "val") == read_ids("cnn", "val")


def test_an_old_config_trains_the_same_member_again():
    said("train --config runs/mlp/config.yaml --name again --quiet")
    for split in ("val", "test"):
        assert read_ids("again", split) == read_ids("mlp", split)
        np.testing.assert_allclose(read_logits("again", split), read_logits("mlp", split), rtol=0, atol=LOGITS)


@pytest.mark.parametrize("fold", [1, 2])
def test_an_old_config_holds_out_the_same_fold(fold):
    name = f"folded-mlp-fold-{fold}"
    said(f"train --config runs/{name}/config.yaml --name again --family again --epochs 1 --quiet")
    again = next(path.name for path in Path("predictions").glob("again*"))
    assert read_ids(again, "oof") == read_ids(name, "oof")


def test_scores_that_were_brought_in_are_brought_in_the_same():
    said("members add again --kind probabilities --val outside/val.csv --test outside/test.csv")
    for split in ("val", "test"):
        assert (read_logits("again", split) == read_logits("outside", split)).all()


def test_an_old_budget_knows_what_is_done():
    done = {one["name"]: one["done"] for one in said(f"{AUTO} --quiet")["plan"]}
    assert done["auto-cnn-deep-0"]
