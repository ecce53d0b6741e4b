import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.disk.sealed import seal
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, LockedError, MisalignedError
from ensemble_kit.storage.files.atomic import locked
from ensemble_kit.storage.members import members
from ensemble_kit.storage.members import read as snapshots
from ensemble_kit.storage.members.manifest import render_manifest


def both(predictions_of, **keywords):
    return {split: predictions_of(split=split, **keywords) for split in ("val", "test")}


def test_what_is_written_is_read_bit_for_bit_and_memory_mapped(tmp_path, predictions_of, manifest_of, holds_the_same):
    brought = both(predictions_of, groups=True)
    manifest = members.write_member(tmp_path, manifest_of(), brought)
    assert members.read_manifest(tmp_path / "cnn") == manifest
    for split in ("val", "test"):
        read = members.read_predictions(tmp_path / "cnn", split, tmp_path / ".ek")
        assert holds_the_same(read, brought[split])
        assert isinstance(read.logits, np.memmap)


def test_a_stranger_needs_only_numpy_and_a_csv_reader(tmp_path, stored, predictions_of):
    stored(tmp_path)
    (array,) = (tmp_path / "cnn").glob("val-*.npy")
    logits = np.load(array, mmap_mode="r", allow_pickle=False)
    assert logits.shape == (3, 7, 5)
    assert logits.dtype == np.float32
    assert logits.flags.c_contiguous
    assert array.name[4:16] == hashlib.sha256(array.read_bytes()).hexdigest()[:12]
    (rows,) = (tmp_path / "cnn").glob("val-*.csv")
    assert rows.read_text().splitlines()[0] == "image_id,label"
    assert set(os.listdir(tmp_path / "cnn")) > {"member.json", array.name, rows.name}


def test_half_precision_is_stored_on_request_and_refused_where_it_overflows(tmp_path, predictions_of, manifest_of):
    brought = both(predictions_of)
    members.write_member(tmp_path, manifest_of(), brought, dtype="float16")
    read = members.read_predictions(tmp_path / "cnn", "val")
    assert read.logits.dtype == np.float16
    assert np.array_equal(read.logits, brought["val"].logits.astype(np.float16))
    large = {"val": replace(brought["val"], logits=brought["val"].logits + np.float32(70000))}
    with pytest.raises(BadDataError, match="as float16: logit inf of image 'val/0000.png', view 0"):
        members.write_member(tmp_path, manifest_of(), large, dtype="float16", replace=True)
    with pytest.raises(InvalidOptionError, match="float32 or float16, got 'int8'"):
        members.write_member(tmp_path, manifest_of(), brought, dtype="int8", replace=True)


def test_a_name_is_overwritten_only_on_request_and_old_files_go(tmp_path, stored):
    old = stored(tmp_path, seed=1)
    with pytest.raises(InvalidOptionError, match="already has a member 'cnn'.*--replace"):
        stored(tmp_path, seed=2)
    assert members.read_manifest(tmp_path / "cnn") == old
    (tmp_path / "cnn" / "notes.txt").write_text("mine")
    new = stored(tmp_path, seed=2, again=True)
    assert set(os.listdir(tmp_path / "cnn")) == {"member.json", "notes.txt"} | new.file_names()
    assert not new.file_names() & {file for file in old.file_names() if file.endswith("npy")}


def test_the_next_write_sweeps_every_folder_but_only_files_of_ours(tmp_path, stored):
    kept = stored(tmp_path)
    left = tmp_path / "half"
    left.mkdir()
    mine = tmp_path / "mine"
    mine.mkdir()
    for path in (left / "val-0123456789ab.npy", left / ".tmp-00", tmp_path / "cnn" / "test-0123456789ab.csv"):
        path.write_bytes(b"")
    (mine / "val-final.npy").write_bytes(b"")
    stored(tmp_path, "vit")
    assert not left.exists()
    assert os.listdir(mine) == ["val-final.npy"]
    assert set(os.listdir(tmp_path / "cnn")) == {"member.json"} | kept.file_names()


