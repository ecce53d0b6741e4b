"""A pseudo-terminal with somebody who looks at it: what stands on the screen in the end, as a person sees it."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import suppress

import pyte


class Screen:
    """A terminal emulator at the other end of a pseudo-terminal; `theirs` is the file that programs write to."""

    def __init__(self, columns=80, lines=200):
        self.ours, self.theirs = pty.openpty()
        self.raw = b""
        self._looks = True
        self._screen = pyte.Screen(columns or 80, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.resize(columns)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with suppress(OSError):  # the last of those who write has closed it
            while self._looks and (data := os.read(self.ours, 65536)):
                self._show(data)

    def _show(self, data):
        with self._lock:
            self.raw += data
            self._stream.feed(data)

    def resize(self, columns):
        """Tell the terminal that its window has become so wide; 0: that nobody knows."""
        size = struct.pack("HHHH", self._screen.lines, columns, 0, 0)
        with self._lock:
            fcntl.ioctl(self.ours, termios.TIOCSWINSZ, size)
            if columns:
                self._screen.resize(columns=columns)
        os.kill(os.getpid(), signal.SIGWINCH)

    def run(self, *typed, timeout_s=300, **more):
        """Run a program on the terminal; return its exit code."""
        return self.start(*typed, **more).wait(timeout_s)

    def start(self, *typed, **more):
        """Start a program on the terminal, which it will take as its own: when it goes away, that is a hangup."""
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), self.theirs)
        own = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # noqa: E731
        return subprocess.Popen(typed, start_new_session=True, preexec_fn=own, **{**streams, **more})

    def ek(self, *typed, **more):
        """Run `ek` on the terminal."""
        return self.run(sys.executable, "-m", "ensemble_kit", *map(str, typed), **more)

    def close(self):
        """Hang up, once all that was written has been read; return the lines that stand on the screen."""
        if self._reader.is_alive():
            os.close(self.theirs)
            self._reader.join(10)
            os.close(self.ours)
        return self.shown()

    def hang_up(self):
        """Close the window in the middle, as a person does who has seen enough."""
        self._looks = False
        os.write(self.theirs, b"\0")  # wakes the reader, who holds the terminal open
        self._reader.join(10)
        os.close(self.ours)

    def shown(self):
        """The lines on the screen, those below the last text left out."""
        with self._lock:
            lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def is_clean(self):
        """Whether the cursor is to be seen, at the beginning of a line, and letters look as ever."""
        at = self._screen.cursor
        plain = not (at.attrs.bold or at.attrs.reverse or at.attrs.underscore) and at.attrs.fg == "default"
        return plain and at.x == 0 and not at.hidden and pyte.modes.DECAWM in self._screen.mode
