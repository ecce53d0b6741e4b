"""`ek blend --tune-on oof`: found on held-out folds of train, measured on val; every step by hand too."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pipeline.family_members import CLASSES, IDS, LABELS, NAMES, TRAIN, VAL, fold_member, rows_of
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.errors import InvalidOptionError, MisalignedError, UnknownNameError
from ensemble_kit.reporting.blend import blended
from ensemble_kit.results.json_text import as_json
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.storage.members.read import read_member
from ensemble_kit.types import Pool

OOF = {"quiet": True, "tune_on": "oof"}
FOLDS = {"cnn": 3, "vit": 2}
STRENGTH = {"cnn": 1.5, "vit": 0.9}
VIEWS = ("identity", "hflip")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of two families, the second with two views, and their logits by member and split."""
    folder = tmp_path_factory.mktemp("families")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return folder, written()


@pytest.fixture
def families(made, tmp_path, monkeypatch):
    """A copy of those families to work in, which is the current folder; their logits."""
    folder, logits = made
    shutil.copytree(folder / "predictions", tmp_path / "predictions")
    monkeypatch.chdir(tmp_path)
    return logits


def written(**facts):
    found = {
        f"cnn-fold-{k}": fold_member("cnn", 3, k, STRENGTH["cnn"], cost={"ms_per_image": 2.0}, **facts)
        for k in (1, 2, 3)
    }
    weighed = {"views": VIEWS, "view_weights": (0.75, 0.25), "cost": {"ms_per_image": 1.0}}
    return found | {f"vit-fold-{k}": fold_member("vit", 2, k, STRENGTH["vit"], **weighed, **facts) for k in (1, 2)}


def merged(logits):
    """One array an image and class, as the fixture weighs views."""
    return logits[0].astype(float) if len(logits) == 1 else 0.75 * logits[0].astype(float) + 0.25 * logits[1]


def oof_by_hand(families):
    """What each family says of train, in the order of its ids."""
    whole = {name: np.zeros((TRAIN, CLASSES)) for name in FOLDS}
    for name, folds in FOLDS.items():
        for k in range(1, folds + 1):
            whole[name][rows_of(folds, k)] = merged(families[f"{name}-fold-{k}"]["oof"])
    return whole


def tuned_by_hand(families, weights="auto", method="logit-sum"):
    whole = oof_by_hand(families)
    pool = Pool(
        tuple(FOLDS),
        (("merged",),) * 2,
        tuple(one[None] for one in whole.values()),
        tuple(IDS["train"]),
        NAMES,
        LABELS["train"],
    )
    return tune(pool, method, weights, [np.ones(1), np.ones(1)])


def scores_by_hand(families, tuned, split):
    total = 0.0
    for name, weight, temperature in zip(FOLDS, tuned.weights, tuned.temperatures, strict=True):
        for k in range(1, FOLDS[name] + 1):
            total = total + weight / FOLDS[name] * merged(families[f"{name}-fold-{k}"][split]) / temperature
    return total


