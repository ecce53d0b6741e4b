"""`ek blend` on members that are imported and small, so that what it says can be worked out by hand."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import betabinom, binomtest

import ensemble_kit as ek
from ensemble_kit.ensembling.weights.stacking import ROWS_A_VOTE
from ensemble_kit.errors import InvalidOptionError, UnknownNameError
from ensemble_kit.reporting.blend import blended
from ensemble_kit.results import as_json
from ensemble_kit.storage import blends as blend_store

IMAGES, TEST, CLASSES = 101, 13, 3
QUIET = {"quiet": True}
TOY = Path(ek.__file__).parents[1] / "predictions" / "toy"


def add(name, logits, labels, test):
    ids, test_ids = ([f"{split}-{place:03d}" for place in range(n)] for split, n in (("val", IMAGES), ("test", TEST)))
    classes = np.array([f"class-{place}" for place in range(CLASSES)])
    names = classes[labels]
    np.savez("val.npz", image_ids=np.array(ids), classes=classes, scores=logits, labels=names)
    np.savez("test.npz", image_ids=np.array(test_ids), classes=classes, scores=test)
    ek.members_add(name, val="val.npz", test="test.npz", kind="logits")


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """Four imported members of which one knows nothing; their val logits and labels."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    labels = random.integers(CLASSES, size=IMAGES)
    logits = {}
    for name, strength in (("good", 2.5), ("better", 3.0), ("fair", 1.5), ("nothing", 0.0)):
        logits[name] = strength * np.eye(CLASSES)[labels] + random.normal(size=(IMAGES, CLASSES))
        add(name, logits[name], labels, random.normal(size=(TEST, CLASSES)))
    return logits, labels


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The committed members, whose cost was measured."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TOY, "predictions")


def test_gains_are_paired_and_tested_as_scipy_does(pool):
    report = ek.blend(weights="good=1", **QUIET)
    logits, labels = pool
    alone = logits["good"].argmax(axis=1) == labels
    assert report.tuned_val_accuracy == report.honest_accuracy == pytest.approx(alone.mean())
    assert report.this.optimism == pytest.approx(0)
    assert report.equal.gain.difference == pytest.approx(report.honest_accuracy - report.equal.honest_accuracy)
    low, high = report.equal.gain.interval
    assert low < report.equal.gain.difference < high


def test_what_to_expect_on_test_is_wider_than_the_interval_by_what_test_varies_itself(pool):
    report = ek.blend(weights="good=1", **QUIET)
    right = report.honest_accuracy * IMAGES
    law = betabinom(TEST, right + 0.5, IMAGES - right + 0.5)  # Jeffreys' prior
    assert report.evaluated.test_images == TEST
    assert report.expected_on_test == pytest.approx(tuple(law.ppf([0.025, 0.975]) / TEST))
    told = " ".join(blended(report).split())
    low, high = (f"{100 * bound:.1f}" for bound in report.expected_on_test)
    assert f"If test is like val, expect {low} to {high} % on its {TEST} images (95 of 100 times)" in told
    assert json.loads(as_json(report))["expected_on_test"] == list(report.expected_on_test)


def test_of_other_metrics_and_without_test_images_nothing_is_expected_on_test(pool):
    assert "If test is like" not in blended(ek.blend(metric="macro-f1", **QUIET))
    for name in ("good", "better", "fair", "nothing"):
        ek.members_add(name, val="val.npz", kind="logits", replace=True)
    report = ek.blend(**QUIET)
    assert (report.expected_on_test, report.evaluated.test_images) == (None, None)
    assert "If test is like" not in blended(report)


