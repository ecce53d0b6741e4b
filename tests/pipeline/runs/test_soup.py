"""Soups on the road: weights and logits are computed again here, from the files."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.numpy import load_file
from torch.optim.swa_utils import update_bn

import ensemble_kit as ek
import models_zoo
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import CorruptError, InvalidOptionError, LockedError, MisalignedError, UnknownNameError
from ensemble_kit.pipeline.models.checkpoint_plan import rebuild
from ensemble_kit.reporting.soup import cooked
from ensemble_kit.storage.files.atomic import locked
from ensemble_kit.storage.runs.runs import find_checkpoint, read_checkpoint

FAST = {"quiet": True, "device": "cpu"}
PLAIN = {"recipe": "assignment", **FAST}


def manifest(name, predictions="predictions"):
    return json.loads(Path(predictions, name, "member.json").read_text())


def val_of(name):
    files = manifest(name)["files"]["val"]
    ids = [line.split(",")[0] for line in Path("predictions", name, files["rows"]["file"]).read_text().splitlines()[1:]]
    return np.load(Path("predictions", name, files["logits"]["file"]), allow_pickle=False)[0], ids


def weights_of(run):
    return load_file(find_checkpoint(Path("runs", run)))


def pixels_of(ids, folder):
    """The images as floats; at 24 px they are drawn at the size that members look at."""
    stack = np.stack([np.asarray(Image.open(Path(folder, one)).convert("RGB")).transpose(2, 0, 1) for one in ids])
    return torch.from_numpy(stack.copy()).float() / 255


def accuracy_of(name):
    logits, ids = val_of(name)
    return np.mean(
        [manifest(name)["classes"][row.argmax()] == one.split("/")[0] for row, one in zip(logits, ids, strict=True)]
    )


@pytest.fixture(scope="module")
def cooked_road(walked, tmp_path_factory):
    """The road with siblings: cnn's weights trained a little further, twice; and an mlp of another seed."""
    folder = tmp_path_factory.mktemp("soup") / "road"
    shutil.copytree(walked, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        start = {"weights": find_checkpoint(Path("runs/cnn")), "arch_option": {"width": 8}, "family": "kin"}
        for seed in (1, 2):
            ek.train("data", "cnn", name=f"kin-{seed}", seed=seed, epochs=1, lr=1e-3, **start, **PLAIN)
        ek.train("data", "mlp", name="mlp-2", seed=7, epochs=3, **PLAIN)
    return folder


@pytest.fixture
def kitchen(cooked_road, tmp_path, monkeypatch):
    folder = tmp_path / "kitchen"
    shutil.copytree(cooked_road, folder)
    monkeypatch.chdir(folder)
    return folder


def test_a_uniform_soup_without_batch_norms_is_the_network_of_the_mean_weights(kitchen):
    report = ek.soup(["mlp", "mlp-2"], "soup", **FAST)
    a, b, mean = weights_of("mlp"), weights_of("mlp-2"), weights_of("soup")
    for name in a:
        np.testing.assert_allclose(mean[name], (a[name].astype(np.float64) + b[name]) / 2, rtol=1e-6, atol=1e-9)
    network = models_zoo.build("mlp", 10, 24)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in mean.items()})
    logits, ids = val_of("soup")
    with torch.inference_mode():
        np.testing.assert_allclose(logits, network.eval()(pixels_of(ids, "data/val")), atol=1e-4)
    assert report.norms == 0
    assert "no batch norm" in cooked(report)
    assert "test" in manifest("soup")["files"]


