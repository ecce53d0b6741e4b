"""The commands by chapter, as `ek --help` lists them. Finds them by itself: every module here that has `COMMANDS`."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

import click

import ensemble_kit.cli
from ensemble_kit.cli.group.careful import CarefulGroup

CHAPTERS: Final = ("Data", "Members", "Blends", "Submissions", "Ship", "Machine")
"""The order in which a person meets them."""


class ChapteredGroup(CarefulGroup):
    """A group whose help page lists its commands by chapter, each with its whole summary."""

    def __init__(self, *args: Any, **extra: Any) -> None:
        """Begin with no command."""
        super().__init__(*args, **extra)
        self.chapters: dict[str, list[click.Command]] = {chapter: [] for chapter in CHAPTERS}

    def fill(self, commands: Iterable[tuple[str, click.Command]]) -> None:
        """Add commands, each with its chapter."""
        for chapter, command in commands:
            self.chapters[chapter].append(command)
            self.add_command(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section a chapter; all summaries begin in one column, and none is cut."""
        width = max(len(name) for name in self.commands)
        for chapter, commands in self.chapters.items():
            rows = {str(one.name): one.get_short_help_str(limit=sys.maxsize) for one in commands if not one.hidden}
            if rows:
                with formatter.section(chapter):
                    formatter.write_dl([(name.ljust(width), rows[name]) for name in sorted(rows)])


def found() -> Iterator[tuple[str, click.Command]]:
    """Yield every command of this folder with the chapter that its module names."""
    for _, name, _ in pkgutil.iter_modules(ensemble_kit.cli.__path__, f"{ensemble_kit.cli.__name__}."):
        module = importlib.import_module(name)
        yield from ((module.CHAPTER, command) for command in getattr(module, "COMMANDS", ()))