def test_a_folder_with_a_damaged_manifest_is_left_alone(tmp_path, stored):
    stored(tmp_path)
    path = tmp_path / "cnn" / "member.json"
    path.write_bytes(path.read_bytes().replace(b"assignment", b"assignmenT"))
    before = set(os.listdir(tmp_path / "cnn"))
    stored(tmp_path, "vit")
    assert set(os.listdir(tmp_path / "cnn")) == before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ids": ("a", "b", "c", "d", "e", "f", "b")}, BadDataError, "image id 'b' stands in places 2 and 7"),
        ({"ids": ("a", "b", "c", "d", "e", "f", "")}, BadDataError, "image id 7 is empty"),
        ({"ids": ("a",)}, MisalignedError, r"= \(3, 1, 5\), got \(3, 7, 5\)"),
        ({"views": ("identity", "hflip", "crop")}, MisalignedError, "the logits have the views"),
        ({"classes": ("bee", "ant", "cat", "dog", "eel")}, MisalignedError, "the logits have the classes"),
        ({"labels": np.arange(7)}, BadDataError, "'val/0005.png' has label 5; wanted 0 to 4"),
        ({"labels": -np.ones(7, int)}, BadDataError, "'val/0000.png' has label -1; wanted 0 to 4"),
        ({"groups": ("g",)}, MisalignedError, "wanted 7 groups, one an image, got 1"),
        ({"split": "Val"}, InvalidOptionError, "a split of small letters, got 'Val'"),
    ],
)
def test_predictions_that_do_not_fit_are_never_written(change, error, message, tmp_path, predictions_of, manifest_of):
    brought = replace(predictions_of(), **change)
    with pytest.raises(error, match=message):
        members.write_member(tmp_path, manifest_of(), {brought.split: brought})
    assert not (tmp_path / "cnn").exists()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_never_written(number, tmp_path, predictions_of, manifest_of):
    brought = predictions_of()
    brought.logits[1, 3, 2] = number
    with pytest.raises(BadDataError, match=rf"logit {number} of image 'val/0003.png', view 1, class 2"):
        members.write_member(tmp_path, manifest_of(), {"val": brought})
    assert members.list_members(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"view_weights": (0.5, 0.25, 0.125)}, InvalidOptionError, "3 view weights >= 0 that sum to 1"),
        ({"view_weights": (2.0, -1.0, 0.0)}, InvalidOptionError, "3 view weights >= 0 that sum to 1"),
        ({"view_weights": (1.0,)}, InvalidOptionError, "3 view weights >= 0 that sum to 1, got 1.0"),
        ({"views": ("hflip", "identity", "vflip")}, InvalidOptionError, "view 'identity' first"),
        ({"views": ("identity", "hflip", "hflip")}, InvalidOptionError, "each view once"),
        ({"source": "found"}, InvalidOptionError, "source of trained, imported, foreign, got"),
        ({"name": "a/b"}, InvalidOptionError, "Wanted a name"),
        ({"cost": {"ms": float("nan")}}, BadDataError, "finite numbers only"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_never_written(
    changes, error, message, tmp_path, predictions_of, manifest_of
):
    with pytest.raises(error, match=message):
        members.write_member(tmp_path, replace(manifest_of(), **changes), {"val": predictions_of()})
    assert members.list_members(tmp_path) == []


def test_a_member_needs_a_split(tmp_path, manifest_of):
    with pytest.raises(BadDataError, match="brings no logits"):
        members.write_member(tmp_path, manifest_of(), {})


def test_a_missing_member_or_split_names_those_there_are(tmp_path, stored):
    stored(tmp_path)
    with pytest.raises(InvalidOptionError, match="No member 'vit' .*Members there: cnn"):
        members.read_manifest(tmp_path / "vit")
    with pytest.raises(InvalidOptionError, match="has no train logits; it has: test, val"):
        members.read_predictions(tmp_path / "cnn", "train")


def test_a_copied_folder_is_no_second_member(tmp_path, stored):
    stored(tmp_path)
    os.rename(tmp_path / "cnn", tmp_path / "vit")
    with pytest.raises(CorruptError, match="describes member 'cnn', but its folder is named 'vit'"):
        members.read_manifest(tmp_path / "vit")


def test_a_lost_file_is_named(tmp_path, stored):
    manifest = stored(tmp_path)
    for stored_file in manifest.files["val"]:
        held = (tmp_path / "cnn" / stored_file.file).read_bytes()
        (tmp_path / "cnn" / stored_file.file).unlink()
        with pytest.raises(CorruptError, match=f"Member 'cnn' has lost .*{stored_file.file}"):
            members.read_predictions(tmp_path / "cnn", "val", tmp_path / ".ek")
        with pytest.raises(CorruptError, match="Member 'cnn' has lost"):
            members.rename_member(tmp_path, "cnn", "vit")
        (tmp_path / "cnn" / stored_file.file).write_bytes(held)
    assert members.list_members(tmp_path) == ["cnn"]


def test_a_reader_that_a_writer_overtakes_reads_the_new(tmp_path, stored, monkeypatch):
    old = stored(tmp_path, seed=1)
    new = stored(tmp_path, seed=2, again=True)
    answers = [(old, "0" * 64), (new, "1" * 64), (new, "1" * 64)]
    monkeypatch.setattr(snapshots, "read_manifest_and_sha256", lambda folder: answers.pop(0))
    read = members.read_predictions(tmp_path / "cnn", "val")
    assert len(answers) == 1
    assert np.array_equal(read.logits, snapshots.read_split(tmp_path / "cnn", new, "val").logits)


def forge(folder, manifest, split, part, data):
    """Write other data under its own name, and a manifest with true checksums, as a stranger could."""
    sha256 = hashlib.sha256(data).hexdigest()
    ending = "npy" if part == "logits" else "csv"
    (folder / f"{split}-{sha256[:12]}.{ending}").write_bytes(data)
    content = json.loads(render_manifest(manifest))
    content["files"][split][part] = {"file": f"{split}-{sha256[:12]}.{ending}", "sha256": sha256}
    (folder / "member.json").write_bytes(seal(content))


def npy(array, folder):
    np.save(folder / "x.npy", array)
    return (folder / "x.npy").read_bytes()


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.zeros((3, 7, 5)), CorruptError, r"holds float64 \(3, 7, 5\); wanted float32 or float16"),
        (np.zeros((3, 7), np.float32), CorruptError, r"holds float32 \(3, 7\)"),
        (np.zeros((7, 3, 5), np.float32), CorruptError, r"holds float32 \(7, 3, 5\)"),
        (np.zeros((3, 7, 4), np.float32), CorruptError, r"holds float32 \(3, 7, 4\)"),
        (np.zeros((3, 11, 5), np.float32), MisalignedError, "logits of 11 images, the CSV beside it names 7"),
        (np.full((3, 7, 5), np.nan, np.float32), BadDataError, "logit nan of image 'val/0000.png'"),
        (np.array([{"a": 1}], dtype=object), CorruptError, "is no .npy file of numbers"),
    ],
)
def test_forged_logits_are_refused(array, error, message, tmp_path, stored):
    manifest = stored(tmp_path)
    forge(tmp_path / "cnn", manifest, "val", "logits", npy(array, tmp_path))
    for _ in range(2):
        with pytest.raises(error, match=message):
            members.read_predictions(tmp_path / "cnn", "val", tmp_path / ".ek")


