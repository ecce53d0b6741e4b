"""The entry of every command: what the system refuses leaves as a ResourceError; the rest leaves as it is."""

import errno
import os

import pytest
import torch

from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, ResourceError
from ensemble_kit.pipeline.entry.command import command


def chained(outer, inner):
    try:
        raise outer from inner
    except Exception as error:
        return error


def leaving(error):
    @command
    def broken():
        raise error

    return broken


def system(code):
    return OSError(code, os.strerror(code), "runs/a")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENOENT, errno.ESTALE])
def test_an_error_of_the_system_names_the_path(code):
    with pytest.raises(ResourceError, match="runs/a") as caught:
        leaving(system(code))()
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.EMFILE, errno.ENOMEM])
@pytest.mark.parametrize("outer", [BadDataError, CorruptError, InvalidOptionError])
def test_a_reader_that_took_it_for_bad_data_is_set_right(outer, code):
    with pytest.raises(ResourceError, match=f"runs/a: {os.strerror(code)}"):
        leaving(chained(outer("Cannot be read."), system(code)))()


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENOTDIR, errno.EISDIR])
def test_a_name_that_is_wrong_stays_what_its_reader_called_it(code):
    with pytest.raises(InvalidOptionError, match="Check --config"):
        leaving(chained(InvalidOptionError("Cannot read 'a'. Check --config."), system(code)))()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("std::bad_alloc"),
        torch.OutOfMemoryError("no room"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        chained(CorruptError("is no state"), RuntimeError("not enough memory")),
    ],
)
def test_memory_that_ran_out_is_said_with_what_helps(error):
    with pytest.raises(ResourceError, match=r"^Out of memory.*--batch-size"):
        leaving(error)()


def test_a_thread_that_cannot_be_started_is_said():
    with pytest.raises(ResourceError, match=r"No more threads can be started\. Allow more \(ulimit -u\)"):
        leaving(RuntimeError("can't start new thread"))()


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), ValueError("a bug"), RuntimeError("a")])
def test_what_the_system_has_no_part_in_leaves_as_it_is(error):
    with pytest.raises(type(error)) as caught:
        leaving(error)()
    assert caught.value is error


def test_an_error_of_ours_leaves_as_it_is():
    for error in (ResourceError("full"), BadDataError("bad"), chained(BadDataError("bad"), ValueError("b"))):
        with pytest.raises(type(error)) as caught:
            leaving(error)()
        assert caught.value is error


def test_a_wrong_call_is_told_as_python_tells_it():
    @command
    def plain(a, cache=".ek"):
        return a, cache

    with pytest.raises(TypeError, match=r"plain\(\) got an unexpected keyword argument 'b'"):
        plain(1, b=2)
    assert plain(1, "there") == (1, "there")


def test_a_working_folder_that_was_removed_is_said(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(ResourceError, match=r"The working folder was moved or removed\. Change into one"):
        command(lambda: None)()
