"""The progress display as a person sees it at the end, on a pseudo-terminal: each bar once, nothing else."""

import os
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from screen import Screen

from ensemble_kit.reporting.terminal import progress

WIDTHS = (20, 40, 80, 200)
BAR = re.compile(r"(.*?)(  ━+)?  100 %(  \d:\d\d)?(  [\d,]+ images/s)?")


@pytest.fixture
def terminal(monkeypatch):
    """Make standard error a terminal of so many columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    opened = []

    def open_one(columns=80):
        screen = Screen(columns)
        opened.append(screen)
        monkeypatch.setattr("sys.stderr", os.fdopen(screen.theirs, "w", encoding="utf-8", closefd=False))
        return screen

    yield open_one
    for screen in opened:
        screen.close()


def test_what_is_set_in_is_broken_between_words_and_a_command_is_not(terminal):
    screen = terminal(44)
    prose = "  line 2: labels differ in case: 'Cat' (wanted 'cat'). Write them as they are."
    command = "  ek train --config runs/cnn/unfinished.yaml --resume"
    progress.say(prose)
    progress.say(command)
    first, second, *whole = screen.close()
    assert [first, second] == ["  line 2: labels differ in case: 'Cat'", "    (wanted 'cat'). Write them as they are."]
    assert "".join(whole) == command


def titles(screen):
    """The titles of the bars on the screen; every line has to be a finished one."""
    time.sleep(0.02)
    os.write(screen.theirs, b"|")  # behind all that was written before
    while not screen.raw.endswith(b"|"):
        time.sleep(0.001)
    *lines, last = screen.shown()
    assert last == "|", "the cursor stands at the beginning of a fresh line"
    found = [BAR.fullmatch(line) for line in lines]
    assert all(found), lines
    return [one[1] for one in found]


def work(title, images, threads=8, quiet=False):
    with progress.Watch(title, images, quiet) as watch, ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: watch.advance(), range(images)))


@pytest.mark.parametrize("run", range(50))
def test_threads_that_count_while_the_bar_appears_leave_one_finished_bar_and_no_error(terminal, monkeypatch, run):
    draw = random.Random(run)
    monkeypatch.setattr(progress, "DRAW_EVERY_S", draw.choice([0.0, 0.001, 0.1]))
    screen = terminal(draw.choice(WIDTHS))
    work("decode", 317, threads=draw.choice([2, 8, 32]))
    work("look", 23)
    assert titles(screen) == ["decode", "look"]


def test_no_image_is_lost_from_the_count(terminal):
    screen = terminal(80)
    with progress.Watch("decode", 8000) as watch, ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: watch.advance(), range(7919)))
        pool.submit(watch.advance, 1)
    assert re.match(r"decode  ━+─   99 %", screen.close()[0])


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_window_resized_meanwhile_shows_no_second_bar(terminal, monkeypatch, columns):
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)
    screen, halted = terminal(columns), threading.Barrier(5)

    def count(watch):
        for _ in range(12):
            watch.advance(7)
            halted.wait()  # the window is resized while nobody draws
            halted.wait()

    with progress.Watch("decode", 4 * 12 * 7) as watch, ThreadPoolExecutor(4) as pool:
        counting = [pool.submit(count, watch) for _ in range(4)]
        for wide in (20, 200, 40, 33, 80, 21, 120, 40, 80, 200, 20, columns):
            halted.wait()
            screen.resize(wide)
            halted.wait()
        [one.result() for one in counting]
    assert titles(screen) == ["decode"]


def test_a_bar_drawn_for_a_wider_window_than_there_is_stays_one_line(terminal, monkeypatch):
    screen = terminal(30)
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "_columns", lambda: 90)
    with progress.Watch("look", 70) as watch:
        for _ in range(7):
            watch.advance(10)
    assert len(screen.close()) == 1


@pytest.mark.parametrize("columns", [*range(1, 30), 0])
def test_a_terminal_of_any_width_gets_one_line(terminal, columns):
    screen = terminal(columns)
    with progress.Watch("look twice 日本", 70) as watch:
        for epoch in range(1, 8):
            watch.note(f"epoch {epoch}/7  loss 0.123  val 64.7 %", "")
            watch.advance(10)
    progress.say("x")
    shown = screen.close()
    assert (len(shown), shown[-1]) == (2, "x")
    assert "100 %" in shown[0] or columns in range(1, 7)
    assert screen.is_clean


def test_what_is_said_stands_above_the_bar(terminal):
    screen = terminal(80)
    with progress.Watch("look", 20) as watch, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: (watch.advance(), progress.say(f"said {one}")), range(20)))
    *said, bar = screen.close()
    assert sorted(said) == sorted(f"said {one}" for one in range(20))
    assert BAR.fullmatch(bar)


def test_bars_inside_a_bar_and_side_by_side_stand_once_each(terminal, monkeypatch):
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)
    screen = terminal(80)
    with progress.Watch("outer", 3) as outer:
        for name in ("a", "b", "c"):
            outer.advance()
            work(f"inner {name}", 31)
    assert titles(screen) == ["inner a", "inner b", "inner c", "outer"]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda name: work(f"beside {name}", 53), range(5)))
    assert sorted(titles(screen)[4:]) == [f"beside {name}" for name in range(5)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_work_that_breaks_off_leaves_no_bar_and_a_clean_terminal(terminal, error):
    def break_off():
        with progress.Watch("outer", 2) as outer:
            outer.advance()
            with progress.Watch("inner", 70) as watch:
                watch.advance(7)
                raise error

    screen = terminal(80)
    with pytest.raises(error):
        break_off()
    progress.say("It broke.")
    assert screen.close() == ["It broke."]
    assert screen.is_clean


def test_a_bar_goes_no_further_than_the_whole_and_stays_short_of_it_where_work_ends_early(terminal):
    screen = terminal(80)
    with progress.Watch("filled up", 30) as watch:
        watch.advance(32)
    with progress.Watch("early", 30) as watch:
        watch.advance(7)
    filled, early = screen.close()
    assert BAR.fullmatch(filled)
    assert re.fullmatch(r"early  ━+─+   23 %  0:00", early)


def test_what_took_no_work_counts_but_is_no_news(terminal):
    screen = terminal(80)
    with progress.Watch("decode", 70) as watch:
        watch.reach(70)
    with progress.Watch("decode", 70) as watch:
        watch.reach(60)
        watch.advance(5)
        watch.reach(70)
        watch.reach(60)
    (bar,) = screen.close()
    assert BAR.fullmatch(bar)


def test_an_ascii_terminal_gets_a_bar_of_its_letters(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen(40)
    with open(screen.theirs, "w", encoding="ascii", closefd=False) as stream, monkeypatch.context() as patched:
        patched.setattr("sys.stderr", stream)
        with progress.Watch("Zoë", 4) as watch:
            watch.advance(1)
    assert re.fullmatch(r"Zo\\xeb  ====-+   25 %  0:00", screen.close()[0])


def test_a_name_cannot_move_the_cursor(terminal):
    screen = terminal(80)
    with progress.Watch("a\x1b[2J\nb\u202e\x9b31m", 7) as watch:
        progress.say("c\x1b]0;title\x07\r\nd")
        watch.note("e\x1b[1A", "")
        watch.advance(7)
    assert screen.close()[0] == r"c\x1b]0;title\x07\r\nd"
    assert screen.shown()[1].startswith(r"a\x1b[2J\nb\u202e\x9b31m  e\x1b[1A  ━")
    assert not re.search(rb"\x1b\[[12]|\x1b\]|\xc2\x9b|\xe2\x80\xae", screen.raw)


def test_a_terminal_that_goes_away_stops_no_work(terminal, monkeypatch):
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)
    screen = terminal(80)
    with progress.Watch("look", 70) as watch:
        watch.advance(7)
        screen.hang_up()
        for _ in range(9):
            watch.advance(7)
            progress.say("still here")
