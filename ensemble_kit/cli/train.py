"""`ek train`, `ek zoo`: make members."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from ensemble_kit.cli import options
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.metrics import METRICS
from ensemble_kit.tables import pick
from ensemble_kit.training import RANGES, RECIPES, Range, Recipe, default_recipe

CONFIG: Final = "ensemble_kit.config"  # where the path of the file is kept while it is read
TABLES: Final[Mapping[str, Mapping[str, Any]]] = {
    **{name: dict.fromkeys(limits.choices) for name, limits in RANGES.items() if limits.choices},
    **{"recipe": RECIPES, "metric": METRICS},
}
"""The options that name a line of a table."""


def _recipe_option(field: str, limits: Range) -> Any:
    """Return the option of one field of a recipe; its range is declared in RANGES."""
    name = field.replace("_", "-")
    default = getattr(RECIPES[default_recipe(pretrained=False)], field)
    if limits.kind is bool:
        return click.option(f"--{name}/--no-{name}", default=None, help=f"{limits.help[0].upper()}{limits.help[1:]}.")
    metavar = "|".join(limits.choices) if limits.choices else None
    text = limits.help[0].upper() + limits.help[1:] + ("" if limits.choices else f": {limits}")
    return click.option(
        f"--{name}", type=limits.kind, default=None, metavar=metavar, help=f"{text}.  [strong: {default}]"
    )


def _as_yaml(recipe: Recipe) -> str:
    """Return a recipe as lines that a config file may hold."""
    return "\n".join(
        f"{field}: {str(value).lower() if isinstance(value, bool) else value}"
        for field, value in asdict(recipe).items()
    )


def _read_config(ctx: click.Context, _param: click.Parameter, path: Path | None) -> None:
    """Let a file's options stand in for those that are not typed."""
    if path is None or ctx.resilient_parsing:
        return
    from ensemble_kit.pipeline.models import read_config

    ctx.meta[CONFIG] = path
    takes = {param.name: param for param in ctx.command.params if param.expose_value and param.name}
    config = read_config(path, takes.keys())
    ctx.default_map = {name: _as_typed(takes[name], value, path) for name, value in config.items()}


def _trained(given: dict[str, Any]) -> Any:
    """Train; what a config file names and is not known here is said of that file."""
    import ensemble_kit
    from ensemble_kit.pipeline.models import check_names, used_here

    ctx = click.get_current_context()
    path = ctx.meta.get(CONFIG)
    if path is None:
        return ensemble_kit.train(**given)
    of_file = {name for name in given if ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP}
    check_names({name: (table, given[name]) for name, table in TABLES.items() if name in of_file}, path)
    if "arch" not in of_file:
        return ensemble_kit.train(**given)
    with used_here(path, None):
        return ensemble_kit.train(**given)


def _as_typed(param: click.Parameter, value: Any, path: Path) -> Any:
    """Return a value of a config file as the command line would have it, so that it is checked as strictly."""
    if isinstance(value, dict) and param.multiple:
        return [f"{key}={one}" for key, one in value.items()]
    several = isinstance(value, list)
    for one in value if several else [value]:
        textual = isinstance(param.type, (click.types.StringParamType, click.Path))
        if several != param.multiple or (textual and not isinstance(one, (str, Path))):
            wanted = (
                "a list"
                if param.multiple
                else "text (in quotes, if it looks like a number)"
                if textual
                else "one value"
            )
            raise InvalidOptionError(f"'{path}': {param.name} is {value!r}; wanted {wanted}.")
    return [str(one) for one in value] if several else value if isinstance(value, bool) else str(value)


@click.command(cls=options.Renaming)
@click.option(
    "--config",
    type=options.FOLDER,
    callback=_read_config,
    expose_value=False,
    is_eager=True,
    metavar="FILE",
    help="Read options from a YAML file, as a run's config.yaml; typed options win.",
)
@click.option("--data", type=options.FOLDER, default=None, help="Folder with train/CLASS/*, val/CLASS/*, test/*.")
@click.option(
    "--arch", default="cnn", show_default=True, help="Architecture, see `ek zoo`; timm:NAME for any of timm's."
)
@click.option("--name", default=None, help="Name of the member.  [default: the arch, then arch-2, ...]")
@options.recipe
@click.option("--show-recipe", metavar="RECIPE", default=None, help="Print a recipe and stop.")
@options.several(*(_recipe_option(field, limits) for field, limits in RANGES.items()))
@click.option(
    "--size",
    type=int,
    default=None,
    help="Input size in pixels.  [default: median of the images, 16 to 128]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of training.")
