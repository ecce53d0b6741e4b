"""`ek find-lr`: which learning rate to train with."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.training import RANGES, STEP_FIELDS


def _field(name: str) -> Any:
    """Return the option that overrides one field of the recipe."""
    limits = RANGES[name]
    option = "--" + name.replace("_", "-")
    if limits.kind is bool:
        return click.option(f"{option}/{option.replace('--', '--no-', 1)}", default=None, help="As in ek train.")
    metavar = "|".join(limits.choices) if limits.choices else None
    return click.option(option, type=limits.kind, default=None, metavar=metavar, help="As in ek train.")


@click.command("find-lr", cls=options.Renaming)
@click.option("--data", type=options.FOLDER, default=None, help="Folder with train/CLASS/*, val/CLASS/*, test/*.")
@click.option("--arch", default="cnn", show_default=True, help="Architecture, see `ek zoo`.")
@options.recipe
@options.several(*(_field(name) for name in STEP_FIELDS))
@click.option(
    "--size", type=int, default=None, help="Input size in pixels.  [default: median of the images, 16 to 128]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@options.several(*options.locations, *options.readings, options.skip_bad)
@click.option(
    "--arch-option",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.pairs,
    help="Option of the architecture, as width=64; see `ek zoo`.",
)
@click.option("--pretrained", is_flag=True, help="timm: start from ImageNet weights.")
@click.option(
    "--init", type=options.FOLDER, metavar="FILE", default=None, help="Initial weights: a .safetensors or .pth file."
)
@click.option("--steps", type=int, default=200, show_default=True, help="Training steps from learning rate 1e-7 to 1.")
@click.option(
    "--out", type=options.FOLDER, default=None, metavar="FILE.png", help="The plot.  [default: reports/lr-ARCH.png]"
)
@click.option("--threads", type=int, default=None, help="CPU threads.  [default: torch's choice]")
@options.several(options.replace, options.device, options.cache, options.quiet, options.json)
def find_lr(as_json: bool, **given: Any) -> None:
    """Find the learning rate to train with, in one short run. Keeps nothing but a plot.

    The rate rises step by step from 1e-7 to 1, or until the loss diverges.

    \b
    Example:
      ek find-lr --data DIR --arch cnn-deep
    """
    import ensemble_kit
    from ensemble_kit.reporting import find_lr as text

    options.show(ensemble_kit.find_lr(**given), text.found, as_json)


CHAPTER = "Members"
COMMANDS = (find_lr,)
