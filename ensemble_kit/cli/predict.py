"""`ek predict`: the classes of new pictures."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling.combining import METHODS


@click.command()
@click.argument("pictures", type=options.FOLDER, nargs=-1, required=True)
@click.option("--blend", default=None, metavar="NAME", help="A saved blend, by name or path.  [default: the only one]")
@click.option("--ckpt", type=options.FOLDER, default=None, help="Instead: a run or checkpoint that has a member.")
@click.option(
    "--method",
    metavar="|".join(METHODS),
    default=None,
    help="What each view of that member casts.  [default: logit-sum]",
)
@click.option("--top", type=int, default=1, show_default=True, help="Classes in a row, the likeliest first.")
@click.option("--abstain-below", type=float, default=None, metavar="P", help="Flag rows of a lower probability.")
@click.option(
    "--accuracy",
    type=float,
    default=None,
    metavar="SHARE",
    help="Flag so many that this share of the others is right, as 0.95.",
)
@click.option(
    "--cascade",
    type=float,
    default=None,
    metavar="LOSS",
    help="Ask no further than needed; share of pictures it may cost, 0 or as 0.01.",
)
@click.option(
    "--out", type=options.FOLDER, default="predictions.csv", show_default=True, help="A .csv, .json or .jsonl."
)
@click.option("--weights", type=options.FOLDER, default=None, help="Weights of timm:NAME.")
@options.several(
    *options.looking,
    options.replace,
    options.predictions,
    options.blends,
    options.cache,
    options.verify,
    options.quiet,
    options.json,
)
def predict(as_json: bool, **given: Any) -> None:
    """Predict new PICTURES (files, folders) by a blend or a member.

    Each row has the class, its probability, and how much of the blend agrees. --cascade asks
    members one by one: prob-mean, majority-vote and borda stop only where nothing can change;
    logit-sum and geo-mean by a margin that val allows. A picture that cannot be read has the
    reason in its row.

    \b
    Example:
      ek predict new/
      ek predict --blend logit-sum-auto new/ --top 3 --out new.jsonl
      ek predict --blend logit-sum-auto new/ --accuracy 0.95
      ek predict --blend prob-mean-equal new/ --cascade 0
      ek predict --ckpt runs/cnn new/ --method prob-mean
    """
    import ensemble_kit
    from ensemble_kit.reporting.predict import predicted

    options.show(ensemble_kit.predict(**given), predicted, as_json)


CHAPTER = "Ship"
COMMANDS = (predict,)
