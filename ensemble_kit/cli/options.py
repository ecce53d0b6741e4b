"""Options that several commands share, declared once."""

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ensemble_kit.cli.group import with_folders
from ensemble_kit.ensembling.weights import TEMPERATURES
from ensemble_kit.formerly import FORMERLY
from ensemble_kit.inference.engines import ENGINES, PRECISIONS
from ensemble_kit.metrics import METRICS
from ensemble_kit.training import RECIPES, default_recipe

Command = Callable[..., Any]
COMMANDLINE = ParameterSource.COMMANDLINE
FOLDER = click.Path(path_type=Path, readable=False)
STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")

predictions = click.option(
    "--predictions", type=FOLDER, default="predictions", show_default=True, help="Folder of members."
)
runs = click.option("--runs", type=FOLDER, default="runs", show_default=True, help="Folder of training runs.")
blends = click.option("--blends", type=FOLDER, default="blends", show_default=True, help="Folder of blends.")
submissions = click.option(
    "--submissions", type=FOLDER, default="submissions", show_default=True, help="Folder of submissions."
)
cache = click.option(
    "--cache",
    type=FOLDER,
    default=".ek",
    show_default=True,
    help="Folder of decoded images and verified checksums.",
)
metric = click.option(
    "--metric", metavar="|".join(METRICS), default="accuracy", show_default=True, help="Metric of the figures."
)
temperatures = click.option(
    "--temperatures",
    metavar="|".join(TEMPERATURES),
    default="auto",
    show_default=True,
    help="Calibrate by fitted temperatures, or leave logits as they are.",
)
recipe = click.option(
    "--recipe",
    metavar="|".join(RECIPES),
    default=None,
    help="Named hyper-parameters; all but assignment use horizontal flips, see --no-flip.  "
    f"[default: {default_recipe(pretrained=False)}; from pre-trained weights: {default_recipe(pretrained=True)}]",
)
id_form = click.option(
    "--id",
    type=click.Choice(["name", "stem"]),
    default="name",
    show_default=True,
    help="Image ids with or without file ending.",
)
verify = click.option("--verify", is_flag=True, help="Compute the sha256 of every file again.")
device = click.option("--device", default="auto", show_default=True, help="Device: auto, cpu, cuda, cuda:1 or mps.")
quiet = click.option("--quiet", is_flag=True, help="Print no progress.")
json = click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
replace = click.option("--replace", is_flag=True, help="Overwrite what has this name.")


def pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Turn repeated NAME=VALUE into a mapping."""
    bad = [value for value in values if "=" not in value]
    if bad:
        raise click.BadParameter(f"wanted NAME=VALUE, got '{bad[0]}'.", ctx=ctx, param=param)
    found: dict[str, str] = {}
    for name, value in (one.split("=", 1) for one in values):
        if found.setdefault(name, value) != value:
            raise click.BadParameter(f"{name} is given twice: '{found[name]}' and '{value}'.", ctx=ctx, param=param)
    return found


encoding = click.option(
    "--encoding", default=None, metavar="NAME", help="Encoding of CSVs that are not UTF-8, as cp1252."
)
max_megapixels = click.option(
    "--max-megapixels", type=float, default=None, help="Largest image that is read, in megapixels.  [default: 50]"
)
locations = (
    click.option("--train-csv", type=FOLDER, default=None, help="CSV of training images: id or file name, label."),
    click.option("--val-csv", type=FOLDER, default=None, help="CSV of validation images."),
    click.option("--test-csv", type=FOLDER, default=None, help="CSV of test images; labels are ignored."),
    click.option(
        "--images", type=FOLDER, default=None, help="Root folder of paths in CSVs.  [default: the CSV's folder]"
    ),
    encoding,
    click.option(
        "--test-dir",
        type=FOLDER,
        multiple=True,
        metavar="FOLDER",
        help="Folder of test images; repeatable; with --test-csv only one.",
    ),
    max_megapixels,
)
"""Where images lie, beside or instead of a data folder."""
labels_are = click.option(
    "--labels-are",
    type=click.Choice(["names", "places"]),
    default=None,
    help="Integer labels beside integer class names: names of classes, or places in their list from 0.",
)
readings = (
    click.option(
        "--column",
        multiple=True,
        metavar="NAME=COLUMN",
        callback=pairs,
        help="Column name in CSVs of id, path, label or group, as label=Category; of one CSV: val.label=Category.",
    ),
    click.option(
        "--classes", type=FOLDER, default=None, help="File of class names, one a line; integer labels index it."
    ),
    labels_are,
    click.option(
        "--group-from", default=None, metavar="REGEX", help="Group of an image: regular expression on its id."
    ),
    click.option(
        "--val-fraction", type=float, default=None, help="Validation split: share of train, where there is no val."
    ),
    click.option(
        "--split-seed",
        type=int,
        default=0,
        show_default=True,
        help="Seed of that split and of the folds; the same for all members.",
    ),
)
"""How the images are to be read: ids, classes, groups, and the share held out."""
passes = (
    click.option(
        "--engine",
        metavar="|".join(("auto", *ENGINES)),
        default="auto",
        show_default=True,
        help="Inference engine; checked against eager first.",
    ),
    click.option(
        "--precision",
        metavar="|".join(PRECISIONS),
        default="float32",
        show_default=True,
        help="Compute precision of convolutions and matrix products.",
    ),
    click.option("--batch-size", type=int, default=64, show_default=True, help="Images per batch."),
    device,
)
"""How a network is run over images."""
skip_bad = click.option("--skip-bad", is_flag=True, help="Leave out images that cannot be read.")


def channels(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, float, float] | None:
    """Turn R,G,B into three numbers, and one number into three alike."""
    if value is None:
        return None
    try:
        numbers = tuple(map(float, value.split(",")))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
        raise click.BadParameter(f"wanted R,G,B as 0.485,0.456,0.406, got '{value}'.", ctx=ctx, param=param)
    red, green, blue = numbers * (3 // len(numbers))
    return red, green, blue


def several(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds the options in the order given."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


class Renaming(click.Command):
    """A command that takes options by the names that they had before, and says the ones that they have now.

    To rename an option: a line in `formerly.FORMERLY`. What is given by place today, `by_place`, was an option once.
    """

    def __init__(self, *args: Any, by_place: str | None = None, **extra: Any) -> None:
        """Take the option that is given by place today, as --blend."""
        super().__init__(*args, **extra)
        self.by_place = by_place

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, each former name by the one that stands for it."""
        from ensemble_kit.reporting.terminal import say

        was = FORMERLY.get(getattr(self.callback, "__name__", ""), {})
        now = {start + _typed(old): start + _typed(new) for old, new in was.items() for start in ("--", "--no-")}
        words: list[str] = []
        first: list[str] = []
        rest = iter(args)
        for word in rest:
            flag, equals, value = word.partition("=")
            if flag == self.by_place:
                first = [value if equals else next(rest, "")]
                say(f"{flag} NAME is written without {flag} now; the old way works until the next release.")
            elif flag in now:
                say(f"{flag} is called {now[flag]} now; the old name works until the next release.")
                words.append(now[flag] + equals + value)
            else:
                words.append(word)
        return super().parse_args(ctx, first + words)


class WholeGroup(click.Group):
    """A group whose help page cuts no summary off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line a command, or as many as its summary needs."""
        rows = [(name, one.get_short_help_str(limit=sys.maxsize)) for name, one in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class RenamingGroup(WholeGroup):
    """A group whose commands are found by former names too, which are said."""

    def __init__(self, *args: Any, formerly: Mapping[str, str] | None = None, **extra: Any) -> None:
        """Take former names of commands, and the ones that they have now."""
        super().__init__(*args, **extra)
        self.formerly = formerly or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, or the one that had it."""
        if (now := self.formerly.get(cmd_name)) is not None:
            from ensemble_kit.reporting.terminal import say

            say(f"{cmd_name} is called {now} now; the old name works until the next release.")
            return super().get_command(ctx, now)
        return super().get_command(ctx, cmd_name)


def _typed(name: str) -> str:
    """Return an option as it is typed, without its dashes."""
    return name.replace("_", "-")


def hand_down(ctx: click.Context) -> None:
    """Let what was typed before a subcommand, as `--submissions DIR`, hold for it too, where it takes that."""
    typed = {name: value for name, value in ctx.params.items() if ctx.get_parameter_source(name) is COMMANDLINE}
    if ctx.invoked_subcommand is not None:
        ctx.default_map = {ctx.invoked_subcommand: typed}


def show(report: Any, text: Callable[[Any], str], as_json: bool) -> None:
    """Print a report, as text with every name in it made visible, or as exact JSON."""
    from ensemble_kit import results
    from ensemble_kit.reporting.terminal import can_say
    from ensemble_kit.visible import all_visible

    said = results.as_json(report) if as_json else _with_next(text(all_visible(report)))
    said = results.as_json(report, ascii_only=True) if as_json and not can_say(said) else said
    aside = str(getattr(report, "path", None)) in STANDARD_OUTPUT  # what was written there has it alone
    click.echo(said, file=sys.stderr if aside else sys.stdout)  # else click says UTF-8 where the terminal is of ASCII


def _with_next(text: str) -> str:
    """Return a report whose next commands have the folders that were named."""
    ctx = click.get_current_context(silent=True)
    if ctx is None:  # shown by a caller from Python
        return text
    lines = text.split("\n")
    return "\n".join(with_folders(line, ctx) if line.startswith(("Next: ", "  ek ")) else line for line in lines)
