from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.errors import CorruptError, InvalidOptionError, MisalignedError
from ensemble_kit.storage import members, views

MORE = ("scale-1.25", "hflip", "five-crop")


def additions(predictions_of, names=MORE, seed=5, **changes):
    return {split: replace(predictions_of(split=split, views=names, seed=seed), **changes) for split in ("val", "test")}


def doubled_class(brought):
    """Return the additions with a sixth class that is the first once more."""
    return {
        split: replace(
            one, classes=(*one.classes, one.classes[0]), logits=np.concatenate([one.logits] * 2, axis=2)[:, :, :6]
        )
        for split, one in brought.items()
    }


def test_new_views_come_after_the_old_and_a_view_that_is_there_stays(tmp_path, stored, predictions_of):
    stored(tmp_path, views=("identity", "hflip"))
    before = {split: np.array(members.read_predictions(tmp_path / "cnn", split).logits) for split in ("val", "test")}
    brought = additions(predictions_of)
    manifest = views.add_views(tmp_path, "cnn", brought)
    assert manifest.views == ("identity", "hflip", "scale-1.25", "five-crop")
    assert manifest.view_weights == (1.0, 0.0, 0.0, 0.0)
    for split in ("val", "test"):
        read = members.read_predictions(tmp_path / "cnn", split)
        assert np.array_equal(read.logits[:2], before[split])
        assert np.array_equal(read.logits[2:], brought[split].logits[[0, 2]])
    assert views.add_views(tmp_path, "cnn", brought) == manifest


def test_what_comes_in_is_placed_by_id_and_class_name(tmp_path, stored, predictions_of):
    stored(tmp_path, views=("identity",))
    brought = additions(predictions_of)
    rng = np.random.default_rng(2)
    rows, columns = rng.permutation(7), rng.permutation(5)
    scrambled = {
        split: replace(
            one,
            ids=tuple(one.ids[row] for row in rows),
            classes=tuple(one.classes[column] for column in columns),
            logits=one.logits[:, rows][:, :, columns],
            labels=None,
        )
        for split, one in brought.items()
    }
    views.add_views(tmp_path, "cnn", scrambled)
    read = members.read_predictions(tmp_path / "cnn", "val")
    assert np.array_equal(read.logits[1:], brought["val"].logits)
    assert read.labels is not None


def test_weights_come_with_the_views_in_one_commit(tmp_path, stored, predictions_of):
    stored(tmp_path, views=("identity",))
    weights = {"five-crop": 0.75, "identity": 0.25}
    manifest = views.add_views(tmp_path, "cnn", additions(predictions_of), weights, "auto", 0.3)
    assert manifest.view_weights == (0.25, 0.0, 0.0, 0.75)
    assert (manifest.view_choice, manifest.view_ridge) == ("auto", 0.3)
    assert members.read_manifest(tmp_path / "cnn") == manifest


def test_half_precision_stays_half_precision(tmp_path, manifest_of, predictions_of):
    brought = {"val": predictions_of(views=("identity",))}
    members.write_member(tmp_path, manifest_of(views=("identity",)), brought, dtype="float16")
    views.add_views(tmp_path, "cnn", {"val": predictions_of(views=("hflip",))})
    assert members.read_predictions(tmp_path / "cnn", "val").logits.dtype == np.float16


def test_view_weights_are_set_by_name(tmp_path, stored):
    stored(tmp_path)
    manifest = views.set_view_weights(tmp_path, "cnn", {"vflip": 0.5, "identity": 0.5}, "equal")
    assert manifest.view_weights == (0.5, 0.0, 0.5)
    assert (manifest.view_choice, manifest.view_ridge) == ("equal", None)
    assert members.read_manifest(tmp_path / "cnn") == manifest
    with pytest.raises(InvalidOptionError, match="has no view 'rot'; it has: identity, hflip, vflip"):
        views.set_view_weights(tmp_path, "cnn", {"rot": 1.0}, "equal")
    with pytest.raises(InvalidOptionError, match="sum to 1, got 0.5, 0.0, 0.0"):
        views.set_view_weights(tmp_path, "cnn", {"identity": 0.5}, "equal")
    with pytest.raises(InvalidOptionError, match="No member 'vit'"):
        views.set_view_weights(tmp_path, "vit", {"identity": 1.0}, "none")


def test_views_of_another_checkpoint_or_preprocessing_are_refused(tmp_path, stored, predictions_of):
    stored(tmp_path, checkpoint_sha256="c" * 64)
    brought = additions(predictions_of)
    same = {"mean": (0.5, 0.25, 0.125), "size_px": 48}
    with pytest.raises(MisalignedError, match="made by checkpoint ccc.*these views by ddd.*--replace"):
        views.add_views(tmp_path, "cnn", brought, checkpoint_sha256="d" * 64)
    with pytest.raises(MisalignedError, match="with the preprocessing .*48.* these views with .*64.*--replace"):
        views.add_views(tmp_path, "cnn", brought, preprocessing={**same, "size_px": 64})
    views.add_views(tmp_path, "cnn", brought, checkpoint_sha256="c" * 64, preprocessing=same)


def test_views_that_do_not_fit_change_nothing(tmp_path, stored, predictions_of):
    stored(tmp_path, views=("identity",))
    before = members.manifest_sha256(tmp_path / "cnn")
    brought = additions(predictions_of)
    other = additions(predictions_of, ("hflip", "vflip", "rot"))
    ids = tuple("abcdefg")
    for wrong, message in (
        ({"val": brought["val"]}, "has the splits test, val, the new views come for val"),
        ({"val": brought["val"], "test": other["test"]}, "wanted the same on each split"),
        (additions(predictions_of, ("hflip", "hflip")), "each once"),
        (additions(predictions_of, ids=ids), "first missing image id: 'test/0000.png'"),
        (additions(predictions_of, ids=("a", *ids[:6])), "with each image id and class once"),
        (additions(predictions_of, ids=ids[:3]), r"= \(3, 3, 5\).*got \(3, 7, 5\)"),
        (additions(predictions_of, classes=("ant", "bee", "cat", "dog", "fly")), "first missing class: 'eel'"),
        (doubled_class(brought), r"with each image id and class once"),
    ):
        with pytest.raises(MisalignedError, match=message):
            views.add_views(tmp_path, "cnn", wrong)
    assert members.manifest_sha256(tmp_path / "cnn") == before


def test_views_cannot_join_logits_that_are_lost(tmp_path, stored, predictions_of):
    manifest = stored(tmp_path)
    (tmp_path / "cnn" / manifest.files["test"].logits.file).unlink()
    with pytest.raises(CorruptError, match="has lost .*test-"):
        views.add_views(tmp_path, "cnn", additions(predictions_of))