def test_a_blend_of_one_against_the_best_single_is_the_binomial_test(pool):
    report = ek.blend(["good", "better"], weights="good=1", **QUIET)
    logits, labels = pool
    good, better = (logits[name].argmax(axis=1) == labels for name in ("good", "better"))
    assert report.best_single.name == "better"
    first, second = int((good & ~better).sum()), int((better & ~good).sum())
    assert report.best_single.honest_accuracy == pytest.approx(better.mean())  # chosen in every fold
    assert report.best_single.gain.p == pytest.approx(binomtest(first, first + second).pvalue)
    low, high = report.best_single.gain.interval
    wald = 1.959964 * np.sqrt(first + second - (first - second) ** 2 / IMAGES) / IMAGES
    assert wald < (high - low) / 2 < 1.1 * wald


def test_calibration_before_is_that_of_the_raw_logits(pool):
    report = ek.blend(weights="fair=1", **QUIET)
    logits, labels = pool
    chances = softmax(logits["fair"].astype(np.float32).astype(float), axis=1)
    assert report.calibration_before.brier == pytest.approx(((chances - np.eye(CLASSES)[labels]) ** 2).sum(1).mean())
    assert report.calibration_before.log_loss == pytest.approx(-np.log(chances[np.arange(IMAGES), labels]).mean())
    votes = ek.blend(method="majority-vote", weights="equal", **QUIET)
    assert votes.calibration_before is votes.calibration_after is votes.diversity.equivalent_members is None


def test_diversity_is_counted_by_hand(pool):
    report = ek.blend(["good", "fair"], weights="equal", **QUIET)
    logits, labels = pool
    good, fair = (logits[name].argmax(axis=1) == labels for name in ("good", "fair"))
    assert report.diversity.disagreement == pytest.approx((good != fair).mean())
    assert report.diversity.double_fault == pytest.approx((~good & ~fair).mean())
    assert report.diversity.oracle_accuracy == pytest.approx((good | fair).mean())


def test_members_that_are_nearly_the_same_network_are_named(pool):
    logits, labels = pool
    add("copy", 0.5 * logits["good"].astype(np.float16), labels, np.zeros((TEST, CLASSES)))
    report = ek.blend(**QUIET)
    assert report.diversity.near_duplicates == (("copy", "good"),)
    assert "'copy' and 'good' are nearly the same network" in " ".join(report.notes)


def test_every_p_value_is_also_said_for_all_configurations(pool):
    for weights in ("equal", "greedy", "auto"):
        report = ek.blend(weights=weights, **QUIET)
    assert report.evaluated.ledger_trials == 3
    assert "for 3 configurations tried" in report.verdict


def test_other_settings_are_other_configurations(pool):
    assert ek.blend(weights="greedy", **QUIET).evaluated.ledger_trials == 1
    assert ek.blend(weights="greedy", bags=3, **QUIET).evaluated.ledger_trials == 2
    assert ek.blend(weights="greedy", bags=3, **QUIET).evaluated.ledger_trials == 2
    assert ek.blend(weights="greedy", max_members=2, **QUIET).evaluated.ledger_trials == 3


def test_at_most_so_many_members_get_weight_and_the_blend_says_how_it_was_asked(pool):
    report = ek.blend(max_members=2, name="two", **QUIET)
    assert {name for name, weight in report.numbers.weights.items() if weight > 0} <= {"good", "better"}
    assert blend_store.read_blend(Path("blends/two.json")).settings == {"max_members": 2} == report.procedure.settings
    compared = ek.compare("two", "good", **QUIET)
    assert compared.a_score == pytest.approx(report.honest_accuracy)


def test_full_adds_methods_contributions_and_the_proof(pool):
    report = ek.blend(full=True, **QUIET)
    said = {(one.method, one.weights_method) for one in report.full.methods}
    assert {("logit-sum", way) for way in ("auto", "equal", "log-loss", "greedy", "greedy, 10 bags", "accuracy")} < said
    assert {(method, "equal") for method in ("prob-mean", "geo-mean", "majority-vote", "borda")} < said
    mine = next(one for one in report.full.methods if (one.method, one.weights_method) == ("logit-sum", "auto"))
    assert mine.honest_accuracy == report.honest_accuracy
    guess = np.bincount(pool[1]).max() / IMAGES
    assert sum(one.value for one in report.full.contributions) == pytest.approx(report.honest_accuracy - guess)
    assert report.full.certificate.bound >= report.full.certificate.best >= round(report.tuned_val_accuracy * IMAGES)
    assert max(map(len, blended(report).splitlines())) <= 80
    assert "Proof: no weights have more than" in blended(report)


