"""What the file system refuses is said with path, need, room and remedy."""

import errno
import os
from pathlib import Path

import pytest

from ensemble_kit.disk.access import listed, path_of, refused, standing_folder, unreachable
from ensemble_kit.errors import ResourceError


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_path_need_and_room_though_the_folder_is_not_there_yet(code, tmp_path):
    error = refused(tmp_path / "a" / "b" / "x.npy", OSError(code, os.strerror(code)), 1031)
    with pytest.raises(ResourceError, match=rf"full: {tmp_path}/a/b/x.npy needs at least 1,031 bytes, [\d,]+ are free"):
        raise error
    assert "are free there. Free some space" in str(error)


def test_a_file_on_its_way_is_told_by_its_folder():
    full = OSError(errno.ENOSPC, "No space")
    assert "full: runs/cnn needs at least" in str(refused("runs/cnn/.intent-1.json", full))
    assert "full: this folder needs at least" in str(refused(".tmp-1", full))


def test_a_name_alone_needs_a_block(tmp_path):
    assert "at least 4,096 bytes" in str(refused(tmp_path / "x", OSError(errno.ENOSPC, "No space")))


def test_anything_else_is_called_by_its_name():
    assert str(refused("runs", OSError(errno.EROFS, "Read-only file system"))) == (
        "Cannot write runs: Read-only file system. Make the folder writable, or choose another."
    )
    assert "Cannot write runs: odd." in str(refused("runs", OSError("odd")))


def test_the_nearest_folder_that_stands_is_found(tmp_path):
    assert standing_folder(tmp_path) == tmp_path
    assert standing_folder(tmp_path / "a" / "b") == tmp_path
    assert standing_folder(Path("nothing/here")) == Path()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EIO, "check the disk"),
        (errno.ELOOP, "correct the link"),
        (errno.ENAMETOOLONG, "Choose shorter names"),
        (errno.ENOTDIR, "A file stands where a folder was wanted"),
        (errno.EISDIR, "A folder stands where a file was wanted"),
        (errno.EMFILE, r"ulimit -n 4096"),
        (errno.ENFILE, "Close other programs"),
        (errno.ESTALE, "Connect the disk or the share"),
        (errno.ETIMEDOUT, "Connect the disk or the share"),
        (errno.ENODEV, "Connect the disk or the share"),
        (errno.ENXIO, "Connect the disk or the share"),
        (errno.EROFS, "Check the path"),
        (errno.ENOENT, "moved or removed, or its name is wrong"),
        (errno.ENOMEM, "ulimit -v"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ENOLCK, "work on a local disk"),
        (errno.EBUSY, "Check the path"),
    ],
)
def test_whatever_the_system_refuses_is_said_with_path_reason_and_remedy(code, remedy):
    said = str(unreachable(OSError(code, os.strerror(code), "runs/a.npy")))
    assert said.startswith(f"Cannot read runs/a.npy: {os.strerror(code)}. ")
    assert remedy in said


def test_a_full_disk_is_said_as_such_by_whoever_says_it():
    assert "The disk is full: runs/a.npy" in str(unreachable(OSError(errno.ENOSPC, "No space", "runs/a.npy")))


def test_a_call_that_names_no_path_is_told_by_the_path_that_was_in_hand():
    def read(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(OSError, match="Input/output error") as caught:
        read(Path("predictions/cnn/val.npy"))
    assert path_of(caught.value) == Path("predictions/cnn/val.npy")
    assert str(unreachable(caught.value)).startswith("Cannot read predictions/cnn/val.npy: Input/output error. ")


def test_where_there_is_no_path_at_all_the_reason_is_said():
    assert str(unreachable(OSError(errno.ENFILE, "Too many open files in system"))) == (
        "The system refused something: Too many open files in system. Close other programs, then run the command again."
    )


def test_who_has_no_place_for_temporary_files_is_told_where_to_name_one():
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/a', '/b']")
    assert str(unreachable(error)) == (
        "No usable temporary directory found in ['/a', '/b']. Name a folder for temporary files: export TMPDIR=DIR"
    )


def test_a_folder_is_listed_in_order_and_none_is_empty(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).touch()
    assert listed(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert listed(tmp_path / "none") == []
    assert listed(tmp_path / "a") == []
