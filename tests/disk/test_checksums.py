import hashlib
import os
import time

import pytest

from ensemble_kit.disk import checksums
from ensemble_kit.errors import CorruptError

GOOD = hashlib.sha256(b"good").hexdigest()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data.npy"
    path.write_bytes(b"good")
    return path


def change_behind_the_back(path):
    """Change the content, and put size, inode and time back as they were."""
    before = os.stat(path)
    with open(path, "r+b") as file:
        file.write(b"evil")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def computed(monkeypatch):
    """The paths whose sha256 is computed, in order."""
    paths, real = [], checksums.sha256_of
    monkeypatch.setattr(checksums, "sha256_of", lambda path: paths.append(path) or real(path))
    return paths


def test_a_file_is_checked_once_and_then_remembered(path, tmp_path, computed):
    cache = tmp_path / ".ek"
    checksums.check(path, GOOD, cache)
    (marker,) = (cache / "verified").iterdir()
    assert marker.stat().st_size == 0
    checksums.check(path, GOOD, cache)
    assert computed == [path]


def test_verify_reads_again_what_is_remembered(path, tmp_path, computed):
    for _ in range(2):
        checksums.check(path, GOOD, tmp_path / ".ek", verify=True)
    assert computed == [path, path]


def test_a_file_that_was_changed_and_given_its_old_time_back_is_read_again(path, tmp_path):
    checksums.check(path, GOOD, tmp_path / ".ek")
    time.sleep(0.02)  # a clock of the file system ticks some hundred times a second
    change_behind_the_back(path)
    with pytest.raises(CorruptError, match=rf"data.npy is damaged.*wanted sha256 {GOOD[:12]}, got .*Restore"):
        checksums.check(path, GOOD, tmp_path / ".ek")


def test_a_file_that_is_open_is_checked_itself_whatever_lies_at_its_path_by_now(path, tmp_path):
    with open(path, "rb") as file:
        path.unlink()
        path.write_bytes(b"evil")
        checksums.check(path, GOOD, tmp_path / ".ek", file=file)
    with pytest.raises(CorruptError, match="is damaged or was replaced"):
        checksums.check(path, GOOD, tmp_path / ".ek")


def test_a_file_that_changed_openly_is_read_again(path, tmp_path):
    checksums.check(path, GOOD, tmp_path / ".ek")
    path.write_bytes(b"evil")
    os.utime(path, ns=(1, 1))
    with pytest.raises(CorruptError, match="is damaged or was replaced"):
        checksums.check(path, GOOD, tmp_path / ".ek")


def test_a_damaged_file_is_never_remembered(path, tmp_path):
    path.write_bytes(b"evil")
    for _ in range(2):
        with pytest.raises(CorruptError, match="is damaged or was replaced"):
            checksums.check(path, GOOD, tmp_path / ".ek")


def test_without_a_cache_nothing_is_remembered(path):
    checksums.check(path, GOOD)
    change_behind_the_back(path)
    with pytest.raises(CorruptError, match="is damaged or was replaced"):
        checksums.check(path, GOOD)


def test_a_cache_that_cannot_be_written_does_no_harm(path, tmp_path):
    (tmp_path / ".ek").write_bytes(b"a file, not a folder")
    checksums.check(path, GOOD, tmp_path / ".ek")


def test_a_file_that_is_not_there_is_the_callers_to_explain(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npy"):
        checksums.check(tmp_path / "none.npy", GOOD)


def test_what_else_is_checked_is_remembered_by_itself(path, tmp_path):
    looks = []
    for what in ("sha256", "colour", "colour", "weight"):
        checksums.check_once(path, GOOD, what, lambda what=what: looks.append(what), tmp_path / ".ek")
    assert looks == ["sha256", "colour", "weight"]
    checksums.check_once(path, GOOD, "colour", lambda: looks.append("again"), tmp_path / ".ek", verify=True)
    checksums.check_once(path, GOOD, "colour", lambda: looks.append("uncached"))
    assert looks[3:] == ["again", "uncached"]


def test_a_look_that_finds_something_is_not_remembered(path, tmp_path):
    def refuse():
        raise CorruptError("The colour is wrong.")

    for _ in range(2):
        with pytest.raises(CorruptError, match="The colour is wrong"):
            checksums.check_once(path, GOOD, "colour", refuse, tmp_path / ".ek")
    assert not (tmp_path / ".ek").exists()