def test_batch_norms_get_the_statistics_of_the_training_images(kitchen):
    report = ek.soup(["kin-1", "kin-2"], "soup", **FAST)
    state, facts = read_checkpoint(find_checkpoint(Path("runs/soup")))
    network = rebuild(facts, state)
    paths = sorted(Path("data/train").glob("*/*.png"))
    assert report.train_images == len(paths) == 150
    update_bn(torch.split(pixels_of([one.relative_to("data/train") for one in paths], "data/train"), 50), network)
    first = next(name for name in network.state_dict() if name.endswith("running_mean"))  # sees the images alone
    torch.testing.assert_close(network.state_dict()[first], state[first], rtol=1e-4, atol=1e-5)
    olds = [weights_of(name)[first] for name in ("kin-1", "kin-2")]
    assert not np.allclose(sum(olds) / 2, state[first], rtol=1e-3)
    assert report.norms == 3
    assert "3 batch norms taken again from 150 training images" in " ".join(cooked(report).split())


def test_what_a_soup_says_of_itself(kitchen):
    report = ek.soup(["kin-1", "kin-2"], "soup", **FAST)
    said = manifest("soup")
    listed = said["training"]["soup"]
    assert (listed["method"], listed["metric"]) == ("uniform", None)
    assert {one["name"]: one["checkpoint_sha256"] for one in listed["ingredients"]} == {
        name: manifest(name)["checkpoint_sha256"] for name in ("kin-1", "kin-2")
    }
    assert all(one["kept"] for one in listed["ingredients"])
    assert (said["source"], said["family"], said["seed"], said["recipe"]) == ("trained", "kin", None, "assignment")
    assert said["training"]["hyperparameters"]["lr"] == 1e-3
    assert said["training"]["source"]["data"] == manifest("kin-1")["training"]["source"]["data"]
    assert said["val_used_for"] == []
    assert sorted(path.name for path in Path("runs/soup").iterdir()) == [
        ".lock",
        find_checkpoint(Path("runs/soup")).name,
    ]
    assert (said["config_sha256"], said["metrics_sha256"]) == (None, None)
    facts = read_checkpoint(find_checkpoint(Path("runs/soup")))[1]
    assert facts["soup"] == listed
    assert report.soup.accuracy == pytest.approx(accuracy_of("soup"))
    assert report.mean_accuracy == pytest.approx((accuracy_of("kin-1") + accuracy_of("kin-2")) / 2)
    assert report.member.val_accuracy == report.soup.accuracy


def test_what_only_one_ingredient_is_of_is_not_said_of_the_soup(kitchen):
    ek.soup(["cnn", "kin-1"], "soup", **FAST)
    said = manifest("soup")
    assert (said["family"], said["training"]["weights"], said["training"]["kept_epoch"]) == (None, None, None)
    assert (said["training"]["hyperparameters"]["lr"], said["training"]["hyperparameters"]["dropout"]) == (
        None,
        manifest("cnn")["training"]["hyperparameters"]["dropout"],
    )


def test_a_soup_is_an_ordinary_member(kitchen):
    ek.soup(["kin-1", "kin-2"], "soup", **FAST)
    report = ek.tta("runs/soup", views="flips", **FAST)
    assert (report.member, [view.view for view in report.views]) == ("soup", ["identity", "hflip"])
    ek.members_rename("soup", "broth")
    assert ek.members(verify=True).verified > 0
    assert ek.tta("runs/soup", views="vflip", **FAST).member == "broth"
    ek.predict(["data/val"], ckpt="runs/soup", out="new.csv", **FAST)
    logits, ids = val_of("broth")
    best = {one: manifest("broth")["classes"][row.argmax()] for one, row in zip(ids, logits, strict=True)}
    assert len(Path("new.csv").read_text().splitlines()) == 61
    assert len(best) == 60


def test_a_soup_that_is_looked_at_again_gives_the_same_logits(kitchen):
    ek.soup(["kin-1", "kin-2"], "soup", **FAST)
    before, _ = val_of("soup")
    ek.tta("runs/soup", views="identity", predictions="again", engine="eager", **FAST)
    file = manifest("soup", "again")["files"]["val"]["logits"]["file"]
    np.testing.assert_allclose(np.load(Path("again", "soup", file), allow_pickle=False)[0], before, atol=1e-4)


