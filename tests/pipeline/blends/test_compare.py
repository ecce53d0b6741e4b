"""Two members or blends on the same images, and every metric, on members made here."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.special import log_softmax
from scipy.stats import binomtest
from sklearn import metrics as sklearn

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, MisalignedError, UnknownNameError
from ensemble_kit.storage.members.commit import read_manifest
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.storage.members.read import read_predictions

IMAGES, CLASSES = 139, 5
IDS = [f"sign-{place // 3:02d}/{place:04d}.png" for place in range(IMAGES)]
LABELS = np.random.default_rng(0).choice(CLASSES, size=IMAGES, p=[0.4, 0.3, 0.15, 0.1, 0.05])
LABELS[:CLASSES] = np.arange(CLASSES)
QUIET = {"quiet": True}


def logits_of(seed, strength):
    return strength * np.eye(CLASSES)[LABELS] + np.random.default_rng(seed).normal(size=(IMAGES, CLASSES))


LOGITS = {"cnn": logits_of(1, 1.5), "mlp": logits_of(2, 0.2), "vit": logits_of(3, 1.7)}


def add(name, logits=None, ids=IDS, labels=LABELS, order=None, **given):
    """Add a member from an .npz, rows in any order; `groups` go into the file, the rest to `ek.members_add`."""
    order = np.arange(len(ids)) if order is None else order
    arrays = {"groups": np.array(given.pop("groups"))[order]} if "groups" in given else {}
    np.savez(
        f"{name}.npz",
        image_ids=np.array(ids)[order],
        classes=np.array([f"class-{place}" for place in range(CLASSES)]),
        scores=(LOGITS[name] if logits is None else logits)[order],
        labels=labels[order],
        **arrays,
    )
    return ek.members_add(name, f"{name}.npz", kind="logits", **given)


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """A working folder with three members."""
    monkeypatch.chdir(tmp_path)
    for name in LOGITS:
        add(name, order=np.random.default_rng(len(name)).permutation(IMAGES) if name == "vit" else None)


def right(name):
    return LOGITS[name].argmax(axis=1) == LABELS


def test_two_members_are_compared_by_mcnemar_on_aligned_images(pool):
    report = ek.compare("cnn", "vit", **QUIET)
    only_a, only_b = int((right("cnn") & ~right("vit")).sum()), int((right("vit") & ~right("cnn")).sum())
    assert (report.only_a, report.only_b) == (only_a, only_b)
    assert report.p == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert report.difference == pytest.approx(right("cnn").mean() - right("vit").mean())
    assert (report.a_score, report.b_score) == pytest.approx((right("cnn").mean(), right("vit").mean()))
    assert (report.test, report.groups, report.trials, report.val_images) == ("exact McNemar", None, 0, IMAGES)
    turned = ek.compare("vit", "cnn", **QUIET)
    assert (turned.p, turned.difference) == (report.p, -report.difference)


def test_the_better_side_is_named_whichever_comes_first(pool):
    for sides in (("cnn", "mlp"), ("mlp", "cnn")):
        report = ek.compare(*sides, **QUIET)
        assert report.better == "cnn"
        assert re.match(
            rf"On these {IMAGES} val images cnn is better than mlp by \d+\.\d points "
            r"\(95 %: \d+\.\d to \d+\.\d; p < 0\.001\)\.$",
            report.sentence,
        )


def test_what_cannot_be_told_apart_says_what_could_have_been(pool):
    add("twin", LOGITS["cnn"] + 1e-3)
    report = ek.compare("cnn", "twin", **QUIET)
    assert (report.better, report.p, report.difference) == (None, 1.0, 0.0)
    assert report.sentence.startswith(
        f"On these {IMAGES} val images cnn cannot be told apart from twin: +0.0 points (95 %"
    )
    assert report.sentence.endswith(f"minimum detectable gain: {100 * report.resolvable:.1f} points (80 % power).")


def test_members_are_compared_without_temperatures_where_none_are_asked_for(pool):
    report = ek.compare("cnn", "vit", metric="log-loss", temperatures="none", **QUIET)
    for name, score in (("cnn", report.a_score), ("vit", report.b_score)):
        alone = log_softmax(LOGITS[name].astype(np.float32).astype(float), axis=1)
        assert score == pytest.approx(-alone[np.arange(IMAGES), LABELS].mean())
    assert ek.compare("cnn", "vit", metric="log-loss", **QUIET).a_score != pytest.approx(report.a_score, abs=1e-4)


def test_a_blend_keeps_its_own_way_with_temperatures_when_it_is_compared(pool):
    blended = ek.blend(temperatures="none", metric="log-loss", weights="equal", name="plain", **QUIET)
    assert ek.compare("plain", "cnn", metric="log-loss", **QUIET).a_score == pytest.approx(blended.this.honest_score)
    ek.blend(weights="equal", name="fitted", **QUIET)
    with pytest.raises(InvalidOptionError, match="are blends, which keep their own. Blend again: ek blend cnn mlp vit"):
        ek.compare("plain", "fitted", temperatures="none", **QUIET)
    with pytest.raises(UnknownNameError, match="No way to find temperatures is named 'non'; did you mean 'none'"):
        ek.compare("cnn", "vit", temperatures="non", **QUIET)


def test_a_blend_is_made_anew_in_every_fold_as_ek_blend_does(pool):
    for weights in ("auto", "greedy", "equal", "cnn=2,vit=1"):
        blended = ek.blend(weights=weights, name="mine", **QUIET)
        report = ek.compare("mine", "mlp", **QUIET)
        assert report.a_score == pytest.approx(blended.honest_accuracy)
        assert report.a_interval == pytest.approx(blended.honest_interval)
        assert report.better == "mine"
    assert ek.compare("blends/mine.json", "predictions/mlp", **QUIET).p == report.p


def test_every_configuration_that_was_tried_makes_the_proof_harder(pool):
    close = LOGITS["vit"].copy()
    wrong = np.flatnonzero(right("vit"))[:6]
    close[wrong, (LABELS[wrong] + 1) % CLASSES] = 99
    add("close", close)
    alone = ek.compare("vit", "close", **QUIET)
    assert alone.better == "vit"
    assert alone.p == pytest.approx(2 / 2**6)
    for weights in ("equal", "cnn=1", "cnn=1,vit=2", "mlp=1"):
        ek.blend(weights=weights, **QUIET)
    report = ek.compare("vit", "close", **QUIET)
    assert (report.p, report.trials) == (alone.p, 4)
    assert report.verdict == "looks-better"
    assert report.better is None
    assert "vit looks better than close by" in report.sentence
    assert "p = 0.13 for 4 configurations tried), but after so many this is no proof." in report.sentence


def test_groups_in_the_ids_are_flipped_whole_and_widen_every_interval(pool):
    plain = ek.compare("cnn", "vit", **QUIET)
    for name in ("cnn", "vit"):
        add(name, replace=True, group_from="^(.*)/")
    report = ek.compare("cnn", "vit", **QUIET)
    groups = -(-IMAGES // 3)
    assert (report.groups, report.test) == (groups, f"exact sign flips of {groups} groups")
    assert report.difference == plain.difference
    assert np.diff(report.interval)[0] >= np.diff(plain.interval)[0]
    assert f"{groups} groups" in report.sentence


def test_groups_come_from_the_file_or_from_the_ids_but_not_from_both(pool):
    groups = [name.partition("/")[0] for name in IDS]
    add("grouped", LOGITS["cnn"], groups=groups)
    rows = next(Path("predictions/grouped").glob("val-*.csv")).read_text().splitlines()
    assert rows[:2] == ["image_id,label,group", "sign-00/0000.png,class-0,sign-00"]
    add("found", LOGITS["cnn"], group_from="^[^/]+")
    assert next(Path("predictions/found").glob("val-*.csv")).read_text().splitlines() == rows
    with pytest.raises(InvalidOptionError, match="both.npz holds groups, and --group-from asks for others"):
        add("both", LOGITS["cnn"], groups=groups, group_from="^[^/]+")
    with pytest.raises(BadDataError, match="finds no group in the image id 'sign-00/0000.png'"):
        add("lost", LOGITS["cnn"], group_from="scene-(.*)")
    with pytest.raises(MisalignedError, match="disagree about groups"):
        ek.members_rm("cnn"), add("aside", LOGITS["cnn"], group_from="png$"), ek.compare("aside", "found", **QUIET)


def oracle(metric, logits):
    return {
        "accuracy": lambda: sklearn.accuracy_score(LABELS, logits.argmax(axis=1)),
        "balanced-accuracy": lambda: sklearn.balanced_accuracy_score(LABELS, logits.argmax(axis=1)),
        "macro-f1": lambda: sklearn.f1_score(LABELS, logits.argmax(axis=1), average="macro"),
        "log-loss": lambda: -log_softmax(logits, axis=1)[np.arange(IMAGES), LABELS].mean(),
    }[metric]()


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "macro-f1", "log-loss"])
def test_members_are_ordered_and_measured_by_any_metric(pool, metric):
    report = ek.members(metric=metric)
    scores = [oracle(metric, LOGITS[member.name]) for member in report.members]
    assert [member.val_score for member in report.members] == pytest.approx(scores, rel=1e-5)
    assert scores == sorted(scores, reverse=metric != "log-loss")
    for member in report.members:
        assert member.val_score_interval[0] < member.val_score < member.val_score_interval[1]
        assert member.val_accuracy == pytest.approx(oracle("accuracy", LOGITS[member.name]))


@pytest.mark.parametrize("metric", ["balanced-accuracy", "macro-f1", "log-loss"])
def test_a_blend_is_evaluated_in_any_metric(pool, metric):
    report = ek.blend(weights="cnn=1", metric=metric, **QUIET)
    assert report.procedure.metric == json.loads(report.blend_path.read_text())["metric"] == metric
    if metric != "log-loss":  # a lone member: nothing to tune, so tuned and honest are the same
        assert report.this.tuned_score == report.this.honest_score == pytest.approx(oracle(metric, LOGITS["cnn"]))
    else:  # calibrated, so no worse than as it came on the rows that were tuned on
        assert report.this.tuned_score <= oracle(metric, LOGITS["cnn"]) + 1e-6
        assert report.this.honest_score == pytest.approx(report.this.tuned_score, abs=0.02)
    assert report.tuned_val_accuracy == pytest.approx(right("cnn").mean())
    assert report.this.honest_score_interval[0] < report.this.honest_score < report.this.honest_score_interval[1]
    compared = ek.compare("logit-sum-given", "mlp", metric=metric, **QUIET)
    assert compared.a_score == pytest.approx(report.this.honest_score)
    assert compared.better == "logit-sum-given"
    assert (compared.difference < 0) == (metric == "log-loss")


def test_auto_is_the_same_blend_whatever_the_metric_and_greedy_is_counted_as_another(pool):
    assert ek.blend(**QUIET).numbers.weights == ek.blend(metric="macro-f1", **QUIET).numbers.weights
    assert ek.blend(metric="macro-f1", **QUIET).evaluated.ledger_trials == 1
    assert ek.blend(weights="greedy", **QUIET).evaluated.ledger_trials == 2
    assert ek.blend(weights="greedy", metric="log-loss", **QUIET).evaluated.ledger_trials == 3


def test_votes_have_no_log_loss(pool):
    with pytest.raises(InvalidOptionError, match="log-loss needs probabilities, and majority-vote gives vote shares"):
        ek.blend(method="majority-vote", metric="log-loss", **QUIET)
    assert not Path("blends").exists()
    ek.blend(method="majority-vote", name="votes", **QUIET)
    with pytest.raises(InvalidOptionError, match="log-loss needs probabilities"):
        ek.compare("votes", "cnn", metric="log-loss", **QUIET)
    assert ek.compare("votes", "mlp", metric="macro-f1", **QUIET).a == "votes"


def test_a_blend_of_changed_members_is_refused_with_the_remedy(pool):
    ek.blend(["cnn", "vit"], name="old", **QUIET)
    ek.blend(["cnn", "vit"], name="f1", weights="greedy", metric="macro-f1", **QUIET)
    add("vit", LOGITS["vit"] + 1, replace=True)
    with pytest.raises(CorruptError, match="--weights greedy --metric macro-f1 --name f1 cnn vit"):
        ek.compare("f1", "mlp", **QUIET)
    remedy = r"ek blend --method logit-sum --weights auto --name old cnn vit"
    with pytest.raises(CorruptError, match=f"another state of member 'vit'.*{remedy}"):
        ek.compare("old", "mlp", **QUIET)


def test_names_of_nothing_of_two_things_and_of_the_same_are_refused(pool):
    ek.blend(name="cnn", **QUIET)
    with pytest.raises(InvalidOptionError, match="'cnn' is a member and a blend.*predictions/cnn or blends/cnn.json"):
        ek.compare("cnn", "mlp", **QUIET)
    report = ek.compare("predictions/cnn", "blends/cnn.json", **QUIET)
    assert (report.a, report.b) == ("predictions/cnn", "blends/cnn.json")
    with pytest.raises(InvalidOptionError, match="'vit' and 'predictions/vit' are the same"):
        ek.compare("vit", "predictions/vit", **QUIET)
    with pytest.raises(UnknownNameError, match="No member or blend is named 'vitt'; did you mean 'vit'"):
        ek.compare("vitt", "mlp", **QUIET)
    with pytest.raises(InvalidOptionError, match="There is no blend blends/none.json"):
        ek.compare("blends/none.json", "mlp", **QUIET)
    for function in (ek.members, ek.blend, lambda **given: ek.compare("vit", "mlp", **given)):
        with pytest.raises(UnknownNameError, match="No metric is named 'f1'"):
            function(metric="f1")


def test_members_of_other_val_sets_are_not_compared(pool):
    add("short", LOGITS["cnn"], ids=[f"x{name}" for name in IDS], predictions="elsewhere")
    Path("elsewhere/short").rename("predictions/short")
    with pytest.raises(MisalignedError, match="first missing image id: 'sign-00/0000.png'"):
        ek.compare("cnn", "short", **QUIET)


def test_few_images_and_members_that_val_has_evaluated_are_said_to_be_so(pool):
    few = np.arange(40)
    for name in LOGITS:
        add(name, LOGITS[name][few], [IDS[row] for row in few], LABELS[few], predictions="few")
    ek.blend(predictions="few", name="few", **QUIET)
    assert "fewer than 50" in ek.compare("few", "cnn", predictions="few", **QUIET).notes[0]
    assert ek.compare("cnn", "vit", predictions="few", **QUIET).notes == ()
    manifest = read_manifest(Path("predictions/cnn"))
    chosen = replace(manifest, name="chosen", val_used_for=("epoch",))
    write_member(Path("predictions"), chosen, {"val": read_predictions(Path("predictions/cnn"), "val")})
    assert (
        "val also decided how these were made, so they are flattered: chosen."
        in (ek.compare("vit", "chosen", **QUIET).notes[0])
    )


def test_val_without_labels_compares_nothing(pool, monkeypatch):
    from ensemble_kit.pipeline.members import pools as chapter

    plain = chapter.align
    monkeypatch.setattr(chapter, "align", lambda members: replace(plain(members), labels=None))
    with pytest.raises(BadDataError, match="no val labels, so nothing can be tuned or evaluated"):
        ek.compare("cnn", "vit", **QUIET)


def test_what_is_typed_and_printed_fits_80_columns(pool, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for metric, said in (("accuracy", "exact McNemar: p "), ("log-loss", "paired t test: p ")):
        done = CliRunner().invoke(command, ["compare", "cnn", "mlp", "--metric", metric])
        assert done.exit_code == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80
        assert said in done.stdout
        assert "is better than mlp by" in done.stdout.replace("\n", " ")
        assert "Cross-fitting both" in done.stderr
    as_json = CliRunner().invoke(command, ["compare", "cnn", "mlp", "--json", "--quiet"])
    assert json.loads(as_json.stdout)["better"] == "cnn"
    for metric, heading in (("macro-f1", "F1 %"), ("balanced-accuracy", "bal %"), ("log-loss", "log loss")):
        listed = CliRunner().invoke(command, ["members", "--metric", metric]).stdout
        assert heading in listed.splitlines()[0]
        blended = CliRunner().invoke(command, ["blend", "--metric", metric, "--quiet"]).stdout
        assert f"{metric} on val" in blended
        assert max(map(len, (listed + blended).splitlines())) <= 80
