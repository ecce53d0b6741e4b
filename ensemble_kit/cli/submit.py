"""`ek submit`: hand a submission in; `ek submissions`: the submission log."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command(cls=options.Renaming, by_place="--blend")
@click.argument("blend", required=False)
@click.option("--csv", type=options.FOLDER, default=None, metavar="FILE", help="Instead of BLEND: a CSV of your own.")
@click.option(
    "--sample",
    type=options.FOLDER,
    default=None,
    metavar="FILE",
    help="Sample submission of the contest.  [default: the one of ek blend]",
)
@options.several(options.id_form, options.encoding)
@click.option("--check", is_flag=True, help="Check only: nothing is written or counted.")
@click.option("--again", is_flag=True, help="Allow the same predictions once more.")
@click.option("--quota", type=int, default=None, help="Submissions per day; kept, like the next three.  [first: 5]")
@click.option("--reset", default=None, metavar="HH:MM", help="Time when the quota resets.  [first: 23:59]")
@click.option(
    "--zone", default=None, metavar="ZONE", help="Time zone: +08:00, or a name as Asia/Taipei.  [first: +08:00]"
)
@click.option("--public-fraction", type=float, default=None, help="Share of public images.  [first: 0.5]")
@options.several(options.predictions, options.blends, options.submissions, options.cache, options.verify)
@options.several(options.quiet, options.json)
def submit(as_json: bool, **given: Any) -> None:
    """Hand a submission in: check it, keep it, count it. Uploads nothing.

    BLEND is a name or a file; without it, the only blend there is. Writes
    submissions/handed-in/NAME.csv, for you to upload, and enters it in the submission log.
    It counts against the quota of the day and is refused where that is used up; the CSV of
    ek blend and --check do not count. Reports the class balance, what changed since the
    last one, the expected public score, and the smallest gain that score can show.

    A --csv of your own is checked row by row and written again in the sample's order.

    \b
    Example:
      ek submit logit-sum-auto --sample sample_submission.csv --check
      ek submit logit-sum-auto --sample sample_submission.csv
      ek submit --csv mine.csv --sample sample_submission.csv
      ek submit final --quota 3 --reset 00:00 --zone Europe/Berlin
      ek submissions score logit-sum-auto 0.912
    """
    import ensemble_kit
    from ensemble_kit.reporting import submit as submissions

    options.show(ensemble_kit.submit(**given), submissions.submitted, as_json)


@click.group(cls=options.RenamingGroup, formerly={"told": "score"}, invoke_without_command=True)
@options.several(options.submissions, options.json)
@click.pass_context
def submissions(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Show the submission log; enter public scores.

    The honest estimate beside the public score and its expected range; how many images
    changed from one to the next; what is left of the quota; and which two to end with: the
    best by honest estimate, and of those as good the most different.

    \b
    Example:
      ek submissions
      ek submissions score logit-sum-auto 0.912
      ek submissions withdraw logit-sum-auto
    """
    if ctx.invoked_subcommand is None:
        import ensemble_kit
        from ensemble_kit.reporting import submit as text

        options.show(ensemble_kit.submissions(**given), text.submission_log, as_json)
    options.hand_down(ctx)


@submissions.command("score")
@click.argument("name")
@click.argument("score", type=float)
@options.several(options.submissions, options.json)
def enter_score(as_json: bool, **given: Any) -> None:
    """Enter the public SCORE of NAME, as the contest shows it.

    \b
    Example:
      ek submissions score logit-sum-auto 0.912
    """
    import ensemble_kit
    from ensemble_kit.reporting import submit as text

    report = ensemble_kit.submissions_score(**given)
    options.show(report, lambda report: text.scored(report, given["name"], given["score"]), as_json)


@submissions.command()
@click.argument("name")
@options.several(options.submissions, options.json)
def withdraw(as_json: bool, **given: Any) -> None:
    """Enter that NAME was never uploaded, so that it does not count.

    \b
    Example:
      ek submissions withdraw logit-sum-auto
    """
    import ensemble_kit
    from ensemble_kit.reporting import submit as text

    report = ensemble_kit.submissions_withdraw(**given)
    options.show(report, lambda report: text.withdrawn(report, given["name"]), as_json)


CHAPTER = "Submissions"
COMMANDS = (submit, submissions)
