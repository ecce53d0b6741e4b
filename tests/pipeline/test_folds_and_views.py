"""Folds from training to views: a member trained without a fold is looked at on it too."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ensemble_kit as ek
from ensemble_kit.errors import MisalignedError
from ensemble_kit.pipeline.models.checkpoint_plan import rebuild
from ensemble_kit.storage.members.members import read_manifest, read_member
from ensemble_kit.storage.runs.runs import find_checkpoint, read_checkpoint

FAST = {"quiet": True, "device": "cpu"}
PLAIN = {"recipe": "assignment", **FAST}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A working folder with one of three folds, trained for an epoch, and other images beside it."""
    folder = tmp_path_factory.mktemp("folds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ek.demo_data("data", train=67, val=23, test=13, size=16, quiet=True)
        ek.train("data", "mlp", name="net", folds=3, fold=2, epochs=1, **PLAIN)
    return folder


@pytest.fixture
def here(trained, monkeypatch):
    monkeypatch.chdir(trained)


def by_hand(ids, flip):
    """What the network of the checkpoint says of images opened here."""
    state, facts = read_checkpoint(find_checkpoint(Path("runs/net-fold-2")))
    network = rebuild(facts, state).eval()
    pixels = np.stack([np.array(Image.open(Path("data/train", name)).convert("RGB")) for name in ids])
    images = torch.from_numpy(pixels[:, :, ::-1].copy() if flip else pixels).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        return network(images).numpy()


def test_new_views_reach_the_fold_that_was_held_out(here):
    before = read_member(Path("predictions/net-fold-2")).split("oof")
    manifest = read_manifest(Path("predictions/net-fold-2"))
    assert (manifest.training["folds"], manifest.training["fold"]) == (3, 2)
    assert set(manifest.data_fingerprint) == {"train", "val", "test", "oof"}
    np.testing.assert_allclose(before.logits[0], by_hand(before.ids, flip=False), atol=1e-5)
    assert ek.tta("runs/net-fold-2", views="flips", **FAST).computed == ("hflip",)
    oof = read_member(Path("predictions/net-fold-2")).split("oof")
    assert oof.ids == before.ids
    assert [oof.classes[label] for label in oof.labels] == [name.split("/")[0] for name in oof.ids]
    np.testing.assert_allclose(oof.logits[oof.views.index("hflip")], by_hand(oof.ids, flip=True), atol=1e-5)


def test_other_training_images_are_refused_since_the_fold_would_be_another(here):
    ek.demo_data("other", train=71, val=23, test=13, size=16, seed=1, quiet=True)
    for split in ("val", "test"):
        Path("other", split).rename(Path("other", f"{split}-unused"))
        Path("other", split).symlink_to(Path("data", split).resolve(), target_is_directory=True)
    with pytest.raises(MisalignedError, match="the training images are not those that 'net-fold-2' was trained with"):
        ek.tta("runs/net-fold-2", views="vflip", data="other", **FAST)
