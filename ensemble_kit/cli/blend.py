"""`ek blend`: weigh the members, write the submission."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling import BALLOTS, WEIGHTS


@click.command()
@click.argument("members", nargs=-1)
@click.option(
    "--method", metavar="|".join(BALLOTS), default="logit-sum", show_default=True, help="What a member casts."
)
@click.option(
    "--weights",
    metavar="|".join([*WEIGHTS, "NAME=1,..."]),
    default="auto",
    show_default=True,
    help="How members weigh.",
)
@options.metric
@click.option("--name", default=None, help="Name of the blend.  [default: method-weights]")
@click.option("--out", type=options.FOLDER, default=None, help="The CSV.  [default: submissions/NAME.csv]")
@click.option(
    "--sample",
    type=options.FOLDER,
    default=None,
    help="A sample submission: its header, ids and order are kept.",
)
@click.option(
    "--id",
    type=click.Choice(["name", "stem"]),
    default="name",
    show_default=True,
    help="Ids with or without suffix.",
)
@options.several(options.predictions, options.blends, options.submissions, options.cache, options.verify)
@options.several(options.quiet, options.json)
def blend(as_json: bool, **given: Any) -> None:
    """Blend MEMBERS, all if none is named; write a submission.

    The tuned figure is measured on the rows it was tuned on and is called optimistic; the
    honest one repeats the whole procedure inside every fold. Figures are in --metric;
    greedy goes by it, auto never does.

    \b
    Example:
      ek blend --method logit-sum
      ek blend cnn vit --method prob-mean --weights cnn=1,vit=2
      ek blend --weights greedy --metric macro-f1
      ek blend --sample sample_submission.csv --out final.csv
    """
    import ensemble_kit
    from ensemble_kit.reporting import summaries

    options.show(ensemble_kit.blend(**given), summaries.blended, as_json)


COMMANDS = (blend,)