@pytest.mark.parametrize(
    ("members", "method", "said"),
    [
        (("good", "better"), "logit-sum", None),  # 15 * 2 members * 3 classes = 90 of the 101 images
        (("good", "better", "fair"), "logit-sum", "it wants 15 labelled images for each class of each member, 135 for"),
        (("good", "better"), "prob-mean", "it reads logits, so it needs --method logit-sum."),
    ],
)
def test_full_says_why_stacking_is_not_among_the_methods(pool, members, method, said):
    report = ek.blend(members, method, full=True, certify_seconds=0.1, **QUIET)
    notes = [each for each in report.notes if "tacking" in each]
    assert ("stacking" in [one.weights_method for one in report.full.methods]) == (said is None)
    assert (f"Stacking is left out of the methods: {said}" in notes[0]) if said else not notes
    assert not [each for each in ek.blend(members, method, **QUIET).notes if "tacking" in each]


@pytest.mark.parametrize("weights", ["equal", "good=2,better=2"])
@pytest.mark.parametrize("metric", ["accuracy", "log-loss"])
def test_a_blend_of_equal_weights_gains_nothing_over_itself(pool, weights, metric):
    report = ek.blend(["good", "better"], weights=weights, metric=metric, **QUIET)
    gain = report.equal.gain
    assert (gain.difference, gain.interval, gain.p, report.vs_equal) == (0.0, (0.0, 0.0), 1.0, "as-good")
    assert report.this.honest_score == report.equal.honest_score
    assert "equal weights" not in report.verdict
    page = ek.report(report.name, **QUIET).html.read_text(encoding="utf-8")
    assert "gain over best single" in page
    assert "gain over equal weights" not in page


def test_too_few_images_to_fit_are_blended_by_equal_weights_and_compared_with_no_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(globals(), "IMAGES", 49)
    random = np.random.default_rng(0)
    labels = random.integers(CLASSES, size=49)
    for name in ("one", "two"):
        add(name, np.eye(CLASSES)[labels] + random.normal(size=(49, CLASSES)), labels, np.zeros((TEST, CLASSES)))
    assert ek.blend(**QUIET).equal.gain.is_of_itself


def test_weights_that_were_fitted_are_compared_with_equal_ones_though_they_decide_alike(pool):
    low, high = ek.blend(["good"], **QUIET).equal.gain.interval
    assert low < 0 < high


def test_a_certified_blend_has_as_many_right_as_was_proven(pool):
    report = ek.blend(["good", "better", "fair"], weights="accuracy", certify=True, certify_seconds=5, **QUIET)
    assert report.full.certificate.gap == 0
    assert round(report.tuned_val_accuracy * IMAGES) == report.full.certificate.best
    assert report.procedure.settings == {"certify_seconds": 5}


def test_stacking_wants_many_images_for_each_class_of_each_member(pool):
    with pytest.raises(InvalidOptionError, match=f"{ROWS_A_VOTE * 12} for 4 members and 3 classes; there are 101"):
        ek.blend(weights="stacking", **QUIET)
    report = ek.blend(["good", "better"], weights="stacking", full=True, **QUIET)
    saved = blend_store.read_blend(report.blend_path)
    assert saved.stack.coefficients.shape == (2, 3, 3)
    assert report.honest_accuracy > 0.8
    assert report.submission_path.exists()
    assert report.full.contributions == ()
    assert report.full.certificate is None
    assert "logit-sum, stacking" in blended(report)


