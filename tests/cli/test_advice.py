"""Commands that errors and reports advise run as they are printed."""

import hashlib
import re
import shlex
import shutil
from dataclasses import fields
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

import ensemble_kit as ek
from ensemble_kit.cli.group.advice import TYPED, with_folders
from ensemble_kit.cli.group.root import ek as command
from ensemble_kit.errors import CorruptError, EnsembleKitError
from ensemble_kit.pipeline.runs.resume import go_on
from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.types import Predictions
from ensemble_kit.workspace import Workspace

IMAGES = 41
FAST = {"weights": "equal", "quiet": True}
ADVISED = re.compile(r"(?:: |`|Next: )ek (.+?)(?=`|\. |\.$|$|;)", re.MULTILINE)


def advised(text):
    """The commands that a message tells to type, in words, without `ek`."""
    return [shlex.split(words) for words in ADVISED.findall(" ".join(text.split()))]


def typed(*words):
    return CliRunner().invoke(command, words)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(3)
    labels, classes = np.arange(IMAGES) % 3, ("a", "b", "c")
    for name in ("cnn", "mlp"):
        made = Manifest(name, "cnn", "trained", classes, checkpoint_sha256=hashlib.sha256(name.encode()).hexdigest())
        splits = {}
        for split, known in (("val", labels), ("test", None)):
            ids = tuple(f"{split}-{place:02d}.png" for place in range(IMAGES))
            logits = (random.normal(size=(1, IMAGES, 3)) + 2 * np.eye(3)[labels]).astype(np.float32)
            splits[split] = Predictions(name, split, ("identity",), ids, classes, logits, known)
        write_member(Path("predictions"), made, splits)
    return tmp_path


def refused(call):
    with pytest.raises(EnsembleKitError) as caught:
        call()
    return str(caught.value)


def test_after_a_rename_the_advice_has_the_present_name_and_runs(folder):
    Path("new").mkdir()
    ek.blend(["cnn", "mlp"], name="pair", **FAST)
    ek.members_rename("cnn", "a better name")
    for call in (
        lambda: ek.predict("new", blend="pair", quiet=True),
        lambda: ek.export("pair", quiet=True),
        lambda: ek.compare("pair", "mlp", quiet=True),
        lambda: ek.report("pair", quiet=True),
    ):
        said = refused(call)
        assert "needs member 'cnn', whose name is 'a better name' now" in said
        (words,) = advised(said)
        assert words == shlex.split("blend --method logit-sum --weights equal --name pair 'a better name' mlp")
    done = typed(*words)
    assert done.exit_code == 0, done.output
    assert "whose name is" not in refused(lambda: ek.predict("new", blend="pair", quiet=True))


@pytest.mark.parametrize(
    ("change", "left", "weights"),
    [
        (lambda: ek.members_rename("mlp", "flat"), ["cnn", "flat"], "cnn=1,mlp=2"),
        (lambda: (ek.members_rename("cnn", "x"), ek.members_rename("mlp", "cnn")), ["x", "cnn"], "equal"),
        (lambda: ek.members_rm("mlp"), ["cnn"], "cnn=1,mlp=2"),
    ],
    ids=["renamed", "names moved on", "removed"],
)
def test_the_way_to_refresh_a_blend_runs_and_gives_the_members_that_are_left(folder, change, left, weights):
    ek.blend(["cnn", "mlp"], name="pair", weights=weights, quiet=True)
    change()
    (words,) = advised(refused(lambda: ek.predict("new", blend="pair", quiet=True)))
    assert words[-len(left) :] == left
    done = typed(*words)
    assert done.exit_code == 0, done.output


def test_a_changed_and_renamed_member_is_known_by_its_checkpoint(folder):
    ek.blend(["cnn", "mlp"], name="pair", **FAST)
    ek.members_rename("cnn", "other")
    from ensemble_kit.storage.members import read_manifest, set_view_weights

    views = read_manifest(Path("predictions/other")).views
    set_view_weights(Path("predictions"), "other", dict.fromkeys(views, 1 / len(views)), "equal")
    assert "whose name is 'other' now" in refused(lambda: ek.compare("pair", "mlp", quiet=True))


def test_where_no_member_is_left_no_command_is_advised(folder):
    ek.blend(["cnn", "mlp"], name="pair", **FAST)
    shutil.rmtree("predictions")
    Path("predictions").mkdir()
    with pytest.raises(CorruptError, match="None of its members is there: restore them from a copy"):
        ek.predict("new", blend="pair")


