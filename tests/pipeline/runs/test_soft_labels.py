"""Learning from test images by soft labels of members that stand."""

import hashlib
import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.special import softmax

import ensemble_kit as ek
import ensemble_kit.training as training
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.pipeline.entry.signals import Stopped
from ensemble_kit.pipeline.runs.resume import Saver
from ensemble_kit.pipeline.runs.soup_members import Ingredient, common_plan
from ensemble_kit.reporting.train import trained
from ensemble_kit.storage.members.commit import read_manifest
from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.storage.members.read import read_predictions
from ensemble_kit.types import Predictions

TRAIN, VAL, TEST = 53, 31, 13
TINY = {
    "recipe": "assignment",
    "arch": "mlp",
    "arch_option": {"width": 7},
    "size": 16,
    "epochs": 2,
    "device": "cpu",
    "threads": 1,
    "quiet": True,
}
TAUGHT = {"name": "student", "seed": 5, "unlabelled": "test", "teacher": "stranger,mlp"}
PREDICTIONS = Path("predictions")


def pixels_of(path):
    """The pixels of an image that is drawn at the size in hand, so that nothing resizes it."""
    return np.array(Image.open(path).convert("RGB")).transpose(2, 0, 1)


def stranger(mlp, folder):
    """Write an imported member whose images and classes stand in another order than those of the other member."""
    random, splits = np.random.default_rng(7), {}
    classes = mlp["val"].classes[3:] + mlp["val"].classes[:3]
    for split, one in mlp.items():
        order = random.permutation(len(one.ids))
        labels = None
        if one.labels is not None:
            labels = np.array([classes.index(one.classes[label]) for label in one.labels[order]])
        logits = random.normal(size=(1, len(one.ids), len(classes))).astype(np.float32)
        ids = tuple(one.ids[row] for row in order)
        splits[split] = replace(
            one, member="stranger", views=("identity",), ids=ids, classes=classes, logits=logits, labels=labels
        )
    write_member(folder, Manifest("stranger", "somebody's", "imported", classes), splits)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A working folder with drawn images, one of val among those of test, and two members that can teach."""
    folder = tmp_path_factory.mktemp("soft")
    ek.demo_data(folder / "data", train=TRAIN, val=VAL, test=TEST, size=16, quiet=True)
    shutil.copy(next((folder / "data/val").rglob("*.png")), folder / "data/test/00-of-val.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ek.train("data", **TINY)
        ek.tta("runs/mlp", views="flips,scale@1.1", device="cpu", quiet=True)
        mlp = {split: read_predictions(PREDICTIONS / "mlp", split) for split in ("val", "test")}
        stranger(mlp, PREDICTIONS)
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of it to work in."""
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def learnt(monkeypatch):
    """What the loop was given."""
    seen, genuine = SimpleNamespace(), training.fit

    def fit(module, images, labels, *given, **more):
        seen.images, seen.labels, seen.soft = images.numpy().copy(), labels.numpy(), more["soft_labels"]
        return genuine(module, images, labels, *given, **more)

    monkeypatch.setattr(training, "fit", fit)
    return seen


def chances(name):
    """By image, a member's probability of each class: softmax of the plain mean of its logits over views."""
    one = read_predictions(PREDICTIONS / name, "test")
    rows = softmax(one.logits.astype(float).mean(axis=0), axis=1)
    return {image_id: dict(zip(one.classes, row, strict=True)) for image_id, row in zip(one.ids, rows, strict=True)}


def test_the_soft_labels_are_the_plain_mean_of_the_members_probabilities_whatever_order_theirs_is(here, learnt):
    ek.train("data", **TINY, **TAUGHT)
    classes = read_manifest(PREDICTIONS / "student").classes
    by_member = [chances(name) for name in ("stranger", "mlp")]
    names = sorted(path.name for path in Path("data/test").iterdir() if path.name != "00-of-val.png")
    expected = [[np.mean([one[name][label] for one in by_member]) for label in classes] for name in names]
    assert np.allclose(learnt.soft.numpy(), expected, atol=1e-6)
    assert len(learnt.labels) == TRAIN
    assert len(learnt.images) == TRAIN + TEST
    for name, pixels in zip(names, learnt.images[TRAIN:], strict=True):
        assert np.array_equal(pixels, pixels_of(Path("data/test") / name))


def test_no_image_of_val_is_learnt_from_though_it_stands_in_test_too(here, learnt):
    ek.train("data", **TINY, **TAUGHT)
    val = {pixels_of(path).tobytes() for path in Path("data/val").rglob("*.png")}
    assert pixels_of("data/test/00-of-val.png").tobytes() in val
    assert not val & {image.tobytes() for image in learnt.images}


