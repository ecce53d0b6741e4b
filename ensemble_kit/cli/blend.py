"""`ek blend`: weigh the members, write the submission."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling.combining import METHODS
from ensemble_kit.ensembling.weights import WEIGHTS
from ensemble_kit.splits import OOF, VAL


@click.command()
@click.argument("members", nargs=-1)
@click.option(
    "--method", metavar="|".join(METHODS), default="logit-sum", show_default=True, help="What a member casts."
)
@click.option(
    "--weights",
    metavar="|".join([*WEIGHTS, "NAME=1,..."]),
    default="auto",
    show_default=True,
    help="How members weigh.",
)
@options.metric
@click.option(
    "--tune-on",
    type=click.Choice([VAL, OOF]),
    default=None,
    help="Rows that decide; oof: folds of train, held out.  [default: val where all members have it]",
)
@click.option("--start", metavar="empty|sorted", default="empty", show_default=True, help="What greedy begins with.")
@click.option("--bags", type=int, default=0, show_default=True, help="Random halves that greedy selects in; 0: none.")
@click.option("--max-members", type=int, default=None, metavar="K", help="Blend at most so many members.")
@click.option("--max-ms", type=float, default=None, metavar="MS", help="Blend what takes at most so long a picture.")
@click.option("--certify", is_flag=True, help="Prove that no weights are better (accuracy).")
@click.option("--certify-seconds", type=float, default=10.0, show_default=True, help="How long the proof may take.")
@click.option("--full", is_flag=True, help="Judge every method and every member too, and prove.")
@click.option("--name", default=None, help="Name of the blend.  [default: method-weights]")
@click.option("--out", type=options.FOLDER, default=None, help="The CSV.  [default: submissions/NAME.csv]")
@click.option(
    "--sample",
    type=options.FOLDER,
    default=None,
    help="A sample submission: its header, ids and order are kept.",
)
@options.several(options.id_form, options.replace)
@options.several(options.predictions, options.blends, options.submissions, options.cache, options.verify)
@options.several(options.quiet, options.json)
def blend(as_json: bool, **given: Any) -> None:
    """Blend MEMBERS, all if none is named; write a submission.

    The tuned figure is measured on the rows it was tuned on and is called optimistic; the
    honest one repeats the whole procedure inside every fold. Figures are in --metric;
    greedy goes by it, auto never does. Ways to find weights: auto (log loss, held to equal
    as far as val asks), equal, log-loss (without that hold), greedy (Caruana), accuracy
    (searched exactly), stacking (logistic regression), or numbers.

    With --tune-on oof everything is found on the folds of the training pictures that the
    members held out (ek train --folds), and val is measured on once: its figure is honest
    as it stands. Where members have no val, the honest figure is cross-fitted on oof.
    Families are weighed then; MEMBERS may name them, here and above.

    \b
    Example:
      ek blend --method logit-sum
      ek blend cnn vit --method prob-mean --weights cnn=1,vit=2
      ek blend --weights greedy --bags 10 --metric macro-f1
      ek blend --weights accuracy --certify
      ek blend --max-ms 5 --full
      ek blend cnn vit --tune-on oof
      ek blend --sample sample_submission.csv --out final.csv
    """
    import ensemble_kit
    from ensemble_kit.reporting import blend as blending

    options.show(ensemble_kit.blend(**given), blending.blended, as_json)


CHAPTER = "Blends"
COMMANDS = (blend,)
