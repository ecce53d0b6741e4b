"""Commands that messages advise, made to run as they are printed: with the folders that were named go on."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from shlex import quote
from typing import Final

import click

from ensemble_kit.workspace import Workspace

TYPED: Final = "typed"
"""Where a context keeps the words of its command."""

_CALL: Final = re.compile(r"\bek((?: [a-z][a-z-]*)+)")
_FOLDERS: Final = tuple(f"--{folder.name}" for folder in fields(Workspace))


def with_folders(message: str, ctx: click.Context) -> str:
    """Return a message in which every command has the folders that were typed, where it takes and lacks them.

    Example:
        >>> @click.group()
        ... def ek(): ...
        >>> @ek.command()
        ... @click.option("--predictions")
        ... def blend(predictions): ...
        >>> ctx = click.Context(ek)
        >>> ctx.meta[TYPED] = ["predict", "new", "--predictions", "my members"]
        >>> with_folders("Refresh it: ek blend cnn. See ek zoo.", ctx)
        "Refresh it: ek blend --predictions 'my members' cnn. See ek zoo."
    """
    named = dict(_named(ctx.meta.get(TYPED, ())))

    def completed(match: re.Match[str]) -> str:
        command, words, taken = ctx.find_root().command, match[1].split(), 0
        while taken < len(words) and isinstance(command, click.Group) and words[taken] in command.commands:
            command, taken = command.commands[words[taken]], taken + 1
        own = {option for param in command.params for option in param.opts}
        rest, *_ = _CALL.split(message[match.end() :], maxsplit=1)
        missing = own.difference(word.partition("=")[0] for word in rest.split())
        added = [f"{option} {quote(folder)}" for option, folder in named.items() if taken and option in missing]
        return " ".join(["ek", *words[:taken], *added, *words[taken:]])

    return _CALL.sub(completed, message) if named else message


def _named(typed: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each folder that was typed, with its option."""
    for word, following in zip(typed, [*typed[1:], ""], strict=True):
        option, sign, folder = word.partition("=")
        if option in _FOLDERS:
            yield option, folder if sign else following