def test_a_greedy_soup_is_no_worse_than_its_best_ingredient_and_val_evaluated_it(kitchen):
    report = ek.soup(["cnn", "kin-1", "kin-2"], "soup", method="greedy", metric="accuracy", **FAST)
    assert [one.score for one in report.ingredients] == sorted((one.score for one in report.ingredients), reverse=True)
    assert report.ingredients[0].kept
    assert report.soup.accuracy >= max(accuracy_of(name) for name in ("cnn", "kin-1", "kin-2"))
    assert manifest("soup")["val_used_for"] == ["soup"]
    assert manifest("soup")["training"]["soup"]["metric"] == "accuracy"
    assert [one["kept"] for one in manifest("soup")["training"]["soup"]["ingredients"]] == [
        one.kept for one in report.ingredients
    ]


def spoil(name, run):
    """Write a member whose weights are those of a run, negated: whatever it is averaged with is lost."""
    from ensemble_kit.storage.members.members import write_member
    from ensemble_kit.storage.members.read import read_member
    from ensemble_kit.storage.runs.runs import write_checkpoint

    state, facts = read_checkpoint(find_checkpoint(Path("runs", run)))
    bad = {key: -value if key.endswith("weight") else value for key, value in state.items()}
    stored = write_checkpoint(Path("runs", name), bad, {**facts, "plan": {**facts["plan"], "name": name}})
    member = read_member(Path("predictions", run))
    splits = {
        split: dataclasses.replace(one, member=name, views=("identity",), logits=np.array(one.logits[:1]) / 9)
        for split, one in member.splits.items()
    }
    changed = {"name": name, "run": f"runs/{name}", "checkpoint_sha256": stored.sha256, "config_sha256": None}
    plain = {"views": ("identity",), "view_weights": (1.0,), "view_ms": (), "metrics_sha256": None}
    write_member(Path("predictions"), dataclasses.replace(member.manifest, **changed, **plain), splits)


def test_a_greedy_soup_of_one_is_that_one_to_the_bit_and_says_so(kitchen):
    spoil("bad", "kin-1")
    report = ek.soup(["bad", "kin-1"], "soup", method="greedy", **FAST)
    assert [(one.name, one.kept) for one in report.ingredients] == [("kin-1", True), ("bad", False)]
    ours, theirs = weights_of("soup"), weights_of("kin-1")
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert manifest("soup")["seed"] == 1
    assert not report.settled
    assert "the soup is 'kin-1' under another name" in cooked(report)
    assert "keep the statistics that they came with" in cooked(report)


def test_a_spoiled_soup_is_written_with_a_warning(kitchen):
    spoil("bad", "mlp")
    report = ek.soup(["bad", "mlp"], "soup", **FAST)
    assert report.soup.accuracy == 0.1  # all weights cancel: one class of ten, whatever the image
    assert report.mean_accuracy == pytest.approx(accuracy_of("mlp"))
    assert report.mean_accuracy > 0.15
    assert report.spoiled
    text = cooked(report)
    assert "Warning: the soup is" in text
    assert text.endswith("Next: ek members rm soup")
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("method", ["uniform", "greedy"])
def test_a_soup_whose_views_are_made_again_is_still_a_soup(kitchen, method):
    ek.soup(["kin-1", "kin-2"], "soup", method=method, **FAST)
    before, logits = manifest("soup"), val_of("soup")[0]
    assert before["training"]["soup"]["method"] == method
    assert before["val_used_for"] == (["soup"] if method == "greedy" else [])
    report = ek.tta("runs/soup", views="hflip", choose="none", replace=True, engine="eager", **FAST)
    assert set(report.computed) == {"identity", "hflip"}
    after = manifest("soup")
    for said in ("training", "val_used_for", "family", "seed", "recipe", "source", "checkpoint_sha256"):
        assert after[said] == before[said], said
    np.testing.assert_allclose(val_of("soup")[0], logits, atol=1e-4)


