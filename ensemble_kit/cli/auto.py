"""`ek auto`: a submission in so many minutes."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@click.option("--data", type=options.FOLDER, default=None, help="Folder with train/CLASS/*, val/CLASS/*, test/*.")
@click.option("--minutes", type=float, default=20.0, show_default=True, help="For everything, over all calls.")
@click.option(
    "--out", type=options.FOLDER, default=None, metavar="FILE", help="The CSV.  [default: submissions/NAME.csv]"
)
@click.option("--name", default="auto", show_default=True, help="Of the blend; members are called after it.")
@click.option("--plan", is_flag=True, help="Measure this machine and print the plan; train nothing.")
@click.option(
    "--pretrained/--no-pretrained",
    default=True,
    show_default=True,
    help="Start from ImageNet weights where they are at hand.",
)
@click.option(
    "--flip/--no-flip", default=None, help="Mirror pictures or not.  [default: found out on training pictures]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the first member of each kind.")
@click.option("--sample", type=options.FOLDER, default=None, help="Sample submission; header, ids, order are kept.")
@click.option(
    "--id",
    metavar="name|stem",
    default="name",
    show_default=True,
    help="Image ids in the CSV with their ending or not.",
)
@options.several(*options.locations, *options.readings, options.skip_bad, options.device)
@click.option("--threads", type=int, default=None, help="Threads of the processor.  [default: torch's choice]")
@click.option("--replace", is_flag=True, help="Begin anew; overwrite the CSV, whoever wrote it.")
@options.several(options.predictions, options.runs, options.blends, options.submissions, options.cache)
@options.several(options.quiet, options.json)
def auto(as_json: bool, **given: Any) -> None:
    """Train what fits into the time, blend, and write a submission.

    Measures this machine, plans members of a fixed portfolio and their views, and ends in time.
    Interrupted, the same command goes on; with more --minutes it adds members.

    \b
    Example:
      ek auto --data DIR --minutes 20
      ek auto --data DIR --minutes 20 --plan
      ek auto --data DIR --minutes 60 --no-pretrained --out mine.csv
    """
    import ensemble_kit
    from ensemble_kit.reporting import auto as words

    options.show(ensemble_kit.auto(**given), words.done, as_json)


CHAPTER = "Blends"
COMMANDS = (auto,)
