"""`ek tta`: look at each picture in several ways."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling import VIEW_CHOICES
from ensemble_kit.inference import VIEW_SETS


@click.command()
@click.option("--ckpt", type=options.FOLDER, required=True, help="A run folder or a checkpoint file.")
@click.option(
    "--views",
    default="flips",
    show_default=True,
    help=f"Sets ({', '.join(VIEW_SETS)}) or a list: hflip, vflip, crop@0.875:tl, scale@1.15, joined by , and *.",
)
@click.option(
    "--choose",
    metavar="|".join(VIEW_CHOICES),
    default="auto",
    show_default=True,
    help="How the views are weighed.",
)
@click.option("--data", type=options.FOLDER, default=None, help="Data folder.  [default: the one trained on]")
@options.several(*options.locations, options.skip_bad)
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Pictures at a time.")
@options.several(options.device, options.replace, options.predictions, options.cache, options.verify)
@options.several(options.quiet, options.json)
def tta(as_json: bool, **given: Any) -> None:
    """Look at each picture in several ways, and weigh the ways.

    Adds the views' logits on val and test to the member.
    Views that are there are not computed again. `--choose auto` holds the weights to
    identity unless val says clearly otherwise; `none` leaves identity alone.

    \b
    Example:
      ek tta --ckpt runs/cnn --views flips
      ek tta --ckpt runs/cnn --views five-crop,scale@1.15 --choose equal
    """
    import ensemble_kit
    from ensemble_kit.reporting import summaries

    options.show(ensemble_kit.tta(**given), summaries.looked_twice, as_json)


COMMANDS = (tta,)
