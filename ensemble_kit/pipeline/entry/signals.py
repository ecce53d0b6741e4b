"""Ctrl-C, SIGTERM and SIGHUP, turned into an exception in a place where nothing is half done.

A command that is told to stop stops at once: `stoppable`. Training, which has something to
save, first comes to the end of its step: `noticed`. SIGHUP says that the terminal has gone; it
comes two or three times then, and once is enough. A signal that was being ignored, as SIGHUP
under nohup, stays ignored. Handlers are set in the main thread only, and what was there before
comes back.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from ensemble_kit.visible import visible_lines

HANGUP: Final = getattr(signal, "SIGHUP", None)  # Windows has neither
OUT_OF_TIME: Final = getattr(signal, "SIGXCPU", None)
"""Comes when the CPU time that is allowed is used up, and again every second until the process is killed."""

ENDING: Final = (signal.SIGTERM, *(one for one in (HANGUP, OUT_OF_TIME) if one is not None))
SIGNALS: Final = (signal.SIGINT, *ENDING)
Handler = Callable[[int, FrameType | None], Any]


class Stopped(KeyboardInterrupt):
    """A signal asked to stop; the message says how things stand, an argument a line.

    signal: its number; a shell sees 128 more.

    Example:
        >>> Stopped(15, "Saved.").exit_code
        143
    """

    def __init__(self, number: int, *message: str) -> None:
        """Remember the signal."""
        super().__init__(*message)
        self.signal = int(number)

    def __str__(self) -> str:
        """Return the message."""
        return visible_lines(self.args)

    @property
    def exit_code(self) -> int:
        """The exit code of a process that the signal ended."""
        return 128 + self.signal


class Notice:
    """Whether a signal has come, and which."""

    signal: int | None = None


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block SIGTERM, SIGHUP and SIGXCPU raise `Stopped`, as Ctrl-C raises KeyboardInterrupt anyway.

    Raises:
        Stopped: one of them came.
    """
    with _handling(ENDING, _stop):
        yield


@contextmanager
def noticed() -> Iterator[Notice]:
    """Within the block the first signal is only noticed; a second one raises, unless the terminal has gone.

    Raises:
        Stopped: a second signal came.
    """
    notice = Notice()

    def handle(number: int, frame: FrameType | None) -> None:
        if notice.signal is None:
            notice.signal = number
        elif HANGUP not in (number, notice.signal) and number != OUT_OF_TIME:
            _stop(number, frame)

    with _handling(SIGNALS, handle):
        yield notice


def _stop(number: int, frame: FrameType | None) -> None:
    """Raise, wherever the program is; what follows a hangup or the end of CPU time does not disturb the leaving."""
    if number in (HANGUP, OUT_OF_TIME):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped(number, "Stopped at once. Members, blends and submissions are whole; the same command goes on.")


@contextmanager
def _handling(signals: Sequence[signal.Signals], handler: Handler) -> Iterator[None]:
    """Let the handler have the signals inside the block, but for those that are ignored."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {one: signal.getsignal(one) for one in signals}
        before = {one: was for one, was in before.items() if was not in (signal.SIG_IGN, None)}
    for one in before:
        signal.signal(one, handler)
    try:
        yield
    finally:
        for one, was in before.items():
            signal.signal(one, was)
