"""Which images belong together: a group name read out of each image id.

Images of one sign, scene or patient are alike; splits and folds keep them together, and
intervals and tests count them whole. Never reads a file, never guesses a group.

A pattern such as `(a+)+$` can search for years, and Python's `re` cannot be interrupted where it does
not run in the main thread. So it runs in a process of its own, which can be ended: a few hundredths of a second.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from ensemble_kit.errors import BadDataError, InvalidOptionError, ResourceError

LONGEST_S: Final = 10.0
MORE_S: Final = 2e-4  # for each id; an honest pattern takes a tenth of it
_SEARCH: Final = """
import json, re, sys
pattern, ids = json.load(sys.stdin)
try:
    wanted = re.compile(pattern)
except (re.error, OverflowError, RecursionError) as error:
    sys.exit(str(error))
for image_id in ids:
    found = wanted.search(image_id)
    print(json.dumps(found and found.group(min(wanted.groups, 1))), flush=True)
"""


def groups_from(ids: Sequence[str], pattern: str, all_named: bool = True) -> tuple[str, ...]:
    """Return the group of each image: what the pattern finds in its id.

    Args:
        pattern: a regular expression, found anywhere in the id; its first capture group is
            the name, or the whole match where it captures nothing.
        all_named: whether an id in which it finds nothing is an error; else it is a group of its own.

    Raises:
        InvalidOptionError: the pattern is no regular expression, or does not come to an end in time.
        BadDataError: an id in which it finds nothing, or an empty name; the first is named.
        ResourceError: no process can be started.

    Example:
        >>> groups_from(["stop/0017_00.png", "stop/0017_01.png", "left/0003_00.png"], r"(.*)_")
        ('stop/0017', 'stop/0017', 'left/0003')
    """
    groups: list[str] = []
    for image_id, group in zip(ids, _found(ids, pattern), strict=True):
        if not group and all_named:
            raise BadDataError(
                f"--group-from: {pattern!r} finds no group in the image id {image_id!r}. "
                "Correct the pattern, so that it finds a name in every id."
            )
        groups.append(group or image_id)
    return tuple(groups)


def _found(ids: Sequence[str], pattern: str) -> list[str | None]:
    """Return what the pattern finds in each id."""
    question, longest_s = json.dumps([pattern, list(ids)]), LONGEST_S + MORE_S * len(ids)
    called = f"--group-from: {pattern[:200]!r}"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-W", "ignore", "-c", _SEARCH],
            input=question.encode("ascii"),
            capture_output=True,
            timeout=longest_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        at = ids[min((error.stdout or b"").count(b"\n"), len(ids) - 1)] if ids else ""
        raise InvalidOptionError(
            f"{called} did not come to an end within {longest_s:.0f} s; it was at the image id {at!r}. "
            "Repeat nothing that repeats, as in (a+)+; wanted a pattern such as '([^_]+)_'."
        ) from error
    except OSError as error:
        raise ResourceError(f"{called}: no process can be started to search in: {error.strerror}.") from error
    if done.returncode < 0:
        raise ResourceError(f"{called}: the process that searched was ended by signal {-done.returncode}. Try again.")
    if done.returncode:
        raise InvalidOptionError(
            f"{called} is no regular expression: {done.stderr.decode().strip()}. Wanted one such as '(.*)_'."
        )
    return [json.loads(line) for line in done.stdout.splitlines()]
