"""What a killed command had committed is its own when it runs again, and nobody else's."""

import os
import signal
from pathlib import Path

import pytest

from ensemble_kit.storage.files import receipts
from ensemble_kit.storage.files.atomic import replace_file
from ensemble_kit.storage.files.receipts import noting, stands


def killed(work):
    child = os.fork()
    if child == 0:
        work()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def write_in(path, command="write", text=b"new", cache=Path(".ek")):
    def work():
        with noting(command, cache):
            replace_file(path, text)
            os.kill(os.getpid(), signal.SIGKILL)

    killed(work)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "file"


def test_the_same_command_finds_its_own_work_and_no_other_does(path):
    write_in(path)
    assert not stands(path)
    with noting("another", Path(".ek")):
        assert not stands(path)
    with noting("write", Path(".ek")):
        assert stands(path)
    with noting("write", Path(".ek")):
        assert not stands(path)  # it was told
    assert not list(Path(".ek").rglob("*.*"))


def test_a_command_that_failed_finds_its_own_work_when_it_is_typed_again_in_the_same_process(path):
    def failing(write):
        with noting("write", Path(".ek")):
            if write:
                replace_file(path, b"first")
            assert stands(path) != write
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        failing(write=True)
    with noting("another", Path(".ek")):
        assert not stands(path)
    with pytest.raises(OSError, match="full"):
        failing(write=False)
    with noting("write", Path(".ek")):
        assert stands(path)
    with noting("write", Path(".ek")):
        assert not stands(path)
    assert not list(Path(".ek").rglob("*.*"))


def test_a_command_that_failed_before_it_wrote_leaves_no_note(path):
    with pytest.raises(OSError, match="full"), noting("write", Path(".ek")):
        raise OSError("full")
    assert not Path(".ek").exists()


def test_what_one_rerun_takes_over_no_other_does(path):
    write_in(path)
    with noting("write", Path(".ek")):
        child = os.fork()  # the same command, typed in two terminals
        if child == 0:
            with noting("write", Path(".ek")):
                os._exit(stands(path))
        assert os.waitpid(child, 0)[1] == 0
        assert stands(path)


def test_what_a_rerun_took_over_is_there_again_when_that_is_killed_too(path):
    write_in(path)

    def killed_again():
        with noting("write", Path(".ek")):
            assert stands(path)
            os.kill(os.getpid(), signal.SIGKILL)

    killed(killed_again)
    with noting("write", Path(".ek")):
        assert stands(path)


def test_what_another_wrote_since_is_not_its_own(path):
    write_in(path)
    replace_file(path, b"new")
    with noting("write", Path(".ek")):
        assert not stands(path)


def test_what_it_removed_is_gone_by_its_own_hand(path):
    path.write_text("old")

    def remove():
        with noting("remove", Path(".ek")):
            receipts.note(path, None)
            path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    killed(remove)
    with noting("remove", Path(".ek")):
        assert stands(path)
    assert not stands(path)


def test_a_command_that_ends_by_an_error_may_be_tried_once_more(path):
    write_in(path)
    with pytest.raises(ValueError, match="full"), noting("write", Path(".ek")):
        raise ValueError("full")
    with noting("write", Path(".ek")):
        assert stands(path)


def test_where_there_was_no_cache_none_is_left(path):
    with noting("write", Path(".ek")):
        replace_file(path, b"new")
        assert Path(".ek").is_dir()
    assert not Path(".ek").exists()


def test_a_living_process_of_the_same_command_is_another_matter(path):
    with noting("write", Path(".ek")):
        replace_file(path, b"new")
        with noting("write", Path(".ek")):
            assert not stands(path)


def test_receipts_of_the_dead_are_forgotten_after_a_day(path):
    write_in(path)
    [receipt] = Path(".ek/receipts").iterdir()
    receipts.remove_old(Path(".ek"))
    assert receipt.exists()
    os.utime(receipt, (0, receipt.stat().st_mtime - 86401))
    receipts.remove_old(Path(".ek"))
    assert not receipt.exists()


def test_a_line_cut_off_says_nothing(path):
    write_in(path)
    [receipt] = Path(".ek/receipts").iterdir()
    receipt.write_bytes(receipt.read_bytes()[:-9])
    with noting("write", Path(".ek")):
        assert not stands(path)
