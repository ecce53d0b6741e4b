"""Which pictures belong together: a group name read out of each image id.

Pictures of one sign, scene or patient are alike; splits and folds keep them together, and
intervals and tests resample them together. Never reads a file, never guesses a group.
"""

import re
from collections.abc import Sequence

from ensemble_kit.errors import BadDataError, InvalidOptionError


def groups_from(ids: Sequence[str], pattern: str) -> tuple[str, ...]:
    """Return the group of each image: what the pattern finds in its id.

    Args:
        pattern: a regular expression, found anywhere in the id; its first capture group is
            the name, or the whole match where it captures nothing.

    Raises:
        InvalidOptionError: the pattern is no regular expression.
        BadDataError: an id in which it finds nothing, or an empty name; the first is named.

    Example:
        >>> groups_from(["stop/0017_00.png", "stop/0017_01.png", "left/0003_00.png"], r"(.*)_")
        ('stop/0017', 'stop/0017', 'left/0003')
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise InvalidOptionError(
            f"--group-from: {pattern!r} is no regular expression: {error}. Wanted one such as '(.*)_'."
        ) from error
    return tuple(_group_of(image_id, wanted) for image_id in ids)


def _group_of(image_id: str, wanted: re.Pattern[str]) -> str:
    """Return the group of one image."""
    found = wanted.search(image_id)
    name = found and found.group(min(wanted.groups, 1))
    if not name:
        raise BadDataError(
            f"--group-from: {wanted.pattern!r} finds no group in the image id {image_id!r}. "
            "Correct the pattern, so that it finds a name in every id."
        )
    return name
