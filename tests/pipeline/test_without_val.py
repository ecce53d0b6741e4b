"""Members without val: evaluated on the training images that they held out, every step by plain NumPy and scipy too."""

import csv

import numpy as np
import pytest
from pipeline.family_members import CLASSES, IDS, LABELS, NAMES, TRAIN, fold_member, rows_of
from scipy.optimize import minimize
from scipy.special import log_softmax
from scipy.stats import binomtest
from temperature_by_scipy import log_temperature

import ensemble_kit as ek
from ensemble_kit.ensembling.statistics.folds import fold_of
from ensemble_kit.ensembling.weights.logloss import RIDGES
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.blends.settings import blend_settings
from ensemble_kit.pipeline.blends.tuning_set import blend_sets, estimate
from ensemble_kit.pipeline.members.cv_families import Family
from ensemble_kit.pipeline.members.pools import Evaluation
from ensemble_kit.storage.blends import read_blend
from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.types import Pool

FOLDS = {"cnn": 3, "vit": 2}
STRENGTH = {"cnn": 1.1, "vit": 0.9}
NO_VAL = {"splits": ("test", "oof")}
QUIET = {"quiet": True}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)


def written(**facts):
    """Two families without val; their logits by member and split."""
    return {
        f"{name}-fold-{k}": fold_member(name, folds, k, STRENGTH[name], **NO_VAL, **facts)
        for name, folds in FOLDS.items()
        for k in range(1, folds + 1)
    }


def joined(logits):
    """What each family says of train, in the order of its ids; one view."""
    whole = {name: np.zeros((TRAIN, CLASSES)) for name in FOLDS}
    for name, folds in FOLDS.items():
        for k in range(1, folds + 1):
            whole[name][rows_of(folds, k)] = logits[f"{name}-fold-{k}"]["oof"][0]
    return np.stack(list(whole.values()))


def temperature(logits, labels):
    return np.exp(log_temperature(logits, labels))


def equal_by_hand(calibrated, labels, ids):
    even = np.full(len(calibrated), 1 / len(calibrated))
    return even / temperature(np.tensordot(even, calibrated, axes=1), labels)


def one_to_two_by_hand(calibrated, labels, ids):
    given = np.array([1, 2]) / 3
    return given / temperature(np.tensordot(given, calibrated, axes=1), labels)


def row_losses(scores, labels):
    return -log_softmax(scores, axis=1)[np.arange(len(labels)), labels]


def by_knowledge(calibrated, labels):
    """What ridges pull towards: how far below guessing each is, an error in its favour, to the fourth power."""
    losses = np.array([row_losses(one, labels) for one in calibrated])
    best = losses.mean(axis=1).argmin()
    error = (losses - losses[best]).std(axis=1, ddof=1) / np.sqrt(len(labels))
    knows = np.log(CLASSES) - losses.mean(axis=1)
    share = np.clip(knows + error, 0, knows[best]) ** 4
    return share / share.sum()


def ridge_fit(calibrated, labels, prior, ridge):
    """The v of least log loss, half an image more counted whose label is the runner-up, held to the prior."""
    count, images = len(calibrated), len(labels)
    blend = np.tensordot(prior, calibrated, axes=1)
    centre, second = prior / temperature(blend, labels), blend.argsort(axis=1)[:, -2]
    if np.isinf(ridge):
        return centre
    unit = 1 / temperature(blend, labels) / count

    def loss(v):
        scores = np.tensordot(v, calibrated, axes=1)
        summed = row_losses(scores, labels).sum() + row_losses(scores, second).mean() / 2
        return summed / (images + 0.5) + ridge / (2 * count) * (((v - centre) / unit) ** 2).sum()

    return minimize(loss, centre, bounds=[(0, 20)] * count, tol=1e-12).x


