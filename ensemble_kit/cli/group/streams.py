"""The three standard streams, made fit for work before anything else is opened.

One that is closed is opened on nothing, or the next file that is opened would take its number
and receive what is printed. What standard error does not take is lost, and costs nothing but
words. What standard output does not take is an OSError where it is printed, if it is closed too.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from ensemble_kit.reporting.terminal import use_stand_ins

INSTEAD: Final = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)
"""How the null device stands in for a closed stream; what cannot be printed must not seem to be."""


@contextmanager
def fit_streams() -> Iterator[None]:
    """Within the block all three streams are there, and standard error never fails."""
    for number, mode in enumerate(INSTEAD):
        _open_if_closed(number, mode)
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = _forgiving(sys.stderr)
    use_stand_ins(sys.stdout)
    use_stand_ins(sys.stderr)
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


def let_go_of_output() -> None:
    """Let the rest of standard output go nowhere, so that the interpreter does not stumble over it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _open_if_closed(number: int, mode: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        with suppress(OSError):  # the lowest free number is this one, as those below are open
            os.set_inheritable(os.open(os.devnull, mode), True)


def _forgiving(stream: Any) -> Any:
    """Return standard error as one that never fails; what stands in for it, as in a test, stays as it is."""
    if stream is not sys.__stderr__:
        return stream
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(_Forgiving()), encoding, line_buffering=True)


class _Forgiving(io.RawIOBase):
    """Standard error, where what cannot be written counts as written."""

    def writable(self) -> bool:
        """Return that it is one to write to."""
        return True

    def fileno(self) -> int:
        """Return the number of standard error."""
        return 2

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(2)

    def write(self, data: Any) -> int:
        """Write what can be written."""
        with suppress(OSError):
            return os.write(2, data)
        return len(data)
