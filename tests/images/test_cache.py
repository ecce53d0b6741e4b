"""Images are decoded once, and never out of date."""

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError, ResourceError
from ensemble_kit.images.cache import load_images, median_side, refuse


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    found = []
    for i in range(7):
        found.append(tmp_path / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (13, 11, 3), dtype=np.uint8)).save(found[-1])
    return found


def test_the_second_call_decodes_nothing_and_gives_the_same(paths, tmp_path):
    decoded = []
    first = load_images(paths, 5, tmp_path / "cache", lambda: decoded.append(1))
    assert first.images.shape == (7, 3, 5, 5)
    assert first.digests[2] == hashlib.sha256(paths[2].read_bytes()).hexdigest()
    assert len(decoded) == 7
    again = load_images(paths, 5, tmp_path / "cache", lambda: decoded.append(1))
    assert len(decoded) == 7
    np.testing.assert_array_equal(first.images, again.images)
    assert load_images(paths, 6, tmp_path / "cache").images.shape == (7, 3, 6, 6)


def test_a_changed_image_is_decoded_again(paths, tmp_path):
    before = np.array(load_images(paths, 5, tmp_path / "cache").images)
    Image.new("RGB", (11, 13), "white").save(paths[3])
    after = load_images(paths, 5, tmp_path / "cache").images
    assert (after[3] == 255).all()
    np.testing.assert_array_equal(after[:3], before[:3])


def test_what_cannot_be_read_is_told_from_the_cache_too_and_the_others_are_there(paths, tmp_path):
    whole = np.array(load_images(paths, 5, tmp_path / "cache").images)
    paths[1].write_bytes(b"no image")
    paths[3].unlink()
    paths[5].unlink()
    paths[5].symlink_to(tmp_path / "nowhere.png")
    for _ in range(2):
        found = load_images(paths, 5, tmp_path / "cache")
        assert sorted(found.unreadable) == [1, 3, 5]
        assert "1.png': not an image" in found.unreadable[1]
        assert "3.png': No such file" in found.unreadable[3]
        assert "5.png': a broken link to" in found.unreadable[5]
        for row in (0, 2, 4, 6):
            np.testing.assert_array_equal(found.images[row], whole[row])
    paths[1].write_bytes(paths[0].read_bytes())
    assert sorted(load_images(paths, 5, tmp_path / "cache").unreadable) == [3, 5]


def test_a_refusal_counts_all_and_names_the_first():
    refuse([], 7)
    with pytest.raises(BadDataError, match=r"(?s)6 of 7 images.*r0.*r4\n... and 1 more.*--skip-bad"):
        refuse([f"r{i}" for i in range(6)], 7)


def test_a_cache_that_cannot_be_written_says_so(paths, tmp_path):
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    with pytest.raises(ResourceError, match="decode cache"):
        load_images(paths, 5, tmp_path / "cache")


def test_the_median_side_comes_from_the_headers(paths):
    Image.new("RGB", (40, 90)).save(paths[0])
    assert median_side(paths) == 11
    for path in paths:
        path.write_bytes(b"no image")
    with pytest.raises(BadDataError, match="not an image"):
        median_side(paths)


def flip(path, place=-1):
    """Turn one bit round in place, and give the file its old time back."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def foreign(path):
    other = path.with_name(f"{'0' * 24}.npy")
    for file in (path, path.with_suffix(".json")):
        file.replace(other.with_suffix(file.suffix))
    np.save(path, np.zeros((7, 3, 5, 5), np.uint8))
    other.with_suffix(".json").replace(path.with_suffix(".json"))


def dressed_up(path):
    """Zeros with a note that vouches for them, but is another array's."""
    from ensemble_kit.disk.cached_array import render_note

    np.save(path, np.zeros((7, 3, 5, 5), np.uint8))
    path.with_suffix(".json").write_bytes(
        render_note("0" * 64, hashlib.sha256(path.read_bytes()).hexdigest(), {"unreadable": "{}"})
    )


DAMAGES = {
    "a flipped bit": flip,
    "a flipped bit of the header": lambda path: flip(path, 30),
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut by one byte": lambda path: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path: os.truncate(path, 0),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another array": foreign,
    "another array, vouched for": dressed_up,
    "a flipped bit of the note": lambda path: flip(path.with_suffix(".json"), 40),
    "an empty note": lambda path: path.with_suffix(".json").write_bytes(b""),
    "no note, as of old": lambda path: path.with_suffix(".json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_cache_that_is_not_as_it_was_written_is_decoded_anew_and_said(paths, tmp_path, damage):
    whole = np.array(load_images(paths, 5, tmp_path / "cache").images)
    assert load_images(paths, 5, tmp_path / "cache").remarks == ()
    time.sleep(0.02)  # a clock of the file system ticks some hundred times a second
    (path,) = (tmp_path / "cache" / "images").glob("*.npy")
    damage(path)
    found = load_images(paths, 5, tmp_path / "cache")
    assert found.remarks == (f"{path}: not as it was written; made anew.",)
    np.testing.assert_array_equal(found.images, whole)
    again = load_images(paths, 5, tmp_path / "cache")
    assert again.remarks == ()
    np.testing.assert_array_equal(again.images, whole)


def test_what_this_process_wrote_and_what_was_checked_is_not_read_again(paths, tmp_path, monkeypatch):
    load_images(paths, 5, tmp_path / "cache")
    computed = []
    monkeypatch.setattr("ensemble_kit.disk.checksums.hashlib.file_digest", lambda *given: computed.append(given))
    load_images(paths, 5, tmp_path / "cache")
    assert computed == []


@pytest.mark.skipif(not hasattr(os, "fork") or os.geteuid() != 0, reason="takes two users")
@pytest.mark.parametrize("mode", [0o600, 0o000])
def test_a_cache_of_another_user_is_passed_over_and_nothing_of_it_changes(paths, mode):
    with tempfile.TemporaryDirectory() as open_to_all:
        root = Path(open_to_all)
        theirs = [Path(shutil.copy(path, root)) for path in paths]
        whole = np.array(load_images(theirs, 5, root / "cache").images)
        (path,) = (root / "cache" / "images").glob("*.npy")
        path.chmod(mode)
        for folder in (root, root / "cache", path.parent):
            folder.chmod(0o755)
        held = path.stat()
        child = os.fork()
        if child == 0:
            right = 1
            try:
                os.setuid(65534)
                found = load_images(theirs, 5, root / "cache")
                said = f"{path}: Permission denied; made anew." in found.remarks
                right = 0 if said and np.array_equal(found.images, whole) else 2
            finally:
                os._exit(right)
        assert os.waitpid(child, 0)[1] == 0
        assert path.stat() == held
        assert len(list(path.parent.iterdir())) == 2