def test_what_val_chose_for_an_ingredient_it_chose_for_the_soup(kitchen):
    ek.train("data", "mlp", name="best", seed=3, epochs=1, keep="best", patience=1, **PLAIN)
    ek.soup(["mlp", "best"], "soup", **FAST)
    assert manifest("soup")["val_used_for"] == ["epoch", "early stop"]


def test_images_that_moved_are_found_by_data_and_others_are_refused(kitchen):
    shutil.move("data", "elsewhere")
    ek.soup(["kin-1", "kin-2"], "soup", data="elsewhere", **FAST)
    assert manifest("soup")["training"]["source"]["data"] == "../../elsewhere"
    next(Path("elsewhere/train").glob("*/*.png")).unlink()
    with pytest.raises(MisalignedError, match=r"The train images are not those that 'kin-\d' and its like"):
        ek.soup(["kin-1", "kin-2"], "soup-2", data="elsewhere", **FAST)


def test_a_name_that_is_taken_is_replaced_on_request_only_and_old_files_go(kitchen):
    with pytest.raises(InvalidOptionError, match="mlp is there already. Choose another --name, or give --replace"):
        ek.soup(["kin-1", "kin-2"], "mlp", **FAST)
    ek.members_rm("mlp-2")
    with pytest.raises(InvalidOptionError, match=r"runs/mlp-2/.* is there already"):
        ek.soup(["kin-1", "kin-2"], "mlp-2", **FAST)
    ek.soup(["kin-1", "kin-2"], "mlp", replace=True, **FAST)
    assert manifest("mlp")["arch"] == "cnn"
    assert {path.suffix for path in Path("runs/mlp").iterdir()} == {"", ".safetensors"}
    ek.members(verify=True)
    with locked(Path("runs/held")), pytest.raises(LockedError, match="another process has held its lock"):
        ek.soup(["kin-1", "kin-2"], "held", **FAST)


def test_a_soup_never_takes_the_place_of_an_ingredient(kitchen):
    with pytest.raises(InvalidOptionError, match="--name 'kin-1' is one of the ingredients"):
        ek.soup(["kin-1", "kin-2"], "kin-1", replace=True, **FAST)
    ek.members_rename("kin-1", "renamed")
    with pytest.raises(InvalidOptionError, match="runs/kin-1 holds the weights of the ingredient 'renamed'"):
        ek.soup(["renamed", "kin-2"], "kin-1", replace=True, **FAST)
    assert ek.soup(["renamed", "kin-2"], "soup", **FAST).member.name == "soup"


def test_members_that_cannot_be_averaged_are_refused_by_name(kitchen):
    with pytest.raises(MisalignedError, match=r"'cnn' and 'mlp' differ in their architecture \(cnn and mlp\)"):
        ek.soup(["cnn", "mlp"], "soup", **FAST)
    ek.train("data", "mlp", name="small", size=20, epochs=1, **PLAIN)
    with pytest.raises(MisalignedError, match=r"'mlp' and 'small' differ in their size in pixels \(24 and 20\)"):
        ek.soup(["mlp", "small"], "soup", **FAST)
    ek.train("data", "mlp", name="narrow", arch_option={"width": 7}, epochs=1, **PLAIN)
    with pytest.raises(MisalignedError, match=r"'mlp' and 'narrow' differ in their options of the architecture"):
        ek.soup(["mlp", "narrow"], "soup", **FAST)
    shutil.copytree("data", "fewer")
    for split in ("train", "val"):
        shutil.rmtree(sorted(Path("fewer", split).iterdir())[0])
    ek.train("fewer", "mlp", name="fewer", epochs=1, predictions="other", **PLAIN)
    shutil.copytree("other/fewer", "predictions/fewer")
    with pytest.raises(MisalignedError, match="'mlp' and 'fewer' differ in their classes"):
        ek.soup(["mlp", "fewer"], "soup", **FAST)
    assert not Path("runs/soup").exists()


def test_members_of_other_training_images_are_refused(kitchen):
    ek.train("data", "mlp", folds=2, epochs=1, name="folded", **PLAIN)
    with pytest.raises(MisalignedError, match=r"'folded-fold-1' and 'folded-fold-2' have other train images"):
        ek.soup(["folded-fold-1", "folded-fold-2"], "soup", **FAST)


