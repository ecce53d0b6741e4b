"""`ek blend`: weigh the members, write the submission."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling.combining import METHODS
from ensemble_kit.ensembling.weights import WEIGHTS
from ensemble_kit.splits import OOF, VAL


@click.command()
@click.argument("members", nargs=-1)
@click.option("--method", metavar="|".join(METHODS), default="logit-sum", show_default=True, help="How members vote.")
@click.option(
    "--weights",
    metavar="|".join([*WEIGHTS, "NAME=1,..."]),
    default="auto",
    show_default=True,
    help="How weights are found.",
)
@options.metric
@options.temperatures
@click.option(
    "--tune-on",
    type=click.Choice([VAL, OOF]),
    default=None,
    help="Tuning set; oof: out-of-fold rows of train.  [default: val where all members have it]",
)
@click.option(
    "--start", metavar="empty|sorted", default="empty", show_default=True, help="Initial ensemble of greedy selection."
)
@click.option("--bags", type=int, default=0, show_default=True, help="Number of bagged subsets of greedy (0: none).")
@click.option("--max-members", type=int, default=None, metavar="K", help="Largest number of members.")
@click.option("--max-ms", type=float, default=None, metavar="MS", help="Inference time limit per image.")
@click.option("--certify", is_flag=True, help="Prove how good any weights could be (accuracy).")
@click.option("--certify-seconds", type=float, default=10.0, show_default=True, help="Time limit of the proof.")
@click.option("--full", is_flag=True, help="Full report: every method, every member, the proof.")
@click.option("--name", default=None, help="Name of the blend.  [default: method-weights]")
@click.option("--out", type=options.FOLDER, default=None, help="Submission CSV.  [default: submissions/NAME.csv]")
@click.option(
    "--sample",
    type=options.FOLDER,
    default=None,
    help="Sample submission: its header, ids and order are used.",
)
@options.several(options.id_form, options.encoding, options.replace)
@options.several(options.predictions, options.blends, options.submissions, options.cache, options.verify)
@options.several(options.quiet, options.json)
def blend(as_json: bool, **given: Any) -> None:
    """Blend MEMBERS, all if none is named; write a submission.

    The tuned figure is measured on the tuning set and is optimistic. The honest estimate
    is cross-fitted: the whole procedure is repeated inside every fold. Figures are in
    --metric; greedy selects by it, auto never reads it. Weights: auto (log loss with a
    ridge towards what each member knows), equal, log-loss (without ridge), greedy (Caruana),
    accuracy (exact search), stacking (logistic regression), or numbers.

    With --tune-on oof everything is tuned on out-of-fold rows of train (ek train --folds),
    and val is used once, for evaluation. Where members have no val, the honest estimate is
    cross-fitted on oof. Weights are then those of families; MEMBERS may name families.

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
