"""`ek` run many times over by a process that has loaded everything already: each run is a fork of it.

The child gets the standard streams that a condition names, as a shell would give them, and what
Python makes of these at its start; it ends as Python does, and its exit code is what a shell sees.
"""

import importlib
import json
import os
import pkgutil
import pty
import signal
import subprocess
import sys
import tempfile
import traceback
from contextlib import contextmanager, suppress

CLOSED, FILE, FULL_DISK, GONE, FULL_PIPE, TERMINAL = "closed", "file", "full disk", "gone", "full pipe", "terminal"
LIMIT_S = 120


@contextmanager
def server():
    """Yield a function that runs `ek` in a folder, with such streams, and returns the exit code and what was said."""
    program = [sys.executable, __file__]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def run(folder, typed, streams, ignored=()):
            process.stdin.write(json.dumps([str(folder), typed, streams, list(ignored)]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


def serve():
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    load()
    for line in requests:
        print(json.dumps(one_run(*json.loads(line))), file=answers, flush=True)


def load():
    """Import all that commands import inside their functions."""
    import ensemble_kit

    for found in pkgutil.walk_packages(ensemble_kit.__path__, "ensemble_kit."):
        if "__main__" not in found.name:
            importlib.import_module(found.name)
    for name in (
        "jinja2",
        "matplotlib.figure",
        "onnx",
        "onnxruntime",
        "scipy.optimize",
        "timm",
        "sklearn.linear_model",
    ):
        importlib.import_module(name)


def one_run(folder, typed, streams, ignored):
    said = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115
    opened, held = zip(*(open_stream(how, file) for how, file in zip(streams, said, strict=True)), strict=True)
    terminal = pty.openpty() if TERMINAL in streams else None
    child = os.fork()
    if not child:
        be_ek(folder, typed, streams, opened, ignored, terminal)
    if terminal:
        hang_up(terminal)
    signal.alarm(LIMIT_S)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    for number in (*opened, *held):
        if number is not None and number not in [file.fileno() for file in said]:
            os.close(number)
    for file in said:
        file.seek(0)
    return os.waitstatus_to_exitcode(status), *(file.read().decode(errors="replace") for file in said[1:])


def open_stream(how, file):
    """Return the descriptor of a stream and one more that has to stay open meanwhile."""
    if how == FILE:
        return file.fileno(), None
    if how == FULL_DISK:
        return os.open("/dev/full", os.O_RDWR), None
    if how == GONE:
        reader, writer = os.pipe()
        os.close(reader)
        return writer, None
    if how == FULL_PIPE:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        try:
            while os.write(writer, bytes(4096)):
                pass
        except BlockingIOError:
            return writer, reader
    return None, None


def hang_up(terminal):
    """Read what is said first, then close the window."""
    ours, theirs = terminal
    os.close(theirs)
    with suppress(OSError):
        os.read(ours, 4096)
    os.close(ours)


def be_ek(folder, typed, streams, opened, ignored, terminal):
    """Become `ek`, and end."""
    code = 1
    try:
        os.chdir(folder)
        for name in ignored:
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        if terminal:
            os.close(terminal[0])
            os.login_tty(terminal[1]) if hasattr(os, "login_tty") else login(terminal[1])
        for number, (how, there) in enumerate(zip(streams, opened, strict=True)):
            if there is not None:
                os.dup2(there, number)
            elif how == CLOSED:
                os.close(number)
        os.closerange(3, 100)
        sys.stdin, sys.stdout, sys.stderr = map(as_python_opens, range(3), streams)
        sys.__stderr__ = sys.stderr
        code = ek(typed)
    except BaseException:
        if sys.stderr is not None:
            traceback.print_exc()
    finally:
        os._exit(ended(code))


def as_python_opens(number, how):
    if how == CLOSED:
        return None
    buffering = 1 if number == 2 else -1
    return os.fdopen(number, "w" if number else "r", buffering, encoding="utf-8", closefd=False)


def login(number):
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(number, termios.TIOCSCTTY, 0)
    for stream in range(3):
        os.dup2(number, stream)


def ek(typed):
    from ensemble_kit.cli import ek

    try:
        ek(typed, prog_name="ek")
    except SystemExit as end:
        return end.code or 0
    return 0


def ended(code):
    """Flush as Python does at its end; what cannot be flushed then is exit code 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            code = 120
    return code


if __name__ == "__main__":
    serve()