def test_an_image_that_cannot_be_read_is_not_learnt_from(here, learnt):
    Path("data/test/13-broken.png").write_bytes(b"\x89PNG")
    ek.train("data", **TINY, name="reader", skip_bad=True)
    ek.train("data", **TINY, **{**TAUGHT, "teacher": ["reader"]}, skip_bad=True)
    assert len(learnt.soft) == TEST


def test_the_member_says_who_taught_it_and_how_many_images(here):
    report = ek.train("data", **TINY, **TAUGHT)
    said = read_manifest(PREDICTIONS / "student").training
    files = {name: (PREDICTIONS / name / "member.json").read_bytes() for name in ("stranger", "mlp")}
    assert said["teacher"] == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert (said["unlabelled"], said["unlabelled_images"]) == ("test", TEST)
    assert (report.unlabelled_images, report.teacher) == (TEST, ("mlp", "stranger"))
    sentence = "Learnt from 13 test images too, by soft labels: the mean probabilities of mlp, stranger."
    assert sentence in " ".join(trained(report).split())
    assert read_manifest(PREDICTIONS / "student").val_used_for == ()


def test_a_member_that_was_not_taught_says_nothing_of_it(here):
    said = read_manifest(PREDICTIONS / "mlp").training
    assert {said.get(name) for name in ("unlabelled", "unlabelled_images", "teacher")} == {None}
    assert "unlabelled" not in Path("runs/mlp/config.yaml").read_text(encoding="utf-8")


def test_its_config_and_its_command_of_the_page_repeat_it(here):
    ek.train("data", **TINY, **TAUGHT)
    done = CliRunner().invoke(command, ["train", "--config", "runs/student/config.yaml", "--name", "again"])
    assert done.exit_code == 0, done.stderr
    one, other = (read_predictions(PREDICTIONS / name, "test").logits for name in ("student", "again"))
    assert one.tobytes() == other.tobytes()
    assert read_manifest(PREDICTIONS / "again").training["teacher"]


def test_a_blend_with_a_taught_member_says_so_and_how_it_is_repeated(here):
    ek.train("data", **TINY, **TAUGHT)
    notes = ek.blend(["mlp", "student"], quiet=True).notes
    assert [one for one in notes if one.startswith("student: learnt from test images too, by soft labels.")]
    repeat = ek.report(quiet=True, thumbnails=False).repeat
    assert "--unlabelled test" in repeat.commands[2]
    assert "--teacher mlp,stranger" in repeat.commands[2]
    assert "Members that gave soft labels, and their views, have to be made first." in repeat.notes


def stop_at(step, monkeypatch):
    genuine = Saver.pause

    def pause(saver, take):
        if saver.steps_done == step:
            signal.raise_signal(signal.SIGTERM)
        genuine(saver, take)

    monkeypatch.setattr(Saver, "pause", pause)


def test_a_stopped_run_goes_on_to_the_same_bits(here, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(3, patch)
        with pytest.raises(Stopped):
            ek.train("data", **TINY, **TAUGHT)
    ek.train("data", **TINY, **TAUGHT, resume=True)
    ek.train("data", **TINY, **{**TAUGHT, "name": "whole"})
    one, other = (read_predictions(PREDICTIONS / name, "test").logits for name in ("student", "whole"))
    assert one.tobytes() == other.tobytes()


def test_a_run_whose_teacher_has_changed_or_is_another_is_not_gone_on_with(here, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(3, patch)
        with pytest.raises(Stopped):
            ek.train("data", **TINY, **TAUGHT)
    was = hashlib.sha256((PREDICTIONS / "mlp/member.json").read_bytes()).hexdigest()[:12]
    with pytest.raises(InvalidOptionError, match=r"teacher: mlp=\w+, stranger=\w+ there, mlp=\w+ here"):
        ek.train("data", **TINY, **{**TAUGHT, "teacher": "mlp"}, resume=True)
    with pytest.raises(
        InvalidOptionError, match=r"unlabelled: test there, nothing here\n  teacher: .* there, nothing here\nGo"
    ):
        ek.train("data", **TINY, name="student", seed=5, resume=True)
    ek.tta("runs/mlp", views="scale@1.2", device="cpu", quiet=True)
    with pytest.raises(
        InvalidOptionError, match=rf"teacher: mlp={was}, stranger=(\w+) there, mlp=(?!{was})\w+, stranger=\1 here"
    ):
        ek.train("data", **TINY, **TAUGHT, resume=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"teacher": None}, r"--unlabelled test needs members .*: --teacher MEMBER\[,MEMBER\.\.\.\]; ek members lists"),
        ({"unlabelled": None}, "--teacher mlp,stranger gives soft labels to images without .* --unlabelled test"),
        ({"unlabelled": "val"}, "--unlabelled is 'val'; wanted test"),
        ({"folds": 3}, "--unlabelled test does not go with --folds: .* Train on all of train"),
        ({"teacher": "mlp,nobody"}, "No member 'nobody' in predictions"),
        ({"name": "mlp", "replace": True}, "'mlp' cannot be its own --teacher. Choose another --name."),
    ],
)
def test_what_cannot_be_taught_is_refused_with_the_remedy(here, given, message):
    before = (PREDICTIONS / "mlp/member.json").read_bytes()
    with pytest.raises(InvalidOptionError, match=message):
        ek.train("data", **TINY, **{**TAUGHT, **given})
    assert (PREDICTIONS / "mlp/member.json").read_bytes() == before


