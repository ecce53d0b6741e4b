"""`ek soup`: one network whose weights are the mean of several."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.metrics import METRICS
from ensemble_kit.training import SOUPS


@click.command()
@click.argument("members", nargs=-1, required=True)
@click.option("--name", required=True, help="Name of the soup.")
@click.option(
    "--method",
    metavar="|".join(SOUPS),
    default="uniform",
    show_default=True,
    help="; ".join(f"{name}: {entry.help}" for name, entry in SOUPS.items()) + ".",
)
@click.option("--metric", metavar="|".join(METRICS), default="log-loss", show_default=True, help="Metric on val.")
@click.option("--data", type=options.FOLDER, default=None, help="Data folder.  [default: the one of training]")
@options.several(*options.locations, options.skip_bad, options.device, options.replace)
@options.several(options.predictions, options.runs, options.cache, options.quiet, options.json)
def soup(as_json: bool, **given: Any) -> None:
    """Average the weights of members of one architecture.

    A soup costs one forward pass per image, a blend one per member. It works for networks
    fine-tuned from the same weights, or for the cycles of one run; the mean of networks of
    different seeds is mostly useless. Batch norms get new statistics from the training
    images.

    \b
    Example:
      ek soup tuned-1 tuned-2 tuned-3 --name soup
      ek soup cnn cnn-cycle-1 cnn-cycle-2 --name soup --method greedy
    """
    import ensemble_kit
    from ensemble_kit.reporting.soup import cooked

    options.show(ensemble_kit.soup(**given), cooked, as_json)


CHAPTER = "Members"
COMMANDS = (soup,)
