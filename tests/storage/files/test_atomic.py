import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ensemble_kit.errors import LockedError, ResourceError
from ensemble_kit.storage.files import atomic

HOLD = """
import sys, time
from pathlib import Path
from ensemble_kit.storage.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def refuse(code):
    def fsync(descriptor):
        raise OSError(code, os.strerror(code))

    return fsync


def test_a_file_is_replaced_whole_and_its_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "c.json"
    atomic.replace_file(path, b"old")
    atomic.replace_file_in_parts(path, [b"new", memoryview(b"er")])
    assert path.read_bytes() == b"newer"
    assert os.listdir(path.parent) == ["c.json"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_the_path_and_what_is_needed_and_free_and_leaves_the_old(code, tmp_path, monkeypatch):
    path = tmp_path / "c.json"
    atomic.replace_file(path, b"old")
    monkeypatch.setattr(os, "fsync", refuse(code))
    with pytest.raises(ResourceError, match=r"full: .*c\.json needs at least 1,031 bytes, [\d,]+ are free"):
        atomic.replace_file(path, bytes(1031))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["c.json"]


def test_files_that_belong_together_are_all_replaced_or_none(tmp_path, monkeypatch):
    both = {tmp_path / "c.csv": [b"new"], tmp_path / "c.json": [b"{", b"}"]}
    atomic.replace_files({path: [b"old"] for path in both})
    refused = iter((None, OSError(errno.ENOSPC, "No space left on device")))

    def fsync(descriptor):
        if error := next(refused):
            raise error

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(ResourceError, match=r"full: .*c\.json needs at least 2 bytes"):
            atomic.replace_files(both)
    assert [path.read_bytes() for path in both] == [b"old", b"old"]
    atomic.replace_files(both)
    assert [path.read_bytes() for path in both] == [b"new", b"{}"]
    assert sorted(os.listdir(tmp_path)) == ["c.csv", "c.json"]


def test_a_refusal_of_the_file_system_names_the_path(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.EROFS))
    with pytest.raises(ResourceError, match=r"Cannot write .*c\.json: Read-only"):
        atomic.replace_file(tmp_path / "c.json", b"new")
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_no_temporary_file(tmp_path):
    def parts():
        yield b"some"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic.replace_file_in_parts(tmp_path / "c.json", parts())
    assert os.listdir(tmp_path) == []


def test_a_file_where_a_folder_should_be_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ResourceError, match="Cannot write"):
        atomic.replace_file(tmp_path / "file" / "c.json", b"new")
    with pytest.raises(ResourceError, match="Cannot write"), atomic.locked(tmp_path / "file" / "folder"):
        pass
    (tmp_path / "held" / ".lock").mkdir(parents=True)
    with pytest.raises(ResourceError, match=r"Cannot write .*\.lock"), atomic.locked(tmp_path / "held", 0.1):
        pass


def test_temporaries_of_killed_writers_are_removed_and_nothing_else(tmp_path):
    for name in (".tmp-0123", "kept.json", ".lock"):
        (tmp_path / name).write_bytes(b"")
    atomic.remove_temporaries(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".lock", "kept.json"]


def test_a_second_process_is_told_which_folder_is_held_and_a_dead_holder_holds_nothing(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        told = pytest.raises(LockedError, match=f"write in {tmp_path}.* 0.1 s. Wait until")
        with told, atomic.locked(tmp_path, timeout_s=0.1):
            pass
    finally:
        holder.kill()
        holder.wait()
    with atomic.locked(tmp_path, timeout_s=5):
        pass


def test_two_threads_never_hold_one_lock_at_once(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(11):
            with atomic.locked(tmp_path, timeout_s=60):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 33


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
def test_who_waits_for_a_stopped_process_hears_which_and_is_refused_at_the_end(tmp_path, monkeypatch, capfd):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            os.kill(holder.pid, signal.SIGSTOP)
            monkeypatch.setattr(atomic, "WORDLESS_S", 0.1)
            wanted = f"but process {holder.pid} has held its lock for 0.3 s"
            with pytest.raises(LockedError, match=wanted), atomic.locked(tmp_path, timeout_s=0.3):
                pass
            assert f"process {holder.pid} writes there (up to 0.3 s; Ctrl-C ends it)" in capfd.readouterr().err
        finally:
            holder.kill()


def test_who_gets_the_lock_at_once_hears_nothing(tmp_path, capfd):
    with atomic.locked(tmp_path):
        pass
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("code", "remedy"), [(errno.ENOLCK, "work on a local disk"), (errno.ENOTSUP, "local disk")])
def test_a_file_system_without_locks_is_said(code, remedy, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ResourceError, match=f"{os.strerror(code)}.*{remedy}"), atomic.locked(tmp_path):
        pass


@pytest.mark.parametrize(("mask", "wanted"), [(0o077, 0o600), (0o002, 0o664), (0o022, 0o644)])
def test_what_is_written_has_the_rights_that_the_umask_leaves(mask, wanted, tmp_path):
    before = os.umask(mask)
    try:
        atomic.replace_file(tmp_path / "file", b"1")
        with atomic.locked(tmp_path):
            pass
    finally:
        os.umask(before)
    assert {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {"file": wanted, ".lock": wanted}