def test_a_file_that_is_no_array_is_refused(tmp_path, stored):
    manifest = stored(tmp_path)
    forge(tmp_path / "cnn", manifest, "val", "logits", b"")
    with pytest.raises(CorruptError, match=r"is no .npy file of numbers"):
        members.read_predictions(tmp_path / "cnn", "val")


def test_forged_rows_are_refused(tmp_path, stored):
    manifest = stored(tmp_path)
    forge(tmp_path / "cnn", manifest, "val", "rows", b"image_id\nx\nx\n")
    with pytest.raises(BadDataError, match="image id 'x' stands in places 1 and 2"):
        members.read_predictions(tmp_path / "cnn", "val")


def test_members_are_listed_by_name_and_other_folders_are_not(tmp_path, stored):
    for name in ("vit", "cnn", "cnn-2"):
        stored(tmp_path, name)
    (tmp_path / "notes").mkdir()
    assert members.list_members(tmp_path) == ["cnn", "cnn-2", "vit"]
    assert members.list_members(tmp_path / "none") == []


def test_a_removed_member_leaves_nothing_but_what_is_not_ours(tmp_path, stored):
    for name in ("cnn", "vit"):
        stored(tmp_path, name)
    (tmp_path / "vit" / "notes.txt").write_text("mine")
    members.remove_member(tmp_path, "cnn")
    members.remove_member(tmp_path, "vit")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.name != ".lock") == ["notes.txt", "vit"]
    with pytest.raises(InvalidOptionError, match="No member 'cnn'"):
        members.remove_member(tmp_path, "cnn")
    with pytest.raises(InvalidOptionError, match="Wanted a name"):
        members.remove_member(tmp_path, "../cnn")


