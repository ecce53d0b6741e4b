"""Opening members: what is checked once and remembered, and what they share."""

import hashlib
import os
from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.disk import checksums
from ensemble_kit.errors import BadDataError, CorruptError
from ensemble_kit.storage.members import arrays as data_files
from ensemble_kit.storage.members import manifest, members
from ensemble_kit.types import align


def spoil_behind_the_back(path):
    """Put a NaN where the last number stands; size, inode and time stay as they were."""
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(np.float32(np.nan).tobytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def forge_nan(folder, stored_manifest):
    """Give the member val logits that hold a NaN, under a true checksum, as a stranger could."""
    logits = np.zeros((3, 7, 5), np.float32)
    logits[2, 6, 4] = np.nan
    np.save(folder / "forged.npy", logits)
    sha256 = hashlib.sha256((folder / "forged.npy").read_bytes()).hexdigest()
    name = f"val-{sha256[:12]}.npy"
    os.rename(folder / "forged.npy", folder / name)
    files = dict(stored_manifest.files)
    files["val"] = files["val"]._replace(logits=manifest.StoredFile(name, sha256))
    (folder / "member.json").write_bytes(manifest.render_manifest(replace(stored_manifest, files=files)))
    return folder / name, sha256


def test_logits_are_looked_at_once_and_then_no_more(tmp_path, stored, monkeypatch):
    stored(tmp_path)
    looked = []
    look = data_files.check_finite
    monkeypatch.setattr(data_files, "check_finite", lambda *given: (looked.append(given), look(*given)))
    for _ in range(3):
        members.read_member(tmp_path / "cnn", tmp_path / ".ek")
    assert len(looked) == 2  # val and test
    members.read_member(tmp_path / "cnn", tmp_path / ".ek", verify=True)
    assert len(looked) == 4
    members.read_member(tmp_path / "cnn")
    assert len(looked) == 6  # nothing is remembered without a cache


def test_what_is_remembered_is_not_read_again_and_what_was_changed_is_refused(tmp_path, stored, monkeypatch):
    path = tmp_path / "cnn" / stored(tmp_path).files["val"].logits.file
    members.read_predictions(tmp_path / "cnn", "val", tmp_path / ".ek")
    with monkeypatch.context() as patch:
        patch.setattr(checksums, "_compare", lambda *_: pytest.fail("it was read again"))
        members.read_predictions(tmp_path / "cnn", "val", tmp_path / ".ek")
    spoil_behind_the_back(path)
    for given in ({"cache": tmp_path / ".ek"}, {"cache": tmp_path / ".ek", "verify": True}, {}):
        with pytest.raises(CorruptError, match="is damaged or was replaced"):
            members.read_predictions(tmp_path / "cnn", "val", **given)


def test_a_true_checksum_vouches_for_no_number(tmp_path, stored):
    path, sha256 = forge_nan(tmp_path / "cnn", stored(tmp_path))
    checksums.check(path, sha256, tmp_path / ".ek")  # remembered, but for its checksum alone
    for _ in range(2):
        with pytest.raises(BadDataError, match="logit nan of image 'val/0006.png', view 2, class 4"):
            members.read_predictions(tmp_path / "cnn", "val", tmp_path / ".ek")


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f2", ">f4"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at_once", [1, 11, 35, 1 << 20])
def test_the_first_number_that_is_not_finite_is_named_whatever_is_looked_at_together(
    dtype, number, at_once, monkeypatch
):
    monkeypatch.setattr(data_files, "CHUNK_LOGITS", at_once)
    logits = np.random.default_rng(0).normal(size=(3, 7, 5)).astype(dtype)
    logits[0, 0, 0] = np.finfo(logits.dtype).max
    logits[2, 5, 3], logits[2, 6, 1] = np.finfo(logits.dtype).min, 2**-24
    data_files.check_finite(logits, "abcdefg", "there")
    logits[1, 5, 2] = logits[2, 0, 0] = number
    with pytest.raises(BadDataError, match=f"there: logit {number} of image 'f', view 1, class 2"):
        data_files.check_finite(logits, "abcdefg", "there")


def test_members_with_the_same_rows_share_them(tmp_path, predictions_of, manifest_of):
    for place, name in enumerate(("cnn", "mlp", "vit")):
        brought = {split: predictions_of("cnn", split, seed=place, groups=True) for split in ("val", "test")}
        members.write_member(
            tmp_path, manifest_of(name), {split: replace(one, member=name) for split, one in brought.items()}
        )
    held = members.read_members(tmp_path)
    first, *others = [member.split("test") for member in held]
    for other in others:
        assert other.ids is first.ids
        assert other.groups is first.groups
        assert not np.array_equal(other.logits, first.logits)
    assert align([first, *others]).ids is first.ids
    again = members.read_members(tmp_path)
    assert again[0].split("test").ids == first.ids
    assert again[0].split("test").ids is not first.ids  # shared within one reading


def test_the_same_rows_of_other_classes_are_read_by_themselves(tmp_path, predictions_of, manifest_of):
    """One CSV names labels by class; their numbers depend on the order of the classes."""
    there = predictions_of("cnn")
    turned = tuple(reversed(there.classes))
    labels = len(turned) - 1 - there.labels
    members.write_member(tmp_path, manifest_of("cnn"), {"val": there})
    moved = replace(there, member="vit", classes=turned, labels=labels, logits=there.logits[:, :, ::-1])
    members.write_member(tmp_path, manifest_of("vit", classes=turned), {"val": moved})
    one, other = (member.split("val") for member in members.read_members(tmp_path))
    assert (tmp_path / "cnn" / members.read_manifest(tmp_path / "cnn").files["val"].rows.file).name == (
        members.read_manifest(tmp_path / "vit").files["val"].rows.file
    )
    assert [one.classes[label] for label in one.labels] == [other.classes[label] for label in other.labels]
    pool = align([one, other])
    np.testing.assert_array_equal(pool.logits[0], pool.logits[1])


def test_a_lost_csv_is_missed_even_where_another_member_has_the_same(tmp_path, predictions_of, manifest_of):
    for name in ("cnn", "vit"):
        members.write_member(tmp_path, manifest_of(name), {"val": replace(predictions_of("cnn"), member=name)})
    (tmp_path / "vit" / members.read_manifest(tmp_path / "vit").files["val"].rows.file).unlink()
    for cache in (tmp_path / ".ek", None):
        with pytest.raises(CorruptError, match="Member 'vit' has lost"):
            members.read_members(tmp_path, cache=cache)
