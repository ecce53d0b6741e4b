"""`ek completion`, and the values that the TAB key offers: names in tables and in the working folder.

Options whose help lists their values, as --method a|b|c, offer these; others are named in `VALUES`.
Reads folders and tables alone, so that it answers at once. To complete another parameter: a line in `VALUES`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from ensemble_kit.cli.options import COMMANDLINE

Found = Callable[[click.Context], Iterable[str]]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets the TAB key complete `ek` in SHELL.

    Commands, options and their values are completed: architectures, recipes, members,
    blends, runs. Put the line for your shell where it reads its settings.

    \b
    Example:
      ek completion bash
      echo 'eval "$(ek completion bash)"' >> ~/.bashrc
      echo 'eval "$(ek completion zsh)"' >> ~/.zshrc      (after compinit)
      ek completion fish > ~/.config/fish/completions/ek.fish
    """
    script = get_completion_class(shell)
    if script is not None:
        click.echo(script(ctx.find_root().command, {}, "ek", "_EK_COMPLETE").source())


def _architectures(ctx: click.Context) -> Iterable[str]:
    import models_zoo

    return (name for name in (*models_zoo.ARCHITECTURES, *models_zoo.IMAGENET) if name != "timm:NAME")


def _members(ctx: click.Context) -> Iterable[str]:
    typed = ctx.params.get("members") or ()
    found = (path.parent.name for path in _folder(ctx, "predictions").glob("*/member.json"))
    return (name for name in found if name not in typed)


def _blends(ctx: click.Context) -> Iterable[str]:
    return (path.stem for path in _folder(ctx, "blends").glob("*.json"))


def _members_and_blends(ctx: click.Context) -> Iterable[str]:
    return (*_members(ctx), *_blends(ctx))


def _named(ctx: click.Context) -> Iterable[str]:
    """Return what the names of a group's commands are of: what was handed in, or members."""
    if ctx.parent is not None and ctx.parent.info_name == "submissions":
        return (path.stem for path in (_folder(ctx, "submissions") / "handed-in").glob("*.csv"))
    return _members(ctx)


def _runs(ctx: click.Context) -> Iterable[str]:
    return (str(path.parent) for path in _folder(ctx, "runs").glob("*/config.yaml"))


def _views(ctx: click.Context) -> Iterable[str]:
    from ensemble_kit.inference.views import VIEW_SETS

    return VIEW_SETS


def _recipes(ctx: click.Context) -> Iterable[str]:
    from ensemble_kit.training import RECIPES

    return RECIPES


def _devices(ctx: click.Context) -> Iterable[str]:
    return ("auto", "cpu", "cuda", "mps")


VALUES: Final[Mapping[str, Found]] = {
    "argument a": _members_and_blends,
    "argument b": _members_and_blends,
    "argument blend": _blends,
    "argument members": _members,
    "argument name": _named,
    "option --arch": _architectures,
    "option --blend": _blends,
    "option --ckpt": _runs,
    "option --device": _devices,
    "option --show-recipe": _recipes,
    "option --teacher": _members,
    "option --unlabelled": lambda ctx: ("test",),
    "option --views": _views,
}
"""What stands behind a parameter, whichever command has it."""


class Suggested(click.types.StringParamType):
    """Text with suggestions; after a comma the next one is suggested."""

    def __init__(self, found: Found) -> None:
        """Take what finds the suggestions."""
        self.found = found

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return what could be meant."""
        before, comma, last = incomplete.rpartition(",")
        return _items(self.found(ctx), before + comma, last)


class SuggestedPath(click.Path):
    """A path with suggestions; any other is completed as a file name."""

    def __init__(self, found: Found) -> None:
        """Take what finds the suggestions."""
        super().__init__(path_type=Path)
        self.found = found

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return what could be meant."""
        return _items(self.found(ctx), "", incomplete) or super().shell_complete(ctx, param, incomplete)


def offer(command: click.Command) -> None:
    """Let the TAB key offer the values of the command's parameters, and of its subcommands'."""
    for param in command.params:
        found = VALUES.get(f"{param.param_type_name} {param.opts[0]}") or _listed(param.metavar)
        if found is None:
            continue
        if isinstance(param.type, click.types.StringParamType):
            param.type = Suggested(found)
        elif isinstance(param.type, click.Path):
            param.type = SuggestedPath(found)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            offer(inner)


def _listed(metavar: str | None) -> Found | None:
    """Return the values that a metavar as a|b|c lists, without patterns as NAME=1."""
    names = [name for name in (metavar or "").split("|") if name and not any(map(str.isupper, name))]
    return (lambda ctx: names) if "|" in (metavar or "") else None


def _items(names: Iterable[str], before: str, incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(before + name)
        for name in sorted(set(names))
        if name.startswith(incomplete) and name.isprintable()
    ]


def _folder(ctx: click.Context, name: str) -> Path:
    """Return a folder as it was typed, of its group or itself, or as it is called by default."""
    at: Any = ctx
    while at is not None:
        if at.get_parameter_source(name) is COMMANDLINE:
            return Path(at.params[name])
        at = at.parent
    return Path(name)


CHAPTER = "Machine"
COMMANDS = (completion,)
