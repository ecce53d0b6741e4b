"""The cache that a command works with: the one that is named, or a temporary one where that may not be used.

A cache costs time, never correctness: one that belongs to somebody else, or that lies where nothing
can be written, is passed over, and that is said.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ensemble_kit.disk import listed, may, standing_folder
from ensemble_kit.reporting import say

KEEPS_PARTS: Final = ("shard", "merge")
"""Options by which calls share what they leave in the cache, so that no other will do."""

JUDGES: Final = "doctor"
"""The command that is told of a cache to look at it, not to use it."""


@contextmanager
def usable_cache(
    function: Callable[..., Any], given: tuple[Any, ...], named: Mapping[str, Any]
) -> Iterator[dict[str, Path]]:
    """Give the `cache` that a command is to be called with instead of its own, where that cannot be used.

    Args:
        given, named: what the command is called with.
    """
    cache = named.get("cache", _own_cache(function, len(given)))
    fixed = cache is None or function.__name__ == JUDGES or any(named.get(option) for option in KEEPS_PARTS)
    if fixed or may_use(Path(cache)):
        yield {}
        return
    say(f"The cache '{cache}' cannot be used from here: a temporary one stands in for it.")
    with TemporaryDirectory(prefix="ek-cache-") as folder:
        yield {"cache": Path(folder)}


def _own_cache(function: Callable[..., Any], given: int) -> Any:
    """Return the cache that a command uses unless told otherwise; None where it takes none, or was told by place."""
    unnamed = list(signature(function).parameters.values())[given:]
    return next((one.default for one in unnamed if one.name == "cache"), None)


def may_use(cache: Path) -> bool:
    """Say whether a cache can be read and written: its folder, or where that would be made, and those in it."""
    try:
        folders = (
            [cache, *(path for path in listed(cache) if path.is_dir())] if cache.is_dir() else [standing_folder(cache)]
        )
    except OSError:
        return False
    return all(may(folder, os.R_OK | os.W_OK | os.X_OK) for folder in folders)