@click.option("--seeds", type=int, default=1, show_default=True, help="Number of members to train: NAME-seed-0, ...")
@click.option(
    "--folds", type=int, default=0, show_default=True, help="K-fold cross-validation: K members, each without one fold."
)
@click.option("--fold", type=int, default=0, show_default=True, help="Train this fold only (0: all).")
@click.option(
    "--unlabelled",
    metavar="test",
    default=None,
    help="Learn from the test images too, by soft labels of --teacher; rules may forbid it.",
)
@click.option(
    "--teacher",
    metavar="MEMBER[,MEMBER...]",
    default=None,
    help="Members whose mean probabilities are the soft labels of --unlabelled.",
)
@click.option("--family", default=None, help="Family name of members trained alike.  [default: NAME]")
@options.several(*options.locations, *options.readings, options.skip_bad)
@click.option(
    "--arch-option",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.pairs,
    help="Option of the architecture, as width=64; see `ek zoo`.",
)
@click.option("--pretrained", is_flag=True, help="timm: start from ImageNet weights, installed or from the hub.")
@click.option(
    "--init", type=options.FOLDER, metavar="FILE", default=None, help="Initial weights: a .safetensors or .pth file."
)
@click.option(
    "--keep",
    metavar="last|best",
    default="last",
    show_default=True,
    help="Checkpoint to keep: last epoch, or best on val.",
)
@click.option(
    "--metric", metavar="|".join(METRICS), default="log-loss", show_default=True, help="Metric of --keep best."
)
@click.option(
    "--patience",
    type=int,
    default=0,
    show_default=True,
    help="Early stopping: epochs without improvement on val (0: off).",
)
@click.option("--minutes", type=float, default=None, help="Time limit of each run, in minutes.")
@click.option("--threads", type=int, default=None, help="CPU threads.  [default: torch's choice]")
@click.option("--resume", is_flag=True, help="Resume unfinished runs; skip finished ones.")
@click.option(
    "--save-every", type=float, default=30.0, show_default=True, help="Seconds between saved states (0: every step)."
)
@options.several(options.device, options.replace, options.predictions, options.runs, options.cache)
@options.several(options.quiet, options.json)
def train(as_json: bool, show_recipe: str | None, **given: Any) -> None:
    """Train a member, or a family; keep its logits on val and test.

    A recipe sets the hyper-parameters; single options override it.
    With --folds, each member also keeps its logits on the fold that it was not trained on
    (out of fold, oof); without val it is evaluated there.

    \b
    Example:
      ek train --data DIR --arch cnn
      ek train --data DIR --arch cnn-deep --no-flip --seed 1
      ek train --data DIR --seeds 3
      ek train --data DIR --cycles 5 --name snapshots
      ek train --data DIR --folds 5 --name folded
      ek train --data DIR --unlabelled test --teacher cnn,resnet18
      ek train --train-csv train.csv --column label=Category --val-fraction 0.15
      ek train --config runs/cnn/config.yaml --name cnn-again
      ek train --config runs/cnn/unfinished.yaml --resume
    """
    from ensemble_kit.reporting import train as text

    if show_recipe is not None:
        options.show(pick(RECIPES, show_recipe, "recipe"), _as_yaml, as_json)
    else:
        options.show(_trained(given), text.trained, as_json)


@click.command()
@click.option("--classes", type=int, default=10, show_default=True, help="Number of classes.")
@click.option("--size", type=int, default=None, help="Input size in pixels.  [default: each arch's own]")
@options.json
def zoo(as_json: bool, **given: Any) -> None:
    """List architectures, their sizes and whose weights are at hand.

    \b
    Example:
      ek zoo --size 28
    """
    import ensemble_kit
    from ensemble_kit.reporting import zoo as text

    options.show(ensemble_kit.zoo(**given), text.zoo, as_json)


CHAPTER = "Members"
COMMANDS = (train, zoo)
