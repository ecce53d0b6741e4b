import importlib
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, MisalignedError
from ensemble_kit.storage.members import arrays as data_files
from ensemble_kit.storage.members import members
from ensemble_kit.types import Predictions

views = importlib.import_module("ensemble_kit.storage.members.add_views")

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


def scramble(one, seed):
    """Return the same predictions with rows and classes in another order."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(one.ids)), rng.permutation(len(one.classes))
    return replace(
        one,
        ids=tuple(one.ids[row] for row in rows),
        classes=tuple(one.classes[column] for column in columns),
        logits=one.logits[:, rows][:, :, columns],
        labels=None,
    )


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at_once=st.integers(1, 40), seed=st.integers(0, 99), scrambled=st.booleans(), half=st.booleans())
def test_chunks_of_any_size_add_up_to_what_numpy_joins(at_once, seed, scrambled, half, manifest_of, predictions_of):
    dtype = "float16" if half else "float32"
    old, more = predictions_of(views=("identity", "vflip")), predictions_of(views=("vflip", *MORE), seed=seed)
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patched:
        patched.setattr(data_files, "CHUNK_LOGITS", at_once)
        folder = Path(root, "cnn")
        members.write_member(folder.parent, manifest_of(views=old.views), {"val": old}, dtype)
        manifest = views.add_views(folder.parent, "cnn", {"val": scramble(more, seed) if scrambled else more})
        read = members.read_predictions(folder, "val")
        assert np.array_equal(read.logits, np.concatenate([old.logits, more.logits[1:]]).astype(dtype))
        np.save(folder / "numpy.npy", np.array(read.logits))
        assert (folder / "numpy.npy").read_bytes() == (folder / manifest.files["val"].logits.file).read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("scrambled", [False, True])
def test_no_view_is_ever_whole_in_memory(dtype, scrambled, tmp_path, manifest_of, monkeypatch):
    monkeypatch.setattr(data_files, "CHUNK_LOGITS", 1 << 14)
    images, classes, names = 1009, 503, ("identity", "hflip", "vflip")
    logits = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", "float32", (3, images, classes))
    logits[:] = np.random.default_rng(3).normal(size=(images, classes))
    ids = tuple(f"{place:04d}.png" for place in range(images))
    old = Predictions("cnn", "val", names, ids, tuple(f"class {place:03d}" for place in range(classes)), logits)
    new = replace(old, views=("rot", "crop", "scale"))
    if scrambled:
        new = replace(new, ids=ids[::-1], classes=old.classes[::-1])
    tracemalloc.start()
    try:
        members.write_member(tmp_path, manifest_of(views=names, classes=old.classes), {"val": old}, dtype)
        views.add_views(tmp_path, "cnn", {"val": new})
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    stored = members.read_predictions(tmp_path / "cnn", "val").logits
    assert stored.shape == (6, images, classes)
    assert np.array_equal(stored[4], stored[1][::-1, ::-1] if scrambled else stored[1])
    assert peak_bytes < images * classes * 2  # less than one view of six, even in float16


def test_milliseconds_come_with_the_views_while_all_are_known(tmp_path, stored, predictions_of):
    stored(tmp_path, views=("identity", "hflip"))
    manifest = views.add_views(
        tmp_path, "cnn", additions(predictions_of), view_ms={"five-crop": 9.5, "hflip": 77.0, "scale-1.25": 4}
    )
    assert manifest.views == ("identity", "hflip", "scale-1.25", "five-crop")
    assert manifest.view_ms == (1.5, 1.75, 4.0, 9.5)
    assert members.read_manifest(tmp_path / "cnn") == manifest
    again = views.add_views(tmp_path, "cnn", additions(predictions_of), view_ms={"hflip": 3.0})
    assert again == manifest


@pytest.mark.parametrize(
    ("old_ms", "view_ms"),
    [((1.5, 1.75), None), ((1.5, 1.75), {"scale-1.25": 4.0}), ((), {"scale-1.25": 4.0, "five-crop": 9.5})],
)
def test_milliseconds_known_of_some_views_only_are_kept_of_none(old_ms, view_ms, tmp_path, stored, predictions_of):
    stored(tmp_path, views=("identity", "hflip"), view_ms=old_ms)
    assert views.add_views(tmp_path, "cnn", additions(predictions_of), view_ms=view_ms).view_ms == ()


@pytest.mark.parametrize("ms", [-1.0, float("nan"), float("inf")])
def test_milliseconds_that_cannot_be_change_nothing(ms, tmp_path, stored, predictions_of):
    before = stored(tmp_path, views=("identity",))
    with pytest.raises(InvalidOptionError, match="Wanted the milliseconds of 4 views"):
        views.add_views(tmp_path, "cnn", additions(predictions_of), view_ms=dict.fromkeys(MORE, ms))
    assert members.read_manifest(tmp_path / "cnn") == before


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


def test_new_views_that_are_not_finite_or_too_large_are_named_and_change_nothing(tmp_path, manifest_of, predictions_of):
    members.write_member(
        tmp_path, manifest_of(views=("identity",)), {"val": predictions_of(views=("identity",))}, "float16"
    )
    before = members.manifest_sha256(tmp_path / "cnn")
    for number, seen in ((np.nan, "nan"), (7e4, "inf")):
        brought = scramble(predictions_of(views=("hflip", "vflip")), 1)
        row, column = brought.ids.index("val/0003.png"), brought.classes.index("cat")
        brought.logits[1, row, column] = number
        with pytest.raises(BadDataError, match=f"logit {seen} of image 'val/0003.png', view 2, class 2"):
            views.add_views(tmp_path, "cnn", {"val": brought})
    assert members.manifest_sha256(tmp_path / "cnn") == before
    assert len(list((tmp_path / "cnn").iterdir())) == 3


def test_views_cannot_join_logits_that_are_lost(tmp_path, stored, predictions_of):
    manifest = stored(tmp_path)
    (tmp_path / "cnn" / manifest.files["test"].logits.file).unlink()
    with pytest.raises(CorruptError, match="has lost .*test-"):
        views.add_views(tmp_path, "cnn", additions(predictions_of))
