"""One progress display: a bar on a terminal, plain lines now and then elsewhere, nothing when quiet.

Everything goes to standard error, so that standard output holds the result alone. Threads only
count; whoever writes holds the one lock. A bar is one line, cut off by a terminal that has become
too narrow for it, and the cursor rests at its beginning and is never hidden: to erase from there on
is enough, whatever was resized meanwhile, and wherever work breaks off, the terminal is as it was.
"""

import os
import re
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Final

from ensemble_kit.reporting.terminal.bar import bar_line
from ensemble_kit.reporting.terminal.plain import sayable
from ensemble_kit.reporting.terminal.tables import wrapped
from ensemble_kit.visible import visible

LINE_EVERY_S: Final = 10.0
DRAW_EVERY_S: Final = 0.1
ERASE: Final = "\r\x1b[K \x1b[J\r"  # the line and all below; never the whole screen at once, which tmux would keep
COMMAND: Final = re.compile(" +ek ")  # set in, on a line of its own
UNWRAPPED: Final = "\x1b[?7l{}\x1b[?7h"  # a line that stays one

_lock: Final = threading.RLock()  # of all that is written here
_living: "Final[list[Watch]]" = []  # those that have a bar; the last one shows it


class Watch:
    """A piece of long work with a title and a number of images to get through.

    Any thread may count. Where several live at once, the one that began last shows its bar; each
    that ends leaves its own.

    Example:
        >>> with Watch("decode", 2, quiet=True) as watch:
        ...     watch.advance(2)
    """

    def __init__(self, title: str, total: int, quiet: bool = False) -> None:
        """Say what is being done and how many images it takes."""
        self._title, self._total, self._quiet = title, total, quiet
        self._notes: list[str] = []
        self._done, self._start_s, self._next_s = 0, time.monotonic(), LINE_EVERY_S
        self._first: tuple[int, float] | None = None  # images done, and seconds passed, when the bar appeared

    def __enter__(self) -> "Watch":
        """Begin; the bar appears with the first news."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the finished bar on the screen; of work that broke off, none."""
        with _lock:
            if self in _living:
                _living.remove(self)
                left = "" if error is not None else f"{self._line(time.monotonic() - self._start_s, ended=True)}\n"
                _write(ERASE + left + _standing())

    def advance(self, images: int = 1) -> None:
        """Count some images as done."""
        with _lock:
            self._done += images
            passed_s = time.monotonic() - self._start_s
            if not self._has_bar(passed_s) and passed_s >= self._next_s:
                self._next_s = passed_s + LINE_EVERY_S
                done = min(self._done, self._total)  # a last batch may be filled up
                speed = f"{self._done / passed_s:,.0f} images/s"
                say(f"{self._title}: {done} of {self._total}, {speed}", self._quiet)
            self._draw(passed_s)

    def expect(self, images: int) -> None:
        """Take so many images for the total from now on."""
        self._total = images

    def reach(self, images: int) -> None:
        """Count so many images as done in all, if fewer were: what took no work is no news, but counts."""
        with _lock:
            self._done = max(self._done, images)

    def note(self, short: str, line: str) -> None:
        """Say how it stands: `short` beside the bar, `line` on its own where there is no terminal."""
        with _lock:
            self._notes = short.split("  ")
            passed_s = time.monotonic() - self._start_s
            if not self._has_bar(passed_s):
                say(line, self._quiet)
                self._next_s = passed_s + LINE_EVERY_S
            self._draw(passed_s)

    def _has_bar(self, passed_s: float) -> bool:
        """Return whether there is a bar, which appears where there is a terminal for it."""
        if self._first is None and not self._quiet and _can_draw():
            self._first, self._next_s = (self._done, passed_s), passed_s
            _living.append(self)
        return self._first is not None

    def _draw(self, passed_s: float) -> None:
        """Show the bar anew where it is time to, and where it is this one that shows."""
        if _living and _living[-1] is self and passed_s >= self._next_s:
            self._next_s = passed_s + DRAW_EVERY_S
            _write(ERASE + _standing())

    def _line(self, passed_s: float, ended: bool = False) -> str:
        """Return the bar; beside it stands how long the work will take, or has taken, and how fast it is."""
        done, first_s = self._first or (0, 0.0)
        worked, worked_s = self._done - done, passed_s - first_s
        speed = worked / worked_s if worked_s > 0 else 0.0
        left = max(self._total - self._done, 0)
        seconds = passed_s if ended or not left else left / speed if speed else None
        share = min(self._done / max(self._total, 1), 1.0)
        figures = [_clock(seconds), *([f"{speed:,.0f} images/s"] if speed else [])]
        facts = [sayable(fact, sys.stderr) for fact in (self._title, *self._notes)]
        return UNWRAPPED.format(sayable(bar_line(facts, share, figures, _columns() - 1), sys.stderr))


def say(text: str, quiet: bool = False) -> None:
    """Print one line to standard error, unless quiet; one that is set in and a command, to be copied, is not broken."""
    if not quiet:
        with _lock:
            whole = COMMAND.match(text) or not _can_draw()
            line = visible(text) if whole else wrapped(text, "    " if text[:1] == " " else "", columns=_columns())
            _write(f"{ERASE if _living else ''}{line}\n{_standing()}")


def _standing() -> str:
    """Return what brings back the bar that shows, if one does."""
    if not _living:
        return ""
    shown = _living[-1]
    return f"{shown._line(time.monotonic() - shown._start_s)}\r"


def _write(text: str) -> None:
    """Write at once; where nobody reads on, or the disk is full, the work is worth no less."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


def _can_draw() -> bool:
    """Return whether standard error is a terminal that knows control codes."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def _columns() -> int:
    """Return how wide the terminal is now; where it does not know, the variable COLUMNS says so, else 80."""
    known = 0
    with suppress(OSError, ValueError):
        known = os.get_terminal_size(sys.stderr.fileno()).columns
    with suppress(ValueError):
        known = known or int(os.environ.get("COLUMNS", ""))
    return known if known > 0 else 80


def _clock(seconds: float | None) -> str:
    """Return minutes and seconds.

    Example:
        >>> _clock(83.4), _clock(None)
        ('1:23', '-:--')
    """
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