def log_loss_by_hand(calibrated, labels, ids):
    """The ridge of least log loss in five folds, fitted on all."""
    prior, fold = by_knowledge(calibrated, labels), fold_of(ids, labels)
    second = np.tensordot(prior, calibrated, axes=1).argsort(axis=1)[:, -2]
    totals = []
    for ridge in RIDGES:
        total = 0.0
        for held in range(5):
            out, seen = fold == held, fold != held
            scores = np.tensordot(
                ridge_fit(calibrated[:, seen], labels[seen], prior, ridge), calibrated[:, out], axes=1
            )
            total += row_losses(scores, labels[out]).sum() + row_losses(scores, second[out]).sum() / len(labels) / 2
        totals.append(total)
    return ridge_fit(calibrated, labels, prior, RIDGES[np.argmin(totals)])


def nested(logits, labels, weigh, groups=None):
    """Log loss and accuracy where nothing has looked: temperatures and weights in folds of folds, 5 x 4."""
    losses, right = [], []
    for repeat in range(4):
        fold = fold_of(IDS["train"], labels, groups, 5, repeat=repeat + 1)
        for held in range(5):
            seen, unseen = fold != held, fold == held
            cooled = [one / temperature(one[seen], labels[seen]) for one in logits]
            calibrated = np.stack(cooled)
            v = weigh(calibrated[:, seen], labels[seen], [IDS["train"][row] for row in np.flatnonzero(seen)])
            scores = np.tensordot(v, calibrated, axes=1)
            right += (scores.argmax(axis=1) == labels)[unseen].tolist()
            losses += row_losses(scores, labels)[unseen].tolist()
    return float(np.mean(losses)), float(np.mean(right))


def between(accuracy):
    """The whole numbers of right images on both sides of a mean over repeats."""
    return int(accuracy * TRAIN + 1e-9), int(np.ceil(accuracy * TRAIN - 1e-9))


@pytest.mark.parametrize(
    ("weights", "weigh"),
    [("equal", equal_by_hand), ("cnn=1,vit=2", one_to_two_by_hand), ("log-loss", log_loss_by_hand)],
)
def test_the_honest_figure_is_cross_fitted_on_the_held_out_images_as_by_hand(weights, weigh):
    logits = joined(written())
    report = ek.blend(weights=weights, metric="log-loss", name="whole", **QUIET)
    loss, right = nested(logits, LABELS["train"], weigh)
    assert report.this.honest_score == pytest.approx(loss, abs=1e-5)
    assert report.honest_accuracy == pytest.approx(right, abs=1.5 / TRAIN)
    assert (report.procedure.tuned_on, report.evaluated.judged_on, report.evaluated.val_images) == ("oof", "oof", TRAIN)
    bounds = [binomtest(right, TRAIN).proportion_ci(method="wilson") for right in between(report.honest_accuracy)]
    assert bounds[0].low <= report.honest_interval[0] <= bounds[1].low
    assert bounds[0].high <= report.honest_interval[1] <= bounds[1].high


def test_a_lone_family_is_honest_too_and_the_name_says_what_was_tuned_on():
    for name, one in zip(FOLDS, joined(written()), strict=True):
        alone = ek.blend([name], weights="equal", metric="log-loss", **QUIET)
        assert alone.this.honest_score == pytest.approx(nested(one[None], LABELS["train"], equal_by_hand)[0], abs=1e-5)
        assert alone.honest_accuracy == pytest.approx((one.argmax(axis=1) == LABELS["train"]).mean())
        assert alone.name == "logit-sum-equal-oof"


