"""A budget of time: what is left of it, and what is done under it, kept on disk."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ensemble_kit.errors import InvalidOptionError, LockedError
from ensemble_kit.pipeline.entry import Stopped
from ensemble_kit.storage.files import locked, plain
from ensemble_kit.storage.runs import Spent, read_spent, write_spent


class Budget:
    """Seconds that may be spent, over as many processes as it takes.

    spent: what is done, as its file says; change it, then call `save`.
    """

    def __init__(self, path: Path, spent: Spent, seconds: float, started: float) -> None:
        """Count from `started`, a reading of time.perf_counter, on top of what was spent before."""
        self.path, self.spent, self.seconds = path, spent, seconds
        self._before_s, self._started = spent.used_s, started

    @property
    def used_s(self) -> float:
        """Seconds spent so far."""
        return self._before_s + time.perf_counter() - self._started

    @property
    def left_s(self) -> float:
        """Seconds that are left; below 0 where it was overdrawn."""
        return self.seconds - self.used_s

    def save(self) -> None:
        """Write what is done, and the seconds spent."""
        self.spent.used_s = round(self.used_s, 3)
        write_spent(self.path, self.spent)

    @contextmanager
    def kept(self, *go_on: str) -> Iterator[None]:
        """Save before the block, while little time is lost, and at its end, however it ends.

        Args:
            go_on: what to say where a signal comes, line by line.

        Raises:
            Stopped: a signal came; the message says how to go on.
            ResourceError: it cannot be written.
        """
        self.save()
        try:
            yield
        except Stopped as stopped:
            raise Stopped(stopped.signal, *go_on) from stopped
        except KeyboardInterrupt as error:
            raise Stopped(2, *go_on) from error
        finally:
            self.save()


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Be the only process that runs under this budget inside the block.

    Args:
        folder: that is locked.

    Raises:
        LockedError: another process does.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder, timeout_s=0))
        except LockedError as error:
            raise LockedError(
                f"Another process runs ek auto under the name '{name}'. Wait until it ends, or choose another --name."
            ) from error
        yield


def open_budget(path: Path, asked: Mapping[str, Any], seconds: float, started: float, replace: bool) -> Budget:
    """Return the budget to go on with, or a new one.

    Args:
        asked: what decides the members; a budget that was opened for something else is another one.
        replace: begin anew; what is found says so, as members of the old budget may still stand.

    Raises:
        InvalidOptionError: something else was asked for under this name.
        CorruptError: the file is damaged.
    """
    wanted, spent = plain(asked), None if replace else read_spent(path)
    if spent is None:
        return Budget(path, Spent(wanted, {"replace": replace}), seconds, started)
    other = [
        f"  {name}: {spent.asked.get(name)} there, {wanted.get(name)} here"
        for name in {**wanted, **spent.asked}
        if wanted.get(name) != spent.asked.get(name)
    ]
    if other:
        raise InvalidOptionError(
            f"{path} was begun for something else:",
            *other,
            "Choose another --name, or begin anew with --replace.",
        )
    return Budget(path, spent, seconds, started)
