import os
import pty
import re

import pytest

from ensemble_kit.reporting.terminal import progress


def test_where_there_is_no_terminal_a_line_comes_every_ten_seconds(monkeypatch, capsys):
    clock = iter([0.0, 4.0, 11.0, 12.0, 30.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.Watch("look", 400) as watch:
        for _ in range(4):
            watch.advance(100)
    assert capsys.readouterr().err == "look: 200 of 400, 18 images/s\nlook: 400 of 400, 13 images/s\n"


def test_a_note_puts_the_next_line_off(monkeypatch, capsys):
    clock = iter([0.0, 9.0, 15.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.Watch("cnn", 400) as watch:
        watch.note("epoch 1", "epoch 1 of 2")
        watch.advance(200)
        watch.advance(200)
    assert capsys.readouterr().err == "epoch 1 of 2\ncnn: 400 of 400, 20 images/s\n"


def test_quiet_work_says_nothing(monkeypatch, capsys):
    clock = iter([0.0, 50.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.Watch("look", 10, quiet=True) as watch:
        watch.advance(10)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_dumb_terminal_gets_lines_and_another_a_bar_without_colours_where_they_are_not_wanted(monkeypatch, term):
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", "1")
    with open(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patched:
        patched.setattr("sys.stderr", terminal)
        with progress.Watch("look", 7) as watch:
            watch.note("epoch 1", "epoch 1 of 2")
            watch.advance(7)
        terminal.flush()
        said = os.read(ours, 65536).decode()
    os.close(ours)
    assert "epoch 1" in said
    assert ("\x1b" in said) == (term == "xterm")
    assert not re.search(r"\x1b\[[\d;]*[34]\d", said), "a colour"


def test_progress_that_nobody_reads_stops_no_work(monkeypatch):
    ours, theirs = os.pipe()
    os.close(ours)
    with open(theirs, "w", encoding="utf-8", buffering=1) as gone, monkeypatch.context() as patched:
        patched.setattr("sys.stderr", gone)
        progress.say("epoch 1")
        patched.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), theirs)
