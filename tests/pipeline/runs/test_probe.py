"""`ek probe`: an ordinary member from a frozen network, and whether mirroring does harm."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import ensemble_kit as ek
import models_zoo
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.runs import cached_features as seeing
from ensemble_kit.pipeline.runs.cached_features import last_layer, trunk_of
from ensemble_kit.storage.members.commit import read_manifest
from ensemble_kit.storage.members.read import read_predictions
from ensemble_kit.storage.runs.runs import find_checkpoint, read_checkpoint

TINY = {
    "arch": "cnn",
    "arch_option": {"width": 5, "depth": 2},
    "size": 16,
    "device": "cpu",
    "threads": 1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Drawn images, and a small network that was trained on them."""
    folder = tmp_path_factory.mktemp("drawn")
    ek.demo_data(folder / "data", train=110, val=31, test=13, size=16, quiet=True)
    places = {name: folder / name for name in ("predictions", "runs")}
    ek.train(
        folder / "data", epochs=2, lr=1e-2, cache=folder / ".ek", recipe="assignment", quiet=True, **places, **TINY
    )
    return folder / "data", find_checkpoint(folder / "runs" / "cnn")


@pytest.fixture
def probe(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(**given):
        return ek.probe(trained[0], **{"init": trained[1], "quiet": True, **TINY, **given})

    return run


def logits(name="cnn-probe", split="val"):
    return read_predictions(Path("predictions") / name, split).logits[0]


def kept():
    return sorted(Path(".ek/features").glob("*.npy"))


def test_the_member_says_what_its_checkpoint_says(probe):
    probe()
    ek.tta("runs/cnn-probe", views="identity", quiet=True, device="cpu", predictions="looked")
    for split in ("val", "test"):
        looked = read_predictions(Path("looked/cnn-probe"), split).logits[0]
        np.testing.assert_allclose(logits(split=split), looked, atol=1e-4)


def test_all_but_the_last_layer_is_what_was_handed_in(probe, trained):
    probe()
    before, after = read_checkpoint(trained[1])[0], read_checkpoint(find_checkpoint(Path("runs/cnn-probe")))[0]
    other = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert {name.rpartition(".")[2] for name in other} == {"weight", "bias"}
    assert len(other) == 2


def test_commands_that_take_a_member_take_this_one(probe):
    report = probe()
    ek.tta("runs/cnn-probe", views="flips", quiet=True, device="cpu")
    found = ek.members(verify=True).members
    assert [one.name for one in found] == ["cnn-probe"]
    assert report.member.val_used_for == ()
    manifest = read_manifest(Path("predictions/cnn-probe"))
    assert (manifest.recipe, manifest.arch, manifest.source) == ("probe", "cnn", "trained")
    with open("runs/cnn-probe/metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert min(rows, key=lambda row: float(row["log_loss"]))["penalty"] == str(report.penalty)


def test_the_second_time_looks_at_nothing_and_says_the_same(probe):
    first, again = probe(), probe()
    assert (first.computed, again.computed) == (110, 0)
    assert again.member.name == "cnn-probe-2"
    assert logits("cnn-probe").tobytes() == logits("cnn-probe-2").tobytes()


@pytest.mark.parametrize("damage", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: data[:50]])
def test_damaged_features_are_computed_anew(probe, damage):
    probe()
    path = max(kept(), key=lambda one: one.stat().st_size)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert probe().computed == 110
    assert path.read_bytes() == whole


def test_other_weights_images_or_views_have_features_of_their_own(probe, trained):
    probe()
    assert len(kept()) == 1
    assert probe(flip=True, name="flipped").computed == 110
    assert len(kept()) == 2
    ek.train(trained[0], epochs=1, seed=3, name="other", recipe="assignment", quiet=True, **TINY)
    assert probe(init=find_checkpoint(Path("runs/other")), name="third").computed == 110
    assert logits("third").tobytes() != logits("cnn-probe").tobytes()
    assert logits("flipped").tobytes() != logits("cnn-probe").tobytes()


def test_val_labels_have_no_part_in_it(probe, trained, tmp_path):
    probe(name="plain")
    rows = {
        split: [
            (str(path), path.parent.name) for path in sorted((trained[0] / split).glob("*/*")) if path.suffix == ".png"
        ]
        for split in ("train", "val")
    }
    names = sorted({label for _, label in rows["val"]})
    rows["val"] = [(path, names[(names.index(label) + 1) % len(names)]) for path, label in rows["val"]]
    for split, lines in rows.items():
        with open(tmp_path / f"{split}.csv", "w", encoding="utf-8", newline="") as file:
            ids = ["/".join(Path(path).parts[-2:]) for path, _ in lines]  # as folders give them: folds go by ids
            rows_with_ids = [(one, *line) for one, line in zip(ids, lines, strict=True)]
            csv.writer(file).writerows([("image_id", "path", "label"), *rows_with_ids])
    weights = {"init": trained[1], "quiet": True, **TINY}
    ek.probe(train_csv=tmp_path / "train.csv", val_csv=tmp_path / "val.csv", name="wrong", **weights)
    first, second = (read_checkpoint(find_checkpoint(Path("runs") / name))[0] for name in ("plain", "wrong"))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=1e-4, rtol=1e-4)


