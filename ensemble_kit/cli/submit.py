"""`ek submit`: hand a submission in; `ek submissions`: the desk."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@click.option("--blend", default=None, metavar="NAME", help="The blend.  [default: the only one there is]")
@click.option("--csv", type=options.FOLDER, default=None, metavar="FILE", help="A submission made elsewhere instead.")
@click.option(
    "--sample",
    type=options.FOLDER,
    default=None,
    metavar="FILE",
    help="The judge's sample submission.  [default: the one that ek blend was given]",
)
@options.id_form
@click.option("--check", is_flag=True, help="Only look: nothing is written, nothing counts.")
@click.option("--again", is_flag=True, help="Hand in the same predictions once more.")
@click.option(
    "--quota", type=int, default=None, help="Submissions a day; kept once given, as are the next.  [first: 5]"
)
@click.option("--reset", default=None, metavar="HH:MM", help="When the judge's day ends.  [first: 23:59]")
@click.option("--zone", default=None, metavar="ZONE", help="Where: +08:00, or a name as Asia/Taipei.  [first: +08:00]")
@click.option("--public-fraction", type=float, default=None, help="Share of public pictures.  [first: 0.5]")
@options.several(options.predictions, options.blends, options.submissions, options.cache, options.verify)
@options.several(options.quiet, options.json)
def submit(as_json: bool, **given: Any) -> None:
    """Hand a submission in: check it, keep it, count it. Uploads nothing.

    Writes submissions/handed-in/NAME.csv, for you to upload, and enters it in the ledger. It
    counts against the day's quota, and is refused where that is used up; what ek blend writes
    and --check counts for nothing. Says how the classes are balanced, what has changed since
    the last one, which public score to expect, and whether that could tell the two apart.

    A --csv made elsewhere is checked row by row and written anew, plainly and in the
    sample's order.

    \b
    Example:
      ek submit --blend logit-sum-auto --sample sample_submission.csv --check
      ek submit --blend logit-sum-auto --sample sample_submission.csv
      ek submit --csv mine.csv --sample sample_submission.csv
      ek submit --blend final --quota 3 --reset 00:00 --zone Europe/Berlin
      ek submissions told logit-sum-auto 0.912
    """
    import ensemble_kit
    from ensemble_kit.reporting import submit as submissions

    options.show(ensemble_kit.submit(**given), submissions.submitted, as_json)


@click.group(invoke_without_command=True)
@options.several(options.submissions, options.json)
@click.pass_context
def submissions(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Show what was handed in; enter scores that the judge told.

    The honest estimate beside the public score, and where that was to be expected; how many
    pictures changed from one to the next; what is left of the day's quota; and which two to
    end with: the best by honest estimate, and of those as good the most different.

    \b
    Example:
      ek submissions
      ek submissions told logit-sum-auto 0.912
      ek submissions withdraw logit-sum-auto
    """
    if ctx.invoked_subcommand is None:
        import ensemble_kit
        from ensemble_kit.reporting import submit as text

        options.show(ensemble_kit.submissions(**given), text.desk, as_json)
    options.hand_down(ctx)


@submissions.command()
@click.argument("name")
@click.argument("score", type=float)
@options.several(options.submissions, options.json)
def told(as_json: bool, **given: Any) -> None:
    """Enter the public SCORE that the judge shows for NAME.

    \b
    Example:
      ek submissions told logit-sum-auto 0.912
    """
    import ensemble_kit
    from ensemble_kit.reporting import submit as text

    options.show(ensemble_kit.submissions_told(**given), text.desk, as_json)


@submissions.command()
@click.argument("name")
@options.several(options.submissions, options.json)
def withdraw(as_json: bool, **given: Any) -> None:
    """Enter that NAME never reached the judge, so that it counts for nothing.

    \b
    Example:
      ek submissions withdraw logit-sum-auto
    """
    import ensemble_kit
    from ensemble_kit.reporting import submit as text

    options.show(ensemble_kit.submissions_withdraw(**given), text.desk, as_json)


CHAPTER = "Submissions"
COMMANDS = (submit, submissions)
