"""Options that several commands share, declared once."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

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
    help="Folder of decoded pictures and verified checksums.",
)
metric = click.option(
    "--metric", metavar="|".join(METRICS), default="accuracy", show_default=True, help="What counts as good."
)
recipe = click.option(
    "--recipe",
    metavar="|".join(RECIPES),
    default=None,
    help="Named hyper-parameters; all but assignment mirror pictures: see --no-flip.  "
    f"[default: {default_recipe(pretrained=False)}; from pre-trained weights: {default_recipe(pretrained=True)}]",
)
id_form = click.option(
    "--id",
    type=click.Choice(["name", "stem"]),
    default="name",
    show_default=True,
    help="Ids with or without suffix.",
)
verify = click.option("--verify", is_flag=True, help="Read every file again and check its sha256.")
device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
quiet = click.option("--quiet", is_flag=True, help="No progress on standard error.")
json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
replace = click.option("--replace", is_flag=True, help="Replace what is there under this name.")


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


locations = (
    click.option("--train-csv", type=FOLDER, default=None, help="CSV of training pictures: id or file name, label."),
    click.option("--val-csv", type=FOLDER, default=None, help="The same for val."),
    click.option("--test-csv", type=FOLDER, default=None, help="The same for test; labels are passed over."),
    click.option(
        "--images", type=FOLDER, default=None, help="Folder that paths in CSVs start from.  [default: the CSV's own]"
    ),
    click.option(
        "--test-dir",
        type=FOLDER,
        multiple=True,
        metavar="FOLDER",
        help="Folder of test pictures; may be repeated, or with --test-csv one.",
    ),
)
"""Where pictures lie, beside or instead of a data folder."""
readings = (
    click.option(
        "--column",
        multiple=True,
        metavar="NAME=COLUMN",
        callback=pairs,
        help="As label=Category: what a CSV calls its id, path, label or group, where its name does not say so.",
    ),
    click.option("--classes", type=FOLDER, default=None, help="File of class names, a line each; integers index it."),
    click.option("--group-from", default=None, metavar="REGEX", help="Pictures that belong together, from their ids."),
    click.option("--val-fraction", type=float, default=None, help="Share of train to hold out where there is no val."),
    click.option(
        "--split-seed",
        type=int,
        default=0,
        show_default=True,
        help="Which pictures that share, or each fold, is; for all members.",
    ),
)
"""How the pictures are to be read: ids, classes, groups, and the share held out."""
looking = (
    click.option(
        "--engine",
        metavar="|".join(("auto", *ENGINES)),
        default="auto",
        show_default=True,
        help="What computes; checked against eager first.",
    ),
    click.option(
        "--precision", metavar="|".join(PRECISIONS), default="float32", show_default=True, help="Of the products."
    ),
    click.option("--batch-size", type=int, default=64, show_default=True, help="Pictures at a time."),
    device,
)
"""How a network is run over pictures."""
skip_bad = click.option("--skip-bad", is_flag=True, help="Go on without the pictures that cannot be read.")


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


def hand_down(ctx: click.Context) -> None:
    """Let what was typed before a subcommand, as `--submissions DIR`, hold for it too, where it takes that."""
    typed = {name: value for name, value in ctx.params.items() if ctx.get_parameter_source(name) is COMMANDLINE}
    if ctx.invoked_subcommand is not None:
        ctx.default_map = {ctx.invoked_subcommand: typed}


def show(report: Any, text: Callable[[Any], str], as_json: bool) -> None:
    """Print a report, as text with every name in it made visible, or as exact JSON."""
    from ensemble_kit import results
    from ensemble_kit.reporting import can_say
    from ensemble_kit.visible import all_visible

    said = results.as_json(report) if as_json else text(all_visible(report))
    said = results.as_json(report, ascii_only=True) if as_json and not can_say(said) else said
    aside = str(getattr(report, "path", None)) in STANDARD_OUTPUT  # what was written there has it alone
    click.echo(said, file=sys.stderr if aside else sys.stdout)  # else click says UTF-8 where the terminal is of ASCII
