"""`ek score`: submissions against the truth."""

from typing import Any

import click

from ensemble_kit.cli import options


def numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    """Turn 0.45,0.7 into numbers."""
    try:
        return tuple(float(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(f"wanted numbers as 0.45,0.7, got '{value}'.", ctx=ctx, param=param) from None


@click.command()
@click.argument("csv", nargs=-1, required=True, type=options.FOLDER)
@click.option(
    "--labels", type=options.FOLDER, required=True, metavar="FILE", help="CSV of ids and true classes; Usage, if any."
)
@click.option("--public-fraction", type=float, default=None, help="Share of public images.  [default: 0.5]")
@click.option("--seed", type=int, default=None, help="Seed of the public part.  [default: 0]")
@click.option("--baselines", default="", metavar="A,B,...", callback=numbers, help="Accuracies to pass, as 0.45,0.7.")
@options.several(options.encoding, options.json)
def score(as_json: bool, **given: Any) -> None:
    """Score submissions (CSV ...) against LABELS, as a contest does.

    The public part is a random draw of the images, by --seed and the set of ids; the order
    of rows does not matter. Where LABELS has a column Usage (Public, Private, Ignored), as a
    contest's solution file does, that says which images are public and which do not count.
    One submission: accuracy per class and baselines. Several: a leaderboard, with a paired
    test of neighbours (McNemar's, exact, on all images).

    \b
    Example:
      ek score submission.csv --labels labels.csv --baselines 0.45,0.7,0.83,0.94
      ek score a.csv b.csv --labels labels.csv --public-fraction 0.3 --seed 7
    """
    import ensemble_kit
    from ensemble_kit.reporting import score as scoring

    options.show(ensemble_kit.score(**given), scoring.scored, as_json)


CHAPTER = "Submissions"
COMMANDS = (score,)