def test_a_member_that_val_had_a_part_in_making_cannot_teach(here):
    ek.train("data", **TINY, name="chosen", keep="best")
    with pytest.raises(InvalidOptionError, match=r"val had a part in making 'chosen' \(epoch\).* --keep last"):
        ek.train("data", **TINY, **{**TAUGHT, "teacher": "mlp,chosen"})


def test_a_member_that_may_have_learnt_from_the_val_images_here_cannot_teach(here):
    shutil.copytree("data/train", "other/train")
    shutil.copytree("data/test", "other/test")
    ek.train("other", **TINY, name="split", val_fraction=0.3)
    with pytest.raises(MisalignedError, match=r"'split' has \d\d val images, 'the images here' has 31"):
        ek.train("data", **TINY, **{**TAUGHT, "teacher": "split"})
    mlp = read_predictions(PREDICTIONS / "mlp", "test")
    write_member(PREDICTIONS, Manifest("bare", "a", "imported", mlp.classes, mlp.views, (1 / 3,) * 3), {"test": mlp})
    with pytest.raises(InvalidOptionError, match="'bare' has no val, so it may have learnt from the val images here"):
        ek.train("data", **TINY, **{**TAUGHT, "teacher": "bare"})


def test_a_member_of_other_images_under_the_same_names_cannot_teach(here):
    shutil.copy("data/test/00-of-val.png", next(Path("data/val").rglob("*.png")))
    first, second = sorted(Path("data/test").iterdir())[1:3]
    shutil.copy(first, second)
    with pytest.raises(MisalignedError, match=r"the (val|test) images of 'mlp' are not those here: wanted fingerprint"):
        ek.train("data", **TINY, **{**TAUGHT, "teacher": "mlp"})


def test_where_every_test_image_is_in_val_too_there_are_none_to_learn_from(here):
    for path in Path("data/test").iterdir():
        shutil.copy(next(Path("data/val").rglob("*.png")), path)
    ek.train("data", **TINY, name="reader")
    with pytest.raises(InvalidOptionError, match=r"unreadable or in val too, .* Drop --unlabelled\."):
        ek.train("data", **TINY, **{**TAUGHT, "teacher": "reader"})


def test_without_test_images_there_is_nothing_to_learn_from(here):
    shutil.rmtree("data/test")
    with pytest.raises(MisalignedError, match="There are no test images to learn from. Give --test-dir DIR"):
        ek.train("data", **TINY, **TAUGHT)


def ingredient(plan):
    """A member of a soup of which its plan alone is asked."""
    val = Predictions("a", "val", ("identity",), ("x",), ("cat",), np.zeros((1, 1, 1), np.float32))
    return Ingredient(Manifest("a", "mlp", "trained", ("cat",)), Path("a"), {"plan": plan}, [], val)


def test_a_soup_of_taught_members_names_all_their_teachers():
    plain = {"hyperparameters": {"dropout": 0.0}, "keep": "last", "skip_bad": False}
    taught = {"unlabelled": "test", "unlabelled_images": 13}
    plans = [plain, plain | taught | {"teacher": {"a": "1"}}, plain | taught | {"teacher": {"b": "2"}}]
    plan = common_plan("soup", [ingredient(one) for one in plans], {})
    assert plan["teacher"] == {"a": "1", "b": "2"}
    assert (plan["unlabelled"], plan["unlabelled_images"]) == ("test", 13)
    assert "teacher" not in common_plan("soup", [ingredient(plain)] * 2, {})


def test_the_command_says_what_was_learnt_from(here):
    words = ["train", "--data", "data", "--arch", "mlp", "--arch-option", "width=7", "--size", "16", "--epochs", "1"]
    words += ["--name", "typed", "--unlabelled", "test", "--teacher", "mlp", "--device", "cpu", "--json", "--quiet"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["unlabelled_images"], found["teacher"]) == (TEST, ["mlp"])
