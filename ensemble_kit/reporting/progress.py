"""One progress display: a bar on a terminal, plain lines now and then elsewhere, nothing when quiet.

Everything goes to standard error, so that standard output holds the result alone.
"""

import os
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

LINE_EVERY_S: Final = 10.0


class Watch:
    """A piece of long work with a title and a number of pictures to get through.

    Example:
        >>> with Watch("decode", 2, quiet=True) as watch:
        ...     watch.advance(2)
    """

    def __init__(self, title: str, total: int, quiet: bool = False) -> None:
        """Say what is being done and how many pictures it takes."""
        self._title, self._total, self._quiet = title, total, quiet
        self._bar: Any = None
        self._task: Any = None
        self._done, self._start_s, self._next_s = 0, time.monotonic(), LINE_EVERY_S

    def __enter__(self) -> "Watch":
        """Begin; the bar appears with the first news."""
        return self

    def _show(self) -> None:
        """Show the bar, where there is a terminal for it."""
        if self._bar is None and not self._quiet and _can_draw():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[speed]}", markup=False),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                console=Console(stderr=True, highlight=False),
                expand=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=max(self._total, 1), speed="")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the finished bar on the screen."""
        if self._bar is not None:
            self._bar.stop()

    def advance(self, pictures: int = 1) -> None:
        """Count some pictures as done."""
        self._show()
        if self._bar is not None:
            self._bar.advance(self._task, pictures)
            speed = self._bar.tasks[0].speed
            self._bar.update(self._task, speed=f"{speed:,.0f} pictures/s" if speed else "")
            return
        self._done += pictures
        passed_s = time.monotonic() - self._start_s
        if passed_s >= self._next_s:
            self._next_s = passed_s + LINE_EVERY_S
            speed = self._done / passed_s
            done = min(self._done, self._total)  # a last batch may be filled up
            say(f"{self._title}: {done} of {self._total}, {speed:,.0f} pictures/s", self._quiet)

    def note(self, short: str, line: str) -> None:
        """Say how it stands: `short` beside the bar, `line` on its own where there is no terminal."""
        self._show()
        if self._bar is not None:
            self._bar.update(self._task, description=f"{self._title}  {short}")
            return
        say(line, self._quiet)
        self._next_s = time.monotonic() - self._start_s + LINE_EVERY_S


def say(text: str, quiet: bool = False) -> None:
    """Print one line to standard error, unless quiet."""
    if not quiet:
        with suppress(BrokenPipeError):  # nobody reads on; the work is worth no less
            print(text, file=sys.stderr, flush=True)


def _can_draw() -> bool:
    """Return whether standard error is a terminal that knows control codes."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