def test_pixels_that_are_normalised_otherwise_are_refused(kitchen):
    from ensemble_kit.storage.runs.runs import write_checkpoint

    state, facts = read_checkpoint(find_checkpoint(Path("runs/kin-1")))
    stored = write_checkpoint(Path("runs/kin-1"), {**state, "mean": state["mean"] + 0.1}, facts)
    from ensemble_kit.storage.members.members import write_member
    from ensemble_kit.storage.members.read import read_member

    member = read_member(Path("predictions/kin-1"))
    changed = dataclasses.replace(member.manifest, checkpoint_sha256=stored.sha256)
    write_member(Path("predictions"), changed, member.splits, replace=True)
    with pytest.raises(MisalignedError, match="'kin-1' and 'kin-2' differ in their normalisation of pixels"):
        ek.soup(["kin-1", "kin-2"], "soup", **FAST)


def test_words_that_make_no_soup_are_refused(kitchen):
    with pytest.raises(InvalidOptionError, match="two members or more to average, got 'cnn' alone"):
        ek.soup(["cnn"], "soup", **FAST)
    with pytest.raises(InvalidOptionError, match="two members or more to average, got none"):
        ek.soup([], "soup", **FAST)
    with pytest.raises(InvalidOptionError, match="Member 'cnn' is named twice"):
        ek.soup(["cnn", "cnn"], "soup", **FAST)
    with pytest.raises(InvalidOptionError, match="No member 'cn'"):
        ek.soup(["cnn", "cn"], "soup", **FAST)
    with pytest.raises(UnknownNameError, match="No way to make a soup is named 'gredy'; did you mean 'greedy'"):
        ek.soup(["cnn", "kin-1"], "soup", method="gredy", **FAST)
    with pytest.raises(UnknownNameError, match="No metric is named 'acc'"):
        ek.soup(["cnn", "kin-1"], "soup", metric="acc", **FAST)
    with pytest.raises(InvalidOptionError, match="Wanted a name"):
        ek.soup(["cnn", "kin-1"], "a/b", **FAST)


def test_members_without_a_checkpoint_of_ours_are_refused_by_name(kitchen):
    logits, ids = val_of("cnn")
    classes = np.array(manifest("cnn")["classes"])
    labels = [one.split("/")[0] for one in ids]
    np.savez("val.npz", image_ids=np.array(ids), classes=classes, scores=logits, labels=np.array(labels))
    ek.members_add("brought", "val.npz", kind="logits")
    with pytest.raises(InvalidOptionError, match="Member 'brought' is imported: there is no checkpoint of ours"):
        ek.soup(["cnn", "brought"], "soup", **FAST)
    find_checkpoint(Path("runs/kin-1")).unlink()
    with pytest.raises(InvalidOptionError, match=r"The weights of member 'kin-1' are not there: wanted runs/kin-1/"):
        ek.soup(["cnn", "kin-1"], "soup", **FAST)
    whole = find_checkpoint(Path("runs/kin-2"))
    whole.write_bytes(whole.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptError, match="is damaged"):
        ek.soup(["cnn", "kin-2"], "soup", **FAST)


def test_the_command_prints_a_table_that_fits_and_json(kitchen):
    words = ["soup", "kin-1", "kin-2", "cnn", "--name", "soup", "--method", "greedy", "--metric", "macro-f1"]
    done = CliRunner().invoke(command, [*words, "--quiet", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80
    assert "F1 %: macro-f1" in " ".join(done.output.split())
    assert "ek tta --ckpt runs/soup --views flips" in done.output
    done = CliRunner().invoke(command, ["soup", "mlp", "mlp-2", "--name", "j", "--json", "--quiet", "--device", "cpu"])
    read = json.loads(done.output)
    assert (read["method"], [one["kept"] for one in read["ingredients"]]) == ("uniform", [True, True])
