"""The trial before long work: it refuses what the file system would refuse, and leaves nothing behind."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from ensemble_kit.disk import check_writable
from ensemble_kit.errors import ResourceError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("nowhere").symlink_to("gone")


@pytest.mark.parametrize("folder", [".", "folder", "new", "new/below/it", "folder/new", "folder/../folder"])
@pytest.mark.parametrize("name", [None, "new.csv", "n" * 255])
def test_where_files_can_be_made_nothing_is_said_and_nothing_left(folder, name, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (tmp_path, tmp_path / "folder")}
    for place in (Path(folder), tmp_path / folder):
        check_writable(place, None if name is None else place / name, needed_bytes=1)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert sorted(os.listdir()) == ["file", "folder", "nowhere"]


@pytest.mark.parametrize(
    ("folder", "name", "number"),
    [
        ("file", None, errno.ENOTDIR),
        ("file", "new.csv", errno.ENOTDIR),
        ("folder/../file/below", None, errno.ENOTDIR),
        ("nowhere", None, errno.ENOTDIR),
        ("n" * 256, None, errno.ENAMETOOLONG),
        ("new/" + "é" * 128, None, errno.ENAMETOOLONG),
        ("folder", "n" * 256, errno.ENAMETOOLONG),
        ("/".join(["n" * 200] * 30), None, errno.ENAMETOOLONG),
    ],
)
def test_what_no_folder_can_be_is_refused_as_making_it_would_be(folder, name, number):
    path = Path(folder) if name is None else Path(folder, name)
    with pytest.raises(ResourceError, match=os.strerror(number)) as told:
        check_writable(Path(folder), path)
    assert str(told.value).startswith(f"Cannot write {path}: ")
    with pytest.raises(OSError, match=r"\[Errno") as genuine:
        path.mkdir(parents=True)
    assert genuine.value.errno in (number, errno.EEXIST)


def test_too_little_room_names_what_is_needed_and_what_is_free():
    free = shutil.disk_usage(".").free
    with pytest.raises(ResourceError, match=r"is full: new needs at least [\d,]+ bytes, [\d,]+ are free there"):
        check_writable(Path("new"), needed_bytes=2 * free + 10**6)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_or_quota_without_room_for_a_block_is_full(number, monkeypatch):
    def write(file, data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(ResourceError, match="The disk is full: folder"):
        check_writable(Path("folder"))


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EISDIR])
def test_a_file_system_without_unnamed_files_is_not_refused(number, monkeypatch):
    def no_unnamed(path, flags, mode=0o777):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", no_unnamed)
    check_writable(Path("folder"))
