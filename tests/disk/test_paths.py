"""What is no plain file is not waited for; a path that is not there is compared with its neighbours."""

import os
from pathlib import Path

import pytest

from ensemble_kit.disk.paths import beside, read_plain


def test_what_is_no_plain_file_is_refused_by_its_kind_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "plain").write_bytes(b"\0\xff")
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "loop").symlink_to("loop")
    assert read_plain(tmp_path / "plain") == read_plain(tmp_path / "link") == b"\0\xff"
    for path, reason in (
        (tmp_path / "pipe", "it is a named pipe, not a file"),
        (tmp_path, "it is a folder, not a file"),
        (Path("/dev/zero"), "it is a device, not a file"),
        (tmp_path / "gone", "No such file"),
        (tmp_path / "loop", "symbolic link"),
        (Path("a\0b"), "no file can have this name"),
    ):
        with pytest.raises(OSError, match=reason):
            read_plain(path)


def test_a_path_that_is_not_there_is_compared_with_what_lies_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data/train.csv", "data/Train2.csv", "runs/augmented/x", "runs/plain/x"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    runs = sorted(Path("runs").iterdir())
    for typed, wanted in (
        ("dat/train.csv", "; did you mean 'data/train.csv'?"),
        ("data/trian.csv", "; did you mean 'data/train.csv'?"),
        ("data/TRAIN.CSV", "; did you mean 'data/train.csv'?"),
        ("augmented", "; did you mean 'runs/augmented'?"),
        ("runs/augmentd", "; did you mean 'runs/augmented'?"),
        ("nowhere/at/all", "."),
        ("/", "."),
        ("", "."),
        ("a\0b", "."),
    ):
        assert beside(typed, runs) == wanted