def test_test_is_what_the_mean_over_the_folds_of_each_family_says():
    logits = written()
    report = ek.blend(weights="cnn=1,vit=2", **QUIET)
    found = {one.family: one.temperature for one in report.numbers.families}
    assert found == pytest.approx(
        {name: temperature(one, LABELS["train"]) for name, one in zip(FOLDS, joined(logits), strict=True)}, rel=1e-3
    )
    total = sum(
        share
        * np.mean([logits[f"{name}-fold-{k}"]["test"][0] for k in range(1, FOLDS[name] + 1)], axis=0)
        / found[name]
        for name, share in (("cnn", 1), ("vit", 2))
    )
    with open(report.submission_path, newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == [NAMES[place] for place in total.argmax(axis=1)]


def test_where_all_have_val_it_stays_the_judge_and_where_one_has_none_it_does_not():
    for name, folds in FOLDS.items():
        for k in range(1, folds + 1):
            fold_member(name, folds, k, STRENGTH[name])
    report = ek.blend(weights="equal", **QUIET)
    assert (report.procedure.tuned_on, report.evaluated.judged_on, report.numbers.families) == ("val", "val", ())
    fold_member("vit", 2, 1, 0.9, **NO_VAL)
    report = ek.blend(weights="equal", **QUIET)
    assert (report.procedure.tuned_on, report.evaluated.judged_on, len(report.numbers.families)) == ("oof", "oof", 2)
    assert "vit-fold-1: they have no val" in " ".join(report.notes)
    with pytest.raises(InvalidOptionError, match="--tune-on val: no val in member 'vit-fold-1'. Take --tune-on oof"):
        ek.blend(tune_on="val", **QUIET)


def test_groups_are_never_on_both_sides(monkeypatch):
    groups = [f"scene-{place // 4}" for place in range(TRAIN)]
    of = dict(zip(IDS["train"], groups, strict=True))
    written(groups=groups)
    seen = []
    from ensemble_kit.pipeline.blends import tuning_set as grounds

    tune = grounds.tune
    monkeypatch.setattr(grounds, "tune", lambda pool, *rest: seen.append(pool.ids) or tune(pool, *rest))
    report = ek.blend(weights="equal", **QUIET)
    assert report.evaluated.groups == len(set(groups))
    folds = [ids for ids in seen if len(ids) < TRAIN]
    assert len(folds) == 20
    for ids in folds:
        assert not {of[one] for one in ids} & {of[one] for one in set(of) - set(ids)}


def test_view_weights_are_chosen_for_the_family_and_anew_inside_every_fold():
    """Views of pure noise, the best of them picked: good on the rows that picked, no better than chance honestly."""
    views = ("identity", *(f"crop@0.{size}" for size in range(50, 80)))
    random = np.random.default_rng(5)
    labels = random.integers(CLASSES, size=TRAIN)
    for k in (1, 2):
        rows = rows_of(2, k)
        fold_member(
            "noise", 2, k, 0.0, views=views, view_weights=(1.0, *[0.0] * 30), view_choice="accuracy",
            labels=labels[rows], **NO_VAL,
        )  # fmt: skip
    report = ek.blend(**QUIET)
    assert report.tuned_val_accuracy > 1 / CLASSES + 0.06
    assert binomtest(round(report.honest_accuracy * TRAIN), TRAIN, 1 / CLASSES).pvalue > 0.01
    pins = read_blend(report.blend_path).members
    assert pins[0].view_weights == pins[1].view_weights != (1.0, *[0.0] * 30)
    assert report.notes == (
        "These members have no val, so they are tuned and evaluated on the training images that were held out.",
        "noise: the temperature is at its bound: on the images tuned on, scores say nothing about the labels, or point "
        "away from them. Compare the order of the classes; ek members shows the accuracy.",
    )


def test_a_family_whose_folds_were_looked_at_unlike_keeps_its_views_and_says_that_they_flatter():
    fold_member("cnn", 2, 1, 1.0, views=("identity", "hflip"), view_weights=(0.5, 0.5), view_choice="auto", **NO_VAL)
    fold_member("cnn", 2, 2, 1.0, **NO_VAL)
    report = ek.blend(**QUIET)
    assert "oof chose the view weights of cnn-fold-1, so its figures flatter a little" in " ".join(report.notes)
    assert read_blend(report.blend_path).members[0].view_weights == (0.5, 0.5)


def test_what_held_out_images_decided_in_training_is_said():
    written(val_used_for=("epoch",))
    assert "members were chosen on the images that they held out: cnn-fold-1" in " ".join(ek.blend(**QUIET).notes)


def test_families_compare_and_their_folds_do_not():
    logits = joined(written())
    found = ek.compare("cnn", "vit", **QUIET)
    right = [one.argmax(axis=1) == LABELS["train"] for one in logits]
    assert (found.judged_on, found.val_images) == ("oof", TRAIN)
    assert (found.a_score, found.b_score) == pytest.approx((right[0].mean(), right[1].mean()))
    first, second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert (found.only_a, found.only_b) == (first, second)
    assert found.p == pytest.approx(binomtest(first, first + second).pvalue)
    with pytest.raises(InvalidOptionError, match="family 'cnn' lacks fold 2, 3 of 3"):
        ek.compare("cnn-fold-1", "vit", **QUIET)
    ek.blend(weights="equal", name="both", **QUIET)
    with pytest.raises(InvalidOptionError, match="'cnn-fold-1': of the images .* Name the family: cnn"):
        ek.compare("both", "cnn-fold-1", **QUIET)
    same = ek.compare("both", "cnn", **QUIET)
    assert same.a_score == pytest.approx(ek.blend(weights="equal", name="both", **QUIET).honest_accuracy)


def test_a_blend_that_was_tuned_on_val_is_not_evaluated_where_others_have_none():
    for k in (1, 2):
        fold_member("old", 2, k, 1.0)
    ek.blend(name="on-val", **QUIET)
    written()
    with pytest.raises(InvalidOptionError, match="'on-val' was tuned on val.*ek blend --tune-on oof old-fold-1"):
        ek.compare("on-val", "cnn", **QUIET)


def test_a_report_holds_the_figures_of_the_blend_and_says_each_image_once():
    written()
    made = ek.blend(weights="cnn=1,vit=2", **QUIET)
    page = ek.report(made.name, quiet=True, thumbnails=False)
    assert page.blend.honest_accuracy == made.honest_accuracy
    assert page.blend.evaluated.judged_on == "oof"
    assert sum(one.images for one in page.classes) == TRAIN
    right = sum(one.images for one in page.confusion if one.label == one.predicted)
    assert right == pytest.approx(made.honest_accuracy * TRAIN, abs=1)  # each image once, by what most repeats said
    assert page.disagreement.members == ("cnn", "vit") or page.disagreement.members == ("vit", "cnn")


@pytest.mark.slow
def test_the_interval_holds_the_truth_in_about_nineteen_of_twenty_seeds():
    """Noise members of known strength; the truth: what the tuned blend has right of 20,000 fresh images."""
    families = tuple(Family(f"m{place}", (place,)) for place in range(3))
    manifests = [Manifest(family.name, "cnn", "imported", NAMES) for family in families]
    settings = blend_settings("logit-sum", "log-loss", "accuracy", {"tune_on": "oof"}, {})
    held, seeds, rows = 0, 120, 200

    def drawn(random, count):
        labels = random.integers(CLASSES, size=count)
        said = [s * np.eye(CLASSES)[labels] + random.normal(size=(count, CLASSES)) for s in (1.2, 0.8, 0.1)]
        return labels, np.stack(said)

    for seed in range(seeds):
        random = np.random.default_rng(seed)
        labels, logits = drawn(random, rows)
        names = tuple(manifest.name for manifest in manifests)
        ids = tuple(f"{row:04d}" for row in range(rows))
        pool = Pool(names, (("identity",),) * 3, tuple(one[None] for one in logits), ids, NAMES, labels)
        ones = [np.ones(1)] * 3
        sets = blend_sets(Evaluation("oof", pool, ones, ones, manifests, families), [], families, "accuracy", "auto")
        found = estimate(sets, settings)
        truth, fresh = drawn(random, 20_000)
        scores = np.tensordot(found.found.weights / found.found.temperatures, fresh, axes=1)
        low, high = found.honest.interval()
        held += low <= (scores.argmax(axis=1) == truth).mean() <= high
    assert binomtest(held, seeds, 0.95).pvalue > 0.01, held
