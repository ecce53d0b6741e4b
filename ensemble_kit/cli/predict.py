"""`ek predict`: the classes of new pictures."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling import BALLOTS


@click.command()
@click.option("--ckpt", type=options.FOLDER, required=True, help="A run or checkpoint that has a member.")
@click.argument("pictures", type=options.FOLDER, nargs=-1, required=True)
@click.option(
    "--method", metavar="|".join(BALLOTS), default="logit-sum", show_default=True, help="What each view casts."
)
@click.option(
    "--loss", type=float, default=None, help="Share of pictures that stopping early may cost, as 0.01.  [default: none]"
)
@click.option("--out", type=options.FOLDER, default="predictions.csv", show_default=True, help="The CSV.")
@click.option("--weights", type=options.FOLDER, default=None, help="Weights of timm:NAME.")
@options.several(*options.looking, options.predictions, options.cache, options.verify, options.quiet, options.json)
def predict(as_json: bool, **given: Any) -> None:
    """Predict new PICTURES (files or folders) by one member and its views.

    Looks no more than needed: the heaviest view first, and a picture that is settled is not
    looked at again. prob-mean, majority-vote and borda stop only where nothing can change;
    logit-sum and geo-mean stop early only if --loss allows it, by a margin found on val.

    \b
    Example:
      ek predict --ckpt runs/cnn new/
      ek predict --ckpt runs/cnn new/ --method prob-mean
      ek predict --ckpt runs/cnn new/ --loss 0.02 --out new.csv
    """
    import ensemble_kit
    from ensemble_kit.reporting import views

    options.show(ensemble_kit.predict(**given), views.predicted, as_json)


COMMANDS = (predict,)
