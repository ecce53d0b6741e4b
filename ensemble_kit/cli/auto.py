"""`ek auto`: a submission in so many minutes."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@click.option("--data", type=options.FOLDER, default=None, help="Folder with train/CLASS/*, val/CLASS/*, test/*.")
@click.option(
    "--minutes",
    type=float,
    default=20.0,
    show_default=True,
    help="Total time budget in minutes, resumed runs included.",
)
@click.option(
    "--out", type=options.FOLDER, default=None, metavar="FILE", help="Submission CSV.  [default: submissions/NAME.csv]"
)
@click.option("--name", default="auto", show_default=True, help="Name of the blend; member names begin with it.")
@click.option("--plan", is_flag=True, help="Measure this machine, print the plan and stop.")
@click.option(
    "--pretrained/--no-pretrained",
    default=True,
    show_default=True,
    help="Start from ImageNet weights where they are installed or cached.",
)
@click.option(
    "--fetch", is_flag=True, help="First fetch weights that suit the budget from huggingface.co, within its time."
)
@click.option(
    "--flip/--no-flip", default=None, help="Use horizontal flips or not.  [default: tested on training images]"
)
@click.option(
    "--unlabelled",
    metavar="test",
    default=None,
    help="Last member: learn from the test images too, by soft labels of the others; rules may forbid it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the first member of each kind.")
@click.option(
    "--sample", type=options.FOLDER, default=None, help="Sample submission: its header, ids and order are used."
)
@click.option(
    "--id",
    metavar="name|stem",
    default="name",
    show_default=True,
    help="Image ids in the CSV with or without file ending.",
)
@options.several(*options.locations, *options.readings, options.skip_bad, options.device)
@click.option("--threads", type=int, default=None, help="CPU threads.  [default: torch's choice]")
@click.option("--replace", is_flag=True, help="Start again; overwrite the blend and the CSV.")
@options.several(options.predictions, options.runs, options.blends, options.submissions, options.cache)
@options.several(options.quiet, options.json)
def auto(as_json: bool, **given: Any) -> None:
    """Train, blend and write a submission within a time budget.

    Measures this machine and trains small networks and pre-trained ones whose weights are
    at hand (see `ek zoo`) in turn. The time is shared anew after each, and the last one
    takes all that is left, so it ends in time. After an interruption the same command
    resumes; with more --minutes it adds members.

    \b
    Example:
      ek auto --data DIR --minutes 20
      ek auto --data DIR --minutes 20 --plan
      ek auto --data DIR --minutes 60 --unlabelled test
      ek auto --data DIR --minutes 60 --no-pretrained --out mine.csv
      ek auto --data DIR --minutes 60 --fetch
    """
    import ensemble_kit
    from ensemble_kit.reporting import auto as words

    options.show(ensemble_kit.auto(**given), words.done, as_json)


CHAPTER = "Blends"
COMMANDS = (auto,)