def test_a_blend_keeps_to_its_time_and_shows_what_less_would_buy(toy):
    report = ek.blend(max_ms=4.0, **QUIET)
    assert report.numbers.cost_ms <= 4.0
    assert report.full.costs[-1].ms <= 4.0
    assert [cost.ms for cost in report.full.costs] == sorted(cost.ms for cost in report.full.costs)
    best = -1.0
    for cost in report.full.costs:
        assert cost.on_front == (cost.honest_accuracy > best)
        best = max(best, cost.honest_accuracy)
    assert "Pareto front" in blended(report)
    assert max(map(len, blended(report).splitlines())) <= 80


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"certify": True}, InvalidOptionError, "--certify proves --weights accuracy alone"),
        ({"bags": 3}, InvalidOptionError, "read by --weights greedy alone, not by 'auto'"),
        ({"start": "sorted", "weights": "equal"}, InvalidOptionError, "read by --weights greedy alone"),
        ({"start": "middle"}, InvalidOptionError, "--start: wanted empty or sorted, got 'middle'"),
        ({"weights": "greedy", "bags": -1}, InvalidOptionError, "--bags: wanted 0 or more, got -1"),
        ({"max_members": 0}, InvalidOptionError, "--max-members: wanted 1 or more, got 0"),
        ({"max_ms": 3.0}, InvalidOptionError, "none is known of 'good'"),
        ({"weights": "good=1", "max_members": 1}, InvalidOptionError, "there is nothing to limit"),
        ({"weights": "accuracy", "certify": True, "certify_seconds": 0.0}, InvalidOptionError, "more than 0, got 0.0"),
        ({"weights": "stacking", "method": "borda"}, InvalidOptionError, "wanted the method logit-sum, got borda"),
        ({"weights": "1,2"}, InvalidOptionError, "cannot use '1' in '1,2'; wanted each member once, as in cnn=1,vit=2"),
        ({"weights": "logloss"}, UnknownNameError, "did you mean 'log-loss'"),
        ({"method": "bordaa"}, UnknownNameError, "did you mean 'borda'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(pool, asked, error, message):
    with pytest.raises(error, match=message):
        ek.blend(["good", "better"], **asked, **QUIET)
    assert not Path("blends").exists()


def test_the_report_is_one_json_object(pool):
    from ensemble_kit.results.json_text import as_json

    said = json.loads(as_json(ek.blend(**QUIET)))
    assert said["seconds"] > 0
    assert said["certificate"] is None
    assert said["diversity"]["equivalent_members"] == "inf" or said["diversity"]["equivalent_members"] > 0


def test_classes_without_a_val_image_are_named(pool):
    report = ek.blend(**QUIET)
    assert "holds no image" not in " ".join(report.notes)
    labels = np.zeros(IMAGES, dtype=int)
    labels[::2] = 1
    for name in ("good", "better", "fair", "nothing"):
        ek.members_rm(name)
    add("two-classes", np.eye(CLASSES)[labels] + 0.1, labels, np.zeros((TEST, CLASSES)))
    assert "val holds no image of class-2" in " ".join(ek.blend(**QUIET).notes)


def test_without_temperatures_a_blend_is_the_mean_of_probabilities(pool):
    logits, labels = pool
    names = list(logits)
    report = ek.blend(names, method="prob-mean", weights="equal", temperatures="none", **QUIET)
    assert report.numbers.temperatures == dict.fromkeys(names, 1.0)
    assert report.procedure.settings == {"temperatures": "none"}
    mean = np.mean([softmax(logits[name].astype(np.float32).astype(float), axis=1) for name in names], axis=0)
    assert report.honest_accuracy == pytest.approx((mean.argmax(axis=1) == labels).mean())  # nothing is fitted
    assert report.calibration_after.log_loss == pytest.approx(-np.log(mean[np.arange(IMAGES), labels]).mean())
    assert report.calibration_after == report.calibration_before
    votes = ek.blend(names, weights="equal", temperatures="none", name="sum", **QUIET)
    assert votes.numbers.blend_temperature == 1.0
    assert votes.evaluated.ledger_trials == 2
    fitted = ek.blend(names, weights="equal", name="fitted", **QUIET)
    assert fitted.procedure.settings == {}
    assert fitted.evaluated.ledger_trials == 3  # another configuration
    assert min(fitted.numbers.temperatures.values()) != 1.0
    with pytest.raises(UnknownNameError, match="No way to find temperatures is named 'off'; did you mean 'none'"):
        ek.blend(names, temperatures="off", **QUIET)


def test_scores_that_point_away_from_the_labels_are_named(pool):
    logits, labels = pool
    assert "temperature" not in " ".join(ek.blend(["good", "fair"], **QUIET).notes)
    add("astray", -1e-4 * logits["better"], labels, np.zeros((TEST, CLASSES)))
    report = ek.blend(weights="equal", **QUIET)
    assert "astray, nothing: the temperature is at its bound" in " ".join(report.notes)
    assert "astray" in blended(report)
    assert "at its bound" not in " ".join(ek.blend(temperatures="none", **QUIET).notes)


@pytest.mark.parametrize("unit", [0.005, 1e4])
@pytest.mark.parametrize("method", ["logit-sum", "prob-mean", "majority-vote"])
def test_a_member_in_another_unit_blends_as_before(pool, method, unit):
    logits, labels = pool
    before = ek.blend(["good", "better"], method=method, weights="equal", **QUIET)
    ek.members_rm("good")
    test = np.random.default_rng(7).normal(size=(TEST, CLASSES))
    add("good", unit * logits["good"], labels, unit * test)
    after = ek.blend(["good", "better"], method=method, weights="equal", **QUIET)
    assert after.honest_accuracy == before.honest_accuracy
    assert after.numbers.temperatures["good"] == pytest.approx(unit * before.numbers.temperatures["good"], rel=1e-4)
    assert "0.00\n" not in blended(after)


def test_a_blend_that_takes_the_place_of_another_says_so(pool):
    ek.blend(["good", "better"], **QUIET)
    assert "replaces" not in " ".join(ek.blend(["better", "good"], **QUIET).notes)
    report = ek.blend(["good", "fair"], **QUIET)
    assert "This replaces the blend 'logit-sum-auto' of better, good; --name keeps both." in report.notes


def grouped(count, labels=None):
    """Two members whose val images are of so many groups."""
    random, place = np.random.default_rng(5), np.arange(60)
    labels = place % CLASSES if labels is None else labels
    classes = np.array([f"class-{each}" for each in range(CLASSES)])
    for name, strength in (("good", 2.0), ("fair", 1.0)):
        logits = strength * np.eye(CLASSES)[labels] + random.normal(size=(60, CLASSES))
        ids, groups = np.array([f"{each:02d}" for each in place]), np.array([f"g{each % count}" for each in place])
        np.savez("val.npz", image_ids=ids, classes=classes, scores=logits, labels=classes[labels], groups=groups)
        ek.members_add(name, val="val.npz", kind="logits")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "All images are of one group"),
        (4, "of 4 groups, and of fewer than 5 hardly anything"),
        (19, "of 19 groups only"),
        (20, None),
    ],
)
def test_few_groups_are_said_and_one_tells_nothing(tmp_path, monkeypatch, count, said):
    monkeypatch.chdir(tmp_path)
    grouped(count)
    report = ek.blend(**QUIET)
    notes = [each for each in report.notes if "group" in each]
    assert (said in notes[0]) if said else not notes
    assert (report.this.honest_interval == (0.0, 1.0)) == (count == 1)
    assert (report.equal.gain.interval == (-1.0, 1.0)) == (count == 1)


def test_folds_that_see_one_class_are_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grouped(60, np.where(np.arange(60) < 1, 1, 0))  # the one image of class 1 is held out once a repeat
    report = ek.blend(**QUIET)
    assert any("In 4 of 20 folds the images to tune on are of one class" in each for each in report.notes)