def submitted(path):
    with open(path, newline="") as file:
        return [row["label"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("weights", ["auto", "greedy", "equal"])
def test_the_blend_is_found_on_joined_folds_and_measured_on_val_as_by_hand(families, weights):
    report = ek.blend(weights=weights, **OOF)
    tuned = tuned_by_hand(families, weights)
    assert [one.family for one in report.numbers.families] == ["cnn", "vit"]
    np.testing.assert_allclose([one.weight for one in report.numbers.families], tuned.weights)
    np.testing.assert_allclose([one.temperature for one in report.numbers.families], tuned.temperatures)
    assert report.numbers.blend_temperature == pytest.approx(tuned.blend_temperature)
    for one in report.numbers.families:
        assert [report.numbers.weights[name] for name in one.members] == pytest.approx(
            [one.weight / len(one.members)] * len(one.members)
        )
        assert {report.numbers.temperatures[name] for name in one.members} == {one.temperature}
    scores = scores_by_hand(families, tuned, "val")
    right = scores.argmax(axis=1) == LABELS["val"]
    assert report.honest_accuracy == report.tuned_val_accuracy == pytest.approx(right.mean())
    assert report.this.optimism == 0.0
    low, high = binomtest(int(right.sum()), VAL).proportion_ci(method="wilson")
    assert report.honest_interval == pytest.approx((low, high))
    losses = -log_softmax(scores / tuned.blend_temperature, axis=1)[np.arange(VAL), LABELS["val"]]
    assert report.calibration_after.log_loss == pytest.approx(losses.mean())
    assert (report.procedure.tuned_on, report.evaluated.tuned_images, report.evaluated.val_images) == (
        "oof",
        TRAIN,
        VAL,
    )
    assert submitted(report.submission_path) == [
        NAMES[k] for k in scores_by_hand(families, tuned, "test").argmax(axis=1)
    ]
    on_train = sum(
        w * one / t for w, one, t in zip(tuned.weights, oof_by_hand(families).values(), tuned.temperatures, strict=True)
    )
    assert report.this.tuned_oof_accuracy == pytest.approx((on_train.argmax(axis=1) == LABELS["train"]).mean())


def test_other_votes_are_cast_by_every_member_with_its_familys_temperature(families):
    report = ek.blend(method="prob-mean", weights="cnn=1,vit=3", **OOF)
    tuned = tuned_by_hand(families, {"cnn": 1, "vit": 3}, "prob-mean")
    total = np.zeros((VAL, CLASSES))
    for name, weight, temperature in zip(FOLDS, (0.25, 0.75), tuned.temperatures, strict=True):
        for k in range(1, FOLDS[name] + 1):
            total += weight / FOLDS[name] * softmax(merged(families[f"{name}-fold-{k}"]["val"]) / temperature, axis=1)
    assert report.honest_accuracy == pytest.approx((total.argmax(axis=1) == LABELS["val"]).mean())
    losses = -np.log(total[np.arange(VAL), LABELS["val"]])
    assert report.calibration_after.log_loss == pytest.approx(losses.mean())


def test_a_stack_of_families_gives_each_member_an_equal_part_of_its_rows(families):
    report = ek.blend(weights="stacking", **OOF)
    tuned = tuned_by_hand(families, "stacking")
    total = np.tile(tuned.stack.intercepts, (VAL, 1))
    for number, (name, folds) in enumerate(FOLDS.items()):
        mean = np.mean([merged(families[f"{name}-fold-{k}"]["val"]) for k in range(1, folds + 1)], axis=0)
        total += mean / tuned.temperatures[number] @ tuned.stack.coefficients[number]
    assert report.honest_accuracy == pytest.approx((total.argmax(axis=1) == LABELS["val"]).mean())
    assert blend_store.read_blend(report.blend_path).stack.coefficients.shape == (5, 3, 3)


def test_val_labels_change_the_honest_figure_and_nothing_else(families):
    before = ek.blend(weights="auto", **OOF)
    numbers, labels = blend_store.read_blend(before.blend_path), submitted(before.submission_path)
    written(val_labels=np.random.default_rng(7).permutation(LABELS["val"]))
    after = ek.blend(weights="auto", **OOF)
    again = blend_store.read_blend(after.blend_path)
    assert after.honest_accuracy < before.honest_accuracy - 0.2
    assert after.numbers.families == before.numbers.families
    assert again.blend_temperature == numbers.blend_temperature
    assert [(one.weight, one.temperature) for one in again.members] == [
        (one.weight, one.temperature) for one in numbers.members
    ]
    assert submitted(after.submission_path) == labels
    assert after.best_single.name == before.best_single.name
    assert after.this.tuned_oof_accuracy == before.this.tuned_oof_accuracy


def test_the_best_single_family_is_chosen_on_the_folds_and_measured_on_val(families):
    report = ek.blend(weights="cnn=1,vit=1", **OOF)
    tuned = tuned_by_hand(families, "equal")
    alone = {
        name: np.mean([merged(families[f"{name}-fold-{k}"]["val"]) for k in range(1, folds + 1)], axis=0).argmax(axis=1)
        for name, folds in FOLDS.items()
    }
    assert report.best_single.name == "cnn"
    right = alone["cnn"] == LABELS["val"]
    assert report.best_single.honest_accuracy == report.best_single.tuned_accuracy == pytest.approx(right.mean())
    blend = scores_by_hand(families, tuned, "val").argmax(axis=1) == LABELS["val"]
    first, second = int((blend & ~right).sum()), int((right & ~blend).sum())
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert report.best_single.gain.p == pytest.approx(expected)
    assert report.equal.gain.difference == 0.0
    assert report.verdict.startswith("All families weigh the same. On these ")
    assert "the best single family" in report.verdict


def test_full_measures_every_method_on_val_and_values_families(families):
    report = ek.blend(full=True, certify_seconds=2.0, **OOF)
    assert {one.tuned_val_accuracy == one.honest_accuracy for one in report.full.methods} == {True}
    equal = next(one for one in report.full.methods if (one.method, one.weights_method) == ("logit-sum", "equal"))
    scores = scores_by_hand(families, tuned_by_hand(families, "equal"), "val")
    assert equal.honest_accuracy == pytest.approx((scores.argmax(axis=1) == LABELS["val"]).mean())
    assert {one.member for one in report.full.contributions} == {"cnn", "vit"}
    guess = np.bincount(LABELS["val"]).max() / VAL
    assert sum(one.value for one in report.full.contributions) == pytest.approx(report.honest_accuracy - guess)
    assert report.full.certificate.bound <= TRAIN
    assert report.full.certificate.best >= round(report.this.tuned_oof_accuracy * TRAIN)
    assert report.diversity.equivalent_members is None
    text = blended(report)
    assert max(map(len, text.splitlines())) <= 80
    assert "tuned %" not in text
    assert "cross-fitted" not in text
    assert f"of {TRAIN} held-out images of train right" in " ".join(text.split())


def test_votes_of_families_are_valued_too(families):
    report = ek.blend(method="majority-vote", weights="equal", full=True, certify_seconds=2.0, **OOF)
    guess = np.bincount(LABELS["val"]).max() / VAL
    assert sum(one.value for one in report.full.contributions) == pytest.approx(report.honest_accuracy - guess)
    assert report.calibration_after is None


def test_limits_count_families_and_add_up_what_their_members_take(families):
    report = ek.blend(max_ms=7.0, **OOF)  # cnn takes 3 x 2 ms, vit 2 views of 2 x 1 ms
    assert [one.family for one in report.numbers.families if one.weight > 0] == ["cnn"]
    assert report.numbers.cost_ms == pytest.approx(6.0)
    assert [(cost.ms, cost.members) for cost in report.full.costs] == [(6.0, ("cnn",))]
    mean = np.mean([merged(families[f"cnn-fold-{k}"]["val"]) for k in (1, 2, 3)], axis=0)
    assert report.full.costs[0].honest_accuracy == pytest.approx((mean.argmax(axis=1) == LABELS["val"]).mean())
    assert "families  honest %" in blended(report)
    one = ek.blend(max_members=1, name="one", **OOF)
    assert sorted(each.weight > 0 for each in one.numbers.families) == [False, True]


def test_a_blend_says_what_it_was_tuned_on_and_its_name_its_line_and_its_comparison_know_it(families):
    report = ek.blend(**OOF)
    assert report.name == "logit-sum-auto-oof"
    saved = blend_store.read_blend(report.blend_path)
    assert saved.tuned_on == saved.settings["tune_on"] == "oof"
    assert json.loads(as_json(report))["tuned_on"] == "oof"
    beside = ek.blend(weights="equal", quiet=True)
    assert (beside.procedure.tuned_on, beside.numbers.families, beside.this.tuned_oof_accuracy) == ("val", (), None)
    assert blend_store.read_blend(beside.blend_path).tuned_on == "val"
    assert beside.evaluated.ledger_trials == 2
    assert ek.blend(**OOF).evaluated.ledger_trials == 2
    compared = ek.compare("logit-sum-auto-oof", "cnn-fold-1", quiet=True)
    assert compared.a_score == pytest.approx(report.honest_accuracy)
    fold_member("cnn", 3, 1, 1.1)
    with pytest.raises(Exception, match="--tune-on oof --name logit-sum-auto-oof cnn-fold-1"):
        ek.compare("logit-sum-auto-oof", "cnn-fold-2", quiet=True)


def test_what_val_decided_is_said(families):
    written(val_used_for=("epoch",), view_choice="auto")
    notes = " ".join(ek.blend(**OOF).notes)
    assert "val chose the view weights of vit-fold-1, vit-fold-2, so its figures flatter" in notes
    assert "members were chosen on this val: cnn-fold-1" in notes
    written(view_choice="equal")
    assert "view weights" not in " ".join(ek.blend(**OOF).notes)
    assert "view weights" not in " ".join(ek.blend(weights="equal", quiet=True).notes)


def test_few_held_out_images_give_equal_weights_and_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for fold in (1, 2):
        for family in ("cnn", "vit"):
            fold_member(family, 2, fold, 1.0, rows=np.arange(fold - 1, 46, 2))
    report = ek.blend(**OOF)
    assert set(report.numbers.temperatures.values()) == {1.0}
    assert "46 images of train were held out, too few" in " ".join(report.notes)


def test_a_lone_family_is_a_blend_of_its_folds(families):
    report = ek.blend(["cnn"], **OOF)
    assert report.numbers.members == ("cnn-fold-1", "cnn-fold-2", "cnn-fold-3")
    assert report.verdict == "Only one family: weights are trivial."
    assert "family" in blended(report)


def test_the_command_line_says_the_same(families):
    done = CliRunner().invoke(command, ["blend", "cnn", "vit", "--tune-on", "oof", "--quiet", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["honest_accuracy"] == ek.blend(**OOF).honest_accuracy
    text = CliRunner().invoke(command, ["blend", "--tune-on", "oof"])
    assert "Tuning 2 families on 211 held-out images of train; measuring on 101 val images" in text.stderr
    assert "211 images of train, each by the networks" in " ".join(text.stdout.split())


def test_a_member_without_a_held_out_fold_is_named(families):
    one = read_member(Path("predictions/cnn-fold-1"))
    for name in ("whole", "plain"):
        manifest = replace(one.manifest, name=name, family=None, training={}, files={})
        splits = {split: replace(one.splits[split], member=name) for split in ("val", "test")}
        write_member(Path("predictions"), manifest, splits)
    with pytest.raises(
        InvalidOptionError, match="no held-out fold of train was kept for 'plain', 'whole'. Train them by"
    ):
        ek.blend(**OOF)
    ek.blend(["cnn", "vit"], **OOF)
    on_val = ek.blend(weights="equal", quiet=True)
    assert len(on_val.numbers.members) == 7  # tuned on val they are members like any other


@pytest.mark.parametrize(
    ("change", "asked", "error", "message"),
    [
        (
            lambda: None,
            ["cnn-fold-1", "cnn-fold-3"],
            InvalidOptionError,
            "'cnn' lacks fold 2 of 3, so .* --folds 3 --fold 2",
        ),
        (lambda: None, ["cnm"], UnknownNameError, "did you mean 'cnn'"),
        (
            lambda: fold_member("vit", 2, 1, 1.0, rows=np.arange(2, TRAIN, 2)),
            [],
            MisalignedError,
            r"'cnn' \(cnn-fold-1, cnn-fold-2, cnn-fold-3\) held out 211 .* 'vit' \(vit-fold-1, vit-fold-2\) 210; "
            "first that only 'cnn' has: 'train-000'.*Train both on the same images",
        ),
        (
            lambda: fold_member("vit", 2, 1, 1.0, rows=np.arange(0, TRAIN, 1)),
            [],
            MisalignedError,
            "'vit-fold-1' and 'vit-fold-2' of family 'vit' both held out 'train-001'",
        ),
        (
            lambda: fold_member("vit", 2, 1, 1.0, labels=(LABELS["train"][rows_of(2, 1)] + 1) % 3),
            [],
            MisalignedError,
            "'vit' and 'cnn' disagree about 106 oof labels; first: 'train-000'",
        ),
        (
            lambda: fold_member("vit", 3, 1, 1.0, name="vit-more", rows=np.arange(3)),
            [],
            InvalidOptionError,
            "'vit-fold-1' and 'vit-more' of family 'vit'|family 'vit-more' lacks fold 2, 3 of 3",
        ),
    ],
)
def test_families_that_do_not_fit_are_refused_by_name(families, change, asked, error, message):
    change()
    with pytest.raises(error, match=message):
        ek.blend(asked, **OOF)
    assert not Path("blends").exists()


def test_only_val_and_oof_can_be_tuned_on(families):
    with pytest.raises(InvalidOptionError, match="--tune-on: wanted val or oof, got 'test'"):
        ek.blend(tune_on="test", quiet=True)