def test_folders_that_were_named_go_on_into_the_advice(folder):
    shutil.move("predictions", "my members")
    place = ("--predictions", "my members", "--blends=b", "--cache", "c")
    assert typed("blend", *place, "--submissions", "s", "--weights", "equal", "--name", "pair").exit_code == 0
    assert typed("members", "rename", "cnn", "first", "--predictions", "my members").exit_code == 0
    done = typed("compare", "pair", "mlp", *place)
    assert done.exit_code == CorruptError.exit_code
    (words,) = advised(done.output)
    assert words[:7] == ["blend", "--predictions", "my members", "--blends", "b", "--cache", "c"]
    again = typed(*words)
    assert again.exit_code == 0, again.output


def test_an_advice_takes_only_folders_that_its_command_has():
    ctx = click.Context(command)
    ctx.meta[TYPED] = ["train", *(word for one in fields(Workspace) for word in (f"--{one.name}", "x"))]
    assert with_folders("See ek zoo, or ek members rm cnn.", ctx) == (
        "See ek zoo, or ek members rm --predictions x cnn."
    )
    ctx.meta[TYPED] = ["train", "--data", "d"]
    assert with_folders("Next: ek blend", ctx) == "Next: ek blend"


def next_of(done):
    """The words of the command that a report advises next."""
    assert done.exit_code == 0, done.output
    return shlex.split(done.output.strip().splitlines()[-1].removeprefix("Next: ek "))


@pytest.fixture
def blanks(tmp_path, monkeypatch):
    """A drawn data set and a run in folders with blanks and quotes, each command typed as the one before advises."""
    monkeypatch.chdir(tmp_path)
    drawn = next_of(typed("demo-data", "Ann's data", "--train", "20", "--val", "10", "--test", "10", "--size", "16"))
    assert drawn == ["train", "--data", "Ann's data", "--arch", "cnn"]
    return [*drawn[:-1], "mlp", "--epochs", "1", "--runs", "my runs", "--quiet"]


def test_what_is_advised_next_runs_though_folders_and_names_have_blanks_and_quotes(blanks):
    advised_next = next_of(typed(*blanks, "--name", "a 'b' c"))
    assert advised_next[:3] == ["tta", "--ckpt", "my runs/a 'b' c"]
    assert next_of(typed(*advised_next)) == ["blend"]
    assert typed(*blanks, "--name", "two", "--seed", "1").exit_code == 0
    soup = next_of(typed("soup", "a 'b' c", "two", "--name", "so up", "--runs", "my runs", "--quiet"))
    assert "my runs/so up" in soup or soup == ["members", "rm", "so up"]
    assert typed(*soup).exit_code == 0


def test_the_blend_that_a_family_of_folds_advises_takes_its_name_as_one_word(blanks):
    advised_next = next_of(typed(*blanks, "--name", "fold er", "--folds", "2"))
    assert advised_next == ["blend", "fold er", "--tune-on", "oof"]
    assert typed(*advised_next).exit_code == 0


def test_errors_advise_commands_with_their_names_quoted(blanks):
    assert typed(*blanks, "--name", "fold er", "--folds", "2", "--fold", "1").exit_code == 0
    for name, more in (("my net", ()), ("other", ("--seed", "1"))):
        assert typed(*blanks, "--name", name, *more).exit_code == 0
        assert typed("blend", name, "--name", f"of {name}").exit_code == 0
    shutil.move("predictions/other", "elsewhere")
    (words,) = advised(typed("predict", "--ckpt", "my runs/other", "Ann's data/val").output)
    assert words == ["tta", "--ckpt", "my runs/other"]
    shutil.move("elsewhere", "predictions/other")
    (words,) = advised(typed("compare", "of my net", "of other", "--temperatures", "none").output)
    assert words == ["blend", "my net", "--temperatures", "none"]
    *_, words = advised(typed("blend", "fold er-fold-1", "--tune-on", "oof").output)
    assert words == ["train", "--folds", "2", "--fold", "2", "--name", "fold er"]


def test_the_way_to_go_on_with_a_run_is_quoted():
    said = go_on(Path("my runs/it's"), Path("my members"))
    config = "my runs/it's/unfinished.yaml"
    assert shlex.split(said)[1:5] == ["train", "--config", config, "--resume"]
    assert shlex.split(said)[5:] == ["--runs", "my runs", "--predictions", "my members"]
