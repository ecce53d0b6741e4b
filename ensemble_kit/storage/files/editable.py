"""Text of ours that a person may edit: its first line vouches for the rest, its last line says that it is whole.

An edit is allowed, and said; a file that was cut off is refused. A file without either line
is the person's own, or an old one, and is taken as it is. Knows nothing of what the text means.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ensemble_kit.disk import read_plain
from ensemble_kit.errors import CorruptError

FIRST: Final = b"# Written by ek; sha256 of what follows: "
LAST: Final = b"# The end: without this line the file was cut off.\n"


def signed(text: bytes) -> bytes:
    r"""Return the text, lines that end in a line feed, between the two lines.

    Example:
        >>> print(signed(b"quota: 5\n").decode()[-60:].splitlines()[0])
        quota: 5
    """
    rest = text + LAST
    return FIRST + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def read_editable(path: Path, say: Callable[[str], None]) -> bytes:
    """Return what the file holds, both lines included.

    Args:
        say: told where a person, or a fault of the disk, changed it since it was written.

    Raises:
        CorruptError: it is empty, or was cut off.
        OSError: it cannot be read.
    """
    data = read_plain(path)
    first, feed, rest = data.partition(b"\n")
    begins, ends = first.startswith(FIRST), LAST.strip() in rest
    if not data.strip() or (begins and not ends) or FIRST.startswith(data):
        raise CorruptError(
            f"{path} is empty or was cut off. Restore it from a copy, write its missing lines again (the last is "
            f"'{LAST.decode().strip()}'), or remove it."
        )
    if (begins or ends) and data != FIRST + hashlib.sha256(rest).hexdigest().encode() + feed + rest:
        say(f"{path} was edited since ek wrote it.")
    return data