def test_a_damaged_member_can_be_removed(tmp_path, stored):
    stored(tmp_path)
    (tmp_path / "cnn" / "member.json").write_bytes(b"{")
    members.remove_member(tmp_path, "cnn")
    assert members.list_members(tmp_path) == []


def test_a_renamed_member_keeps_all_but_its_name(tmp_path, stored, holds_the_same):
    old = stored(tmp_path)
    stored(tmp_path, "vit")
    before = members.read_predictions(tmp_path / "cnn", "val")
    renamed = members.rename_member(tmp_path, "cnn", "0001")
    assert members.list_members(tmp_path) == ["0001", "vit"]
    assert replace(renamed, name="cnn") == old
    assert holds_the_same(replace(members.read_predictions(tmp_path / "0001", "val"), member="cnn"), before)
    with pytest.raises(InvalidOptionError, match="already has a member 'vit'"):
        members.rename_member(tmp_path, "0001", "vit")
    with pytest.raises(InvalidOptionError, match="Wanted a name"):
        members.rename_member(tmp_path, "0001", ".vit")
    with pytest.raises(InvalidOptionError, match="No member 'cnn'"):
        members.rename_member(tmp_path, "cnn", "new")


def test_a_damaged_member_is_not_renamed(tmp_path, stored):
    manifest = stored(tmp_path)
    path = tmp_path / "cnn" / manifest.files["val"].logits.file
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CorruptError, match="is damaged or was replaced"):
        members.rename_member(tmp_path, "cnn", "vit")
    assert members.list_members(tmp_path) == ["cnn"]


def test_the_pin_is_what_sha256sum_prints_and_changes_with_the_member(tmp_path, stored):
    stored(tmp_path)
    pin = members.manifest_sha256(tmp_path / "cnn")
    assert pin == hashlib.sha256((tmp_path / "cnn" / "member.json").read_bytes()).hexdigest()
    members.set_view_weights(tmp_path, "cnn", {"identity": 0.5, "hflip": 0.5}, "equal")
    assert members.manifest_sha256(tmp_path / "cnn") != pin


def test_writers_wait_for_the_lock_and_readers_do_not(tmp_path, stored, monkeypatch):
    stored(tmp_path)
    monkeypatch.setattr(members, "locked", lambda root: locked(root, timeout_s=0.1))
    with locked(tmp_path):
        assert members.read_predictions(tmp_path / "cnn", "val").ids[0] == "val/0000.png"
        for write in (
            lambda: members.remove_member(tmp_path, "cnn"),
            lambda: members.rename_member(tmp_path, "cnn", "vit"),
            lambda: stored(tmp_path, again=True),
        ):
            with pytest.raises(LockedError, match="held its lock for 0.1 s"):
                write()
