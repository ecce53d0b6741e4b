"""`ek report`: the numbers on the page, what it says where something is missing, and how it can be repeated."""

import json
import re
import shlex
import shutil
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import yaml
from cleanlab.filter import find_label_issues
from click.testing import CliRunner
from pipeline.family_members import VAL, fold_member
from scipy.special import softmax
from sklearn.metrics import confusion_matrix
from understood import understood

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError
from ensemble_kit.storage.blends import read_blend, write_blend
from ensemble_kit.storage.members.members import manifest_sha256, write_member
from ensemble_kit.storage.members.read import read_member
from ensemble_kit.training.recipes import RANGES, Recipe, resolve

IMAGES, CLASSES = 101, 3
QUIET = {"quiet": True}
EQUAL = {"quiet": True, "weights": "equal"}


def add(name, logits, labels, classes=("ape", "bee", "cat"), groups=None):
    names = np.array(classes)
    facts = {} if groups is None else {"groups": np.array(groups)}
    ids = np.array([f"val-{place:03d}.png" for place in range(len(labels))])
    np.savez("val.npz", image_ids=ids, classes=names, scores=logits, labels=names[labels], **facts)
    ek.members_add(name, val="val.npz", kind="logits")


def imported(images=IMAGES, classes=("ape", "bee", "cat"), members=3, groups=None):
    """Imported members of falling strength; their val logits and labels."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(images) % len(classes))
    logits = {}
    for place in range(members):
        told = (2.0 - 0.4 * place) * np.eye(len(classes))[labels]
        logits[f"m{place}"] = told + random.normal(size=(images, len(classes)))
        add(f"m{place}", logits[f"m{place}"], labels, classes, groups)
    return logits, labels


@pytest.fixture
def hasty(monkeypatch):
    """No charts, which have tests of their own."""
    for module in ("charts", "maps"):
        monkeypatch.setattr(f"ensemble_kit.reporting.html.{module}.drawn", lambda *_: "<svg></svg>")


@pytest.fixture
def folder(tmp_path, monkeypatch, hasty):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pool(folder):
    return imported()


@pytest.fixture(scope="module")
def blended(walked, tmp_path_factory):
    """The walked road with a blend."""
    folder = tmp_path_factory.mktemp("blended") / "road"
    shutil.copytree(walked, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ek.blend(name="both", **EQUAL)
    return folder


@pytest.fixture
def whole_road(blended, tmp_path, monkeypatch):
    shutil.copytree(blended, tmp_path / "road")
    monkeypatch.chdir(tmp_path / "road")


@pytest.fixture
def road(whole_road, hasty):
    return None


def page(report):
    return report.html.read_text(encoding="utf-8")


def words(report):
    """The text of the page without its tags."""
    return " ".join(
        unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", page(report), flags=re.S))).split()
    )


def test_the_figures_are_those_of_the_blend_and_the_json_holds_them_all(pool):
    made = ek.blend(name="logit-sum-auto", weights="greedy", **QUIET)
    report = ek.report(**QUIET)
    for name in vars(made):
        if name not in ("seconds", "submission_path", "diversity", "notes"):
            assert getattr(report.blend, name) == getattr(made, name), name
    assert (*report.blend.notes, made.notes[-1]) == made.notes
    assert made.notes[-1].startswith("No submission")
    told = vars(made.diversity) | {"equivalent_members": None}
    assert told.pop("near_duplicates") == report.blend.diversity.near_duplicates
    assert {name: getattr(report.blend.diversity, name) for name in told} == pytest.approx(told)
    held = json.loads(report.json.read_text(encoding="utf-8"))
    assert held["headline"] == report.headline
    assert held["blend"]["honest_accuracy"] == made.honest_accuracy
    assert (report.html, report.json) == (Path("reports/logit-sum-auto.html"), Path("reports/logit-sum-auto.json"))
    assert report.headline in words(report)


def test_classes_and_confusions_are_those_of_scikit_learn(pool):
    logits, labels = pool
    ek.blend(weights="m1=1", **QUIET)
    report = ek.report(**QUIET)
    wanted = confusion_matrix(labels, logits["m1"].argmax(axis=1))
    names = ("ape", "bee", "cat")
    found = {(one.label, one.predicted): one.images for one in report.confusion}
    for row, label in enumerate(names):
        for column, given in enumerate(names):
            assert found.get((label, given), 0) == wanted[row, column]
    for one in report.classes:
        row = wanted[names.index(one.name)]
        assert one.images == row.sum()
        assert one.accuracy == pytest.approx(row[names.index(one.name)] / row.sum())
    assert [one.accuracy for one in report.classes] == sorted(one.accuracy for one in report.classes)


def test_the_cross_fitted_classes_add_up_to_the_honest_estimate(pool):
    ek.blend(weights="greedy", method="prob-mean", **QUIET)
    report = ek.report(**QUIET)
    right = sum(one.images * one.accuracy for one in report.classes) / IMAGES
    assert right == pytest.approx(report.blend.honest_accuracy)
    assert sum(one.images for one in report.confusion) == pytest.approx(IMAGES)
    assert sum(one.images for one in report.reliability_after.bins) == pytest.approx(IMAGES)
    assert report.reliability_before.calibration == report.blend.calibration_before
    assert report.repeats == 4


def test_images_to_look_at_are_sorted_by_what_was_said_of_them(pool):
    logits, labels = pool
    ek.blend(["m0"], weights="m0=1", **QUIET)
    report = ek.report(top=7, **QUIET)
    truth = {f"val-{place:03d}.png": ("ape", "bee", "cat")[label] for place, label in enumerate(labels)}
    wrong = logits["m0"].argmax(axis=1) != labels
    assert len(report.wrong) == min(7, wrong.sum())
    for one in (*report.wrong, *report.label_errors):
        assert one.label == truth[one.image_id] != one.predicted
    shares = [one.share for one in report.wrong]
    assert shares == sorted(shares, reverse=True)
    assert [one.share for one in report.unsure] == sorted(one.share for one in report.unsure)
    assert len(report.unsure) == 7
    beliefs = [one.label_share for one in report.label_errors]
    assert beliefs == sorted(beliefs)


def test_label_errors_that_were_put_in_are_found_as_by_cleanlab(folder):
    random = np.random.default_rng(0)
    truth = np.arange(150) % CLASSES
    labels, flipped = truth.copy(), [7, 31, 70, 94, 111, 140]
    labels[flipped] = (labels[flipped] + 1) % CLASSES
    logits = 6.0 * np.eye(CLASSES)[truth] + 2.0 * random.normal(size=(150, CLASSES))
    add("sure", logits, labels)
    ek.blend(**EQUAL)
    report = ek.report(**QUIET)
    named = {int(one.image_id[4:7]) for one in report.label_errors}
    assert len(named & set(flipped)) >= 5
    assert report.label_errors_found == len(named) <= 7
    assert report.label_errors_expected == pytest.approx(len(named & set(flipped)), abs=1.5)
    assert report.label_noise_interval[0] < len(flipped) / 150 < report.label_noise_interval[1]
    assert (
        f"{len(named)} of 150 labels are suspected, and about {report.label_errors_expected:.0f} of these {len(named)} "
        "are expected to be wrong"
    ) in words(report)


def test_of_right_labels_a_weak_blend_names_none_and_the_page_says_why(folder):
    """Confident learning names a tenth of them, as cleanlab shows."""
    random = np.random.default_rng(1)
    logits = 2.6 * random.normal(size=(300, CLASSES))
    chances = softmax(logits, axis=1)
    labels = (random.uniform(size=(300, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    assert find_label_issues(labels, chances, filter_by="confident_learning", n_jobs=1).sum() > 20
    add("weak", logits, labels)
    ek.blend(**EQUAL)
    report = ek.report(**QUIET)
    assert (report.label_errors, report.label_errors_found, report.label_errors_expected) == ((), 0, 0)
    assert "No label is listed:" in words(report)


def test_confusions_are_whole_and_each_row_holds_the_images_of_its_class(pool):
    ek.blend(weights="greedy", method="prob-mean", **QUIET)
    report = ek.report(**QUIET)
    sizes = {one.name: one.images for one in report.classes}
    assert all(isinstance(one.images, int) for one in report.confusion)
    for name, images in sizes.items():
        assert sum(one.images for one in report.confusion if one.label == name) == images
    assert "each image counts once, with the class that most of the 4 repeats predicted" in words(report)


@pytest.mark.parametrize("method", ["majority-vote", "borda"])
def test_of_votes_it_says_that_they_are_no_probabilities(pool, method):
    ek.blend(method=method, weights="equal", **QUIET)
    report = ek.report(**QUIET)
    assert report.reliability_before is report.reliability_after is report.label_errors_found is None
    assert report.label_errors == ()
    said = words(report)
    assert f"Not available: {method} gives vote shares, which are no probabilities." in said
    assert f"this needs probabilities, and {method} gives vote shares" in said
    assert "Wrong with the largest vote share" in said


@pytest.mark.slow
def test_a_stack_has_no_state_before_its_temperatures(folder):
    imported(images=127, classes=("ape", "bee"), members=2)
    ek.blend(weights="stacking", **QUIET)
    report = ek.report(**QUIET)
    assert report.reliability_before is None
    assert report.reliability_after is not None
    assert "Stacking has no state before its temperatures" in words(report)
    assert report.confusion[0].label == "ape"


def test_one_member_has_nothing_to_be_compared_with(pool):
    ek.blend(["m2"], **EQUAL)
    report = ek.report(**QUIET)
    assert report.headline.endswith("it has one member, so there is nothing to compare it with.")
    assert report.disagreement is None
    assert [one.kind for one in report.costs] == ["member"]
    assert "There is only one member." in words(report)


def test_the_page_says_what_to_expect_on_test_as_the_terminal_does(road):
    report = ek.report(**QUIET)
    low, high = (f"{100 * bound:.1f}" for bound in report.blend.expected_on_test)
    told = f"If test is like val, expect {low} to {high} % on its {report.blend.evaluated.test_images} images"
    assert told in words(report)


def test_another_metric_stands_first_and_accuracy_beside_it(pool):
    made = ek.blend(metric="log-loss", **EQUAL)
    report = ek.report(**QUIET)
    assert f"is {made.this.honest_score:.3f} nats log-loss (95 %:" in report.headline
    assert "honest estimate, accuracy" in words(report)
    assert f"{made.best_single.gain.difference:+.3f} nats" in words(report)


def test_groups_are_counted_and_kept_whole(folder):
    imported(groups=[f"g{place // 3}" for place in range(IMAGES)])
    made = ek.blend(**EQUAL)
    report = ek.report(**QUIET)
    assert report.blend.honest_accuracy == made.honest_accuracy
    assert "in 34 groups" in words(report)


def test_few_images_of_which_one_class_has_none_are_enough(folder):
    random = np.random.default_rng(0)
    labels = np.arange(13) % 2
    for name in ("a", "b"):
        add(name, np.eye(3)[labels] + random.normal(size=(13, 3)), labels)
    ek.blend(**QUIET)
    report = ek.report(**QUIET)
    assert report.classes[-1] == replace(report.classes[-1], name="cat", images=0, accuracy=None, interval=None)
    assert "val holds no image of cat" in words(report)


def test_members_that_agree_stand_together(pool):
    logits, labels = pool
    add("twin", logits["m2"] + 0.01, labels)
    ek.blend(weights="equal", **QUIET)
    found = ek.report(**QUIET).disagreement
    assert abs(found.members.index("m2") - found.members.index("twin")) == 1
    for row, one in enumerate(found.members):
        for column, other in enumerate(found.members):
            classes = [logits["m2" if name == "twin" else name].argmax(axis=1) for name in (one, other)]
            assert found.shares[row][column] == pytest.approx((classes[0] != classes[1]).mean())


def test_tuned_on_oof_the_blend_is_evaluated_as_it_is(folder):
    for family, strength in (("cnn", 1.5), ("vit", 0.9)):
        for fold in (1, 2):
            fold_member(family, 2, fold, strength, cost={"ms_per_image": 2.0})
    made = ek.blend(tune_on="oof", **EQUAL)
    report = ek.report(**QUIET)
    assert report.repeats == 0
    assert report.blend.honest_accuracy == made.honest_accuracy
    assert sum(one.images * one.accuracy for one in report.classes) / VAL == pytest.approx(made.honest_accuracy)
    for ours, theirs in zip(report.blend.numbers.families, made.numbers.families, strict=True):
        assert (ours.family, ours.members) == (theirs.family, theirs.members)
        assert (ours.weight, ours.temperature) == pytest.approx((theirs.weight, theirs.temperature))
    assert "by the blend as it is" in words(report)
    assert "the best single family" in report.headline


def test_costs_are_marked_where_nothing_as_quick_is_better(folder):
    for name, strength, ms in (("slow", 1.5, 4.0), ("quick", 0.9, 1.0), ("slower", 1.4, 9.0)):
        fold_member(name, 2, 1, strength, cost={"ms_per_image": ms})
    made = ek.blend(max_ms=6, **EQUAL)
    report = ek.report(**QUIET)
    assert report.blend.full.costs == made.full.costs
    timed = [(one.ms, one.accuracy) for one in report.costs]
    assert timed == sorted(timed, key=lambda pair: pair[0])
    for one in report.costs:
        beaten = any(
            ms <= one.ms and better >= one.accuracy for ms, better in timed if (ms, better) != (one.ms, one.accuracy)
        )
        assert one.on_front != beaten
    assert {one.kind for one in report.costs} >= {"member", "equal", "blend"}


def test_old_figures_that_are_not_there_are_found_anew(pool):
    made = ek.blend(**EQUAL)
    saved = read_blend(made.blend_path)
    write_blend(Path("blends"), replace(saved, figures={"honest_accuracy": made.honest_accuracy}))
    assert ek.report(**QUIET).blend.equal.gain.difference == made.equal.gain.difference


def test_the_road_gives_images_learning_curves_and_views(road):
    report = ek.report(**QUIET)
    text = page(report)
    assert report.pictures_note is None
    assert text.count('<img src="data:image/png;base64,') == len(report.wrong) + len(report.unsure) + len(
        report.label_errors
    )
    for one in report.learning:
        assert (len(one.epochs), one.note) == (3, None)
    for one in report.looks:
        assert one.note is None
        assert [step.views for step in one.curve] == [1, 2, 3]
        assert len(one.views) == 3
    assert "<svg" in text
    assert "<script" not in text


def test_the_same_inputs_give_the_same_bytes(whole_road):
    first = ek.report(**QUIET)
    held = first.html.read_bytes(), first.json.read_bytes()
    second = ek.report(**QUIET)
    assert (second.html.read_bytes(), second.json.read_bytes()) == held


def test_without_images_runs_and_curves_it_says_so(road):
    for folder in ("data", "runs", "reports"):
        shutil.rmtree(folder)
    report = ek.report(**QUIET)
    assert "they are not found" in report.pictures_note
    assert "<img" not in page(report)
    said = words(report)
    assert "No curve of cnn, mlp: no metrics.csv of that name in runs." in said
    assert "No curve of cnn, mlp: none of that name in reports; ek tta makes one." in said


def test_images_that_cannot_be_read_are_named_and_others_shown(road):
    first = ek.report(**QUIET).unsure[0].image_id
    Path("data/val", first).write_bytes(b"no image")
    report = ek.report(**QUIET)
    assert "cannot be read" in words(report)
    assert page(report).count("<img") > 5


def test_images_that_were_replaced_are_warned_of(road):
    report = ek.report(**QUIET)
    assert not report.pictures_changed
    one, other = (Path("data/val", report.unsure[place].image_id) for place in (0, 1))
    one.write_bytes(other.read_bytes())
    report = ek.report(**QUIET)
    assert report.pictures_changed
    assert "changed after the members saw them, so thumbnails may show others" in words(report)
    assert "<img" in page(report)


def test_images_may_be_left_out(road):
    report = ek.report(thumbnails=False, **QUIET)
    assert "<img" not in page(report)
    assert report.pictures_note == "not asked for"


def test_what_lies_beside_the_members_and_is_of_others_is_passed_over(road):
    metrics, curve = Path("runs/cnn/metrics.csv"), Path("reports/cnn-views.json")
    metrics.write_text("epoch,train_loss\n1,2\n")
    Path("runs/cnn/state-7-0123456789ab.pt").touch()  # the member is about to be replaced
    curve.write_text('{"steps": [], "stop": 1, "val_images": 60}')  # as older versions wrote it, without a checksum
    report = ek.report(**QUIET)
    assert report.learning[0].note == "the metrics.csv that is there is of another run"
    assert report.looks[0].note == "the one that is there is of other views or images"


def test_metrics_that_are_not_those_of_the_run_are_refused_and_may_be_removed(road):
    metrics = Path("runs/cnn/metrics.csv")
    metrics.write_bytes(metrics.read_bytes().replace(b"1", b"7", 1))
    with pytest.raises(CorruptError, match="runs/cnn/metrics.csv is not what member 'cnn' was written with.*remove it"):
        ek.report(**QUIET)
    metrics.unlink()
    assert ek.report(**QUIET).learning[0].note == "no metrics.csv of that name in runs"


@pytest.mark.parametrize(
    "damage", [lambda data: data.replace(b"0.", b"1.", 1), lambda data: data[:-9], lambda data: b""]
)
def test_a_damaged_curve_of_views_is_refused_and_may_be_removed(road, damage):
    curve = Path("reports/cnn-views.json")
    curve.write_bytes(damage(curve.read_bytes()))
    with pytest.raises(CorruptError, match="reports/cnn-views.json is damaged. Make it again by ek tta, or remove it"):
        ek.report(**QUIET)
    curve.unlink()
    assert ek.report(**QUIET).looks[0].note == "none of that name in reports; ek tta makes one"


def test_the_commands_repeat_what_was_trained_and_looked_at(road):
    lines = [shlex.split(line) for line in ek.report(**QUIET).repeat.commands]
    assert [line[1] for line in lines] == ["train", "tta", "train", "tta", "blend"]
    for name, train, tta in (("cnn", *lines[0:2]), ("mlp", *lines[2:4])):
        asked = understood(command.commands["train"], train[2:])
        config = yaml.safe_load(Path(f"runs/{name}/config.yaml").read_text())
        chosen = resolve(asked["recipe"], {field: asked[field] for field in RANGES})
        assert chosen == Recipe(**{field: config[field] for field in RANGES})
        for option in ("name", "arch", "size", "seed", "keep", "metric", "device", "threads"):
            assert asked[option] == config[option], option
        assert asked["data"] == Path("data")
        asked = understood(command.commands["tta"], tta[2:])
        manifest = read_member(Path("predictions", name)).manifest
        assert ("identity", *asked["views"].split(",")) == manifest.views
        assert (asked["ckpt"], asked["choose"]) == (Path("runs", name), manifest.view_choice)
    asked = understood(command.commands["blend"], lines[-1][2:])
    assert (asked["members"], asked["name"], asked["method"]) == (("cnn", "mlp"), "both", "logit-sum")


def test_a_trained_width_stands_in_its_command(road):
    lines = ek.report(**QUIET).repeat.commands
    assert "--arch-option width=8" in lines[0]
    assert "--arch-option" not in lines[2]


def test_a_stale_pin_is_an_error(pool):
    logits, labels = pool
    ek.blend(**EQUAL)
    ek.members_rm("m1")
    add("m1", logits["m0"], labels)
    with pytest.raises(CorruptError, match="made from another state of member 'm1'"):
        ek.report(**QUIET)


def test_val_without_labels_is_an_error(pool):
    made = ek.blend(["m0"], **EQUAL)
    held = read_member(Path("predictions/m0"))
    bare = {"val": replace(held.split("val"), labels=None)}
    write_member(Path("predictions"), held.manifest, bare, replace=True)
    saved = read_blend(made.blend_path)
    pin = replace(saved.members[0], manifest_sha256=manifest_sha256(Path("predictions/m0")))
    write_blend(Path("blends"), replace(saved, members=(pin,)))
    with pytest.raises(BadDataError, match="no val labels, so nothing can be tuned or evaluated"):
        ek.report(**QUIET)


def test_a_blend_has_to_be_named_where_there_are_several(pool):
    with pytest.raises(InvalidOptionError, match="There is no blend in .*Make one"):
        ek.report(**QUIET)
    ek.blend(**EQUAL)
    ek.blend(method="prob-mean", **EQUAL)
    with pytest.raises(InvalidOptionError, match="holds 2 blends: logit-sum-equal, prob-mean-equal"):
        ek.report(**QUIET)
    with pytest.raises(InvalidOptionError, match="There is no blend"):
        ek.report("other", **QUIET)
    assert ek.report("blends/logit-sum-equal.json", **QUIET).blend.name == "logit-sum-equal"


@pytest.mark.parametrize(
    ("out", "match"),
    [
        ("page.png", "wanted a name that ends in .html"),
        ("blends/page.html", "something else is kept"),
        ("reports/m0-views.html", "something else is kept"),
        ("mine.html", "'mine.json' is there already, and is not as ek wrote it"),
        ("folder.html", "'folder.html' is a folder"),
        ("index.html", "'index.html' is there already, and is not as ek wrote it"),
    ],
)
def test_the_page_replaces_nothing_but_a_page(pool, out, match):
    ek.blend(**EQUAL)
    Path("mine.json").write_text('{"precious": true}')
    Path("folder.html").mkdir()
    Path("index.html").write_text("<title>My own page</title>")
    before = sorted(Path().rglob("*"))
    with pytest.raises(InvalidOptionError, match=match):
        ek.report(out=out, **QUIET)
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("top", [0, -1, 201])
def test_the_number_of_images_has_a_range(pool, top):
    with pytest.raises(InvalidOptionError, match="wanted a whole number from 1 to 200"):
        ek.report(top=top, **QUIET)


def test_a_package_that_is_missing_is_named(pool, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else sys)
    with pytest.raises(InvalidOptionError, match=r"needs jinja2: pip install 'jinja2>="):
        ek.report(**QUIET)


def test_the_command_prints_the_headline_and_where_the_page_is(pool):
    ek.blend(**EQUAL)
    done = CliRunner().invoke(command, ["report", "--quiet"])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].startswith("The honest estimate of blend 'logit-sum-equal' is ")
    assert lines[-2:] == ["page     reports/logit-sum-equal.html", "numbers  reports/logit-sum-equal.json"]
    assert max(map(len, lines)) <= 80
    printed = json.loads(CliRunner().invoke(command, ["report", "--quiet", "--json"]).output)
    assert printed == json.loads(Path("reports/logit-sum-equal.json").read_text())