def test_random_weights_are_refused(probe):
    with pytest.raises(InvalidOptionError, match="features of random weights are worth nothing"):
        probe(init=None)


def test_a_name_that_is_taken_is_refused_unless_replaced(probe):
    probe(name="one")
    with pytest.raises(InvalidOptionError, match="already has a member 'one'"):
        probe(name="one")
    assert probe(name="one", flip=True, replace=True).flip
    assert len(list(Path("runs/one").glob("checkpoint-*"))) == 1


def test_a_network_without_a_linear_end_is_refused():
    network = models_zoo.build("cnn", 3, 16, options={"width": 5, "depth": 2})
    network.head = ()
    with pytest.raises(InvalidOptionError, match="ends in no linear layer"):
        last_layer(network)


def test_random_layers_before_the_last_are_refused(tmp_path):
    torch.save(models_zoo.build("vgg11_bn", 3, 16).state_dict(), tmp_path / "three.pth")
    same = models_zoo.build("vgg11_bn", 3, 16, weights=tmp_path / "three.pth")
    assert last_layer(same) == "classifier.3"
    with pytest.raises(InvalidOptionError, match="layers before the last one, and they start anew"):
        last_layer(models_zoo.build("vgg11_bn", 5, 16, weights=tmp_path / "three.pth"))


@pytest.mark.parametrize("arch", ["mlp", "cnn", "cnn-deep", "resnet18", "vgg11_bn", "timm:tf_efficientnet_lite0"])
def test_a_trunk_gives_what_the_last_layer_takes(arch):
    network = models_zoo.build(arch, 3, 32).eval()
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(7))
    layer = network.body.get_submodule(last_layer(network))
    with torch.inference_mode():
        torch.testing.assert_close(layer(trunk_of(network)(pixels)), network(pixels))


def test_the_page_fits_80_columns(probe, trained):
    words = ["probe", "--data", str(trained[0]), "--arch", "cnn", "--init", str(trained[1]), "--size", "16"]
    options = ["--arch-option", "width=5", "--arch-option", "depth=2", "--flip", "--threads", "1", "--quiet"]
    done = CliRunner().invoke(command, [*words, *options, "--device", "cpu"])
    assert done.exit_code == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "5-fold cross-validation in train" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1] == "Next: ek tta --ckpt runs/cnn-probe --views flips"


def test_features_lie_where_the_cache_is(probe):
    probe(cache="elsewhere")
    assert len(list(Path("elsewhere", seeing.FEATURES).glob("*.npy"))) == 1
