"""A change of several files is whole or undone, whoever was killed in it."""

import os
import signal
from pathlib import Path

import pytest

from ensemble_kit.errors import ResourceError
from ensemble_kit.storage.files.atomic import locked, replace_files
from ensemble_kit.storage.files.intents import INTENT_PREFIX, intended, settle, sha256_before


def killed(work):
    """Run it in a child that kills itself at the end."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def change(folder, commit, die=lambda: os.kill(os.getpid(), signal.SIGKILL)):
    (folder / "old").write_text("old")
    with intended(folder, once=folder / "commit", holds="new", then=[folder / "old"], otherwise=[folder / "new"]):
        (folder / "new").write_text("new")
        if commit:
            (folder / "commit").write_text("now new")
        die()


@pytest.mark.parametrize("commit", [False, True])
def test_after_a_kill_the_next_who_locks_the_folder_ends_the_change(commit, tmp_path):
    killed(lambda: change(tmp_path, commit))
    assert any(name.startswith(INTENT_PREFIX) for name in names(tmp_path))
    with locked(tmp_path):
        pass
    assert names(tmp_path) == (["commit", "new"] if commit else ["old"])


def test_a_change_that_fails_is_undone_at_once_and_one_that_does_not_is_ended(tmp_path):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change(tmp_path, False, fail)
    assert names(tmp_path) == ["old"]
    change(tmp_path, True, lambda: None)
    assert names(tmp_path) == ["commit", "new"]


def test_the_change_of_a_living_process_is_left_alone(tmp_path):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        change(tmp_path, False, lambda: (os.write(writing, b"x"), signal.pause()))
    os.read(reading, 1)
    settle(tmp_path)
    with locked(tmp_path):
        assert "new" in names(tmp_path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    settle(tmp_path)
    assert names(tmp_path) == ["old"]


def test_files_that_belong_together_are_both_new_after_a_kill_between_their_renames(tmp_path, monkeypatch):
    both = {tmp_path / "a.csv": [b"new a"], tmp_path / "a.json": [b"new b"]}
    replace_files({path: [b"old"] for path in both})
    replace, done = os.replace, []

    def once(old, new):
        if done:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(new)
        replace(old, new)

    monkeypatch.setattr(os, "replace", once)
    killed(lambda: replace_files(both))
    monkeypatch.undo()
    assert [path.read_bytes() for path in both] == [b"new a", b"old"]
    settle(tmp_path)
    assert [path.read_bytes() for path in both] == [b"new a", b"new b"]
    assert names(tmp_path) == ["a.csv", "a.json"]


def test_an_intent_never_reaches_outside_its_folder(tmp_path):
    folder, outside = tmp_path / "folder", tmp_path / "mine"
    folder.mkdir()
    outside.write_text("mine")

    def reach():
        with intended(folder, otherwise=[outside], then=[outside, folder / "here"]):
            os.kill(os.getpid(), signal.SIGKILL)

    killed(reach)
    settle(folder)
    assert outside.read_text() == "mine"


def test_an_intent_cut_off_says_nothing_and_goes(tmp_path):
    killed(lambda: change(tmp_path, False))
    path = next(tmp_path.glob(f"{INTENT_PREFIX}*"))
    path.write_bytes(path.read_bytes()[:40])
    settle(tmp_path)
    assert names(tmp_path) == ["new", "old"]


def test_a_file_that_was_not_as_it_is_commits_where_no_text_tells(tmp_path):
    commit = tmp_path / "commit"
    assert sha256_before(commit) is None
    commit.write_text("one")
    for text, left in (("one", ["commit", "part"]), ("two", ["commit"])):
        (tmp_path / "part").write_text("")
        with intended(tmp_path, once=commit, was=sha256_before(commit), then=[tmp_path / "part"]):
            commit.write_text(text)
        assert names(tmp_path) == left


def test_where_it_cannot_be_written_nothing_was_done(tmp_path):
    with pytest.raises(ResourceError, match="Cannot write"), intended(Path(tmp_path, "none")):
        raise AssertionError("the block ran")
