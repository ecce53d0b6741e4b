"""The cache that a command works with: the one that is named, or a temporary one where that may not be used.

A cache costs time, never correctness: one that belongs to somebody else, or that lies where nothing
can be written, is passed over, and that is said.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import Signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from ensemble_kit.disk import listed, may, standing_folder
from ensemble_kit.reporting.terminal import say
from ensemble_kit.workspace import Workspace

KEEPS_PARTS: Final = ("shard", "merge")
"""Options by which calls share what they leave in the cache, so that no other will do."""

INSPECTS: Final = "doctor"
"""The command that is told of a cache to look at it, not to use it."""


@contextmanager
def usable_cache(
    command: str, signature: Signature, given: tuple[Any, ...], named: Mapping[str, Any]
) -> Iterator[dict[str, Path]]:
    """Give the `cache` that a command is to be called with instead of its own, where that cannot be used.

    Args:
        command: its name; `signature` says whether it takes a cache at all.
        given, named: what the command is called with.
    """
    cache = Workspace.of(named).cache
    takes_one = "cache" in signature.parameters and command != INSPECTS
    if not takes_one or any(named.get(option) for option in KEEPS_PARTS) or may_use(cache):
        yield {}
        return
    say(f"The cache '{cache}' cannot be used from here: a temporary one stands in for it.")
    with TemporaryDirectory(prefix="ek-cache-") as folder:
        yield {"cache": Path(folder)}


def may_use(cache: Path) -> bool:
    """Say whether a cache can be read and written: its folder, or where that would be made, and those in it."""
    try:
        folders = (
            [cache, *(path for path in listed(cache) if path.is_dir())] if cache.is_dir() else [standing_folder(cache)]
        )
    except OSError:
        return False
    return all(may(folder, os.R_OK | os.W_OK | os.X_OK) for folder in folders)
