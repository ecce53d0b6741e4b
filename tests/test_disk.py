"""What the file system refuses is said with path, need, room and remedy."""

import errno
import os
from pathlib import Path

import pytest

from ensemble_kit.disk import refused, standing_folder
from ensemble_kit.errors import ResourceError


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_path_need_and_room_though_the_folder_is_not_there_yet(code, tmp_path):
    error = refused(tmp_path / "a" / "b" / "x.npy", OSError(code, os.strerror(code)), 1031)
    with pytest.raises(ResourceError, match=rf"full: {tmp_path}/a/b/x.npy needs at least 1,031 bytes, [\d,]+ are free"):
        raise error
    assert f"free in {tmp_path}. Free some space" in str(error)


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
