"""`ek report`: a page that shows all that is known of a blend."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command(cls=options.Renaming)
@click.argument("blend", required=False)
@click.option("--out", type=options.FOLDER, default=None, help="HTML file.  [default: reports/NAME.html]")
@click.option("--top", type=int, default=12, show_default=True, help="Number of images of each kind to show.")
@click.option("--thumbnails/--no-thumbnails", default=True, show_default=True, help="Show thumbnails.")
@click.option("--reports", type=options.FOLDER, default="reports", show_default=True, help="Folder of plots and pages.")
@options.several(options.predictions, options.runs, options.blends, options.cache, options.verify)
@options.several(options.replace, options.quiet, options.json)
def report(as_json: bool, **given: Any) -> None:
    """Show all that is known of BLEND on one HTML page.

    BLEND is a name or a file; without it, the only blend there is. The page needs no
    network and no other file; its numbers are beside it as JSON. It shows the honest
    estimate and its interval, members, confusion matrix, calibration, views, cost, images
    that were wrong or unsure, likely label errors, and the commands that repeat it all.

    \b
    Example:
      ek report
      ek report logit-sum-auto --top 24
      ek report blends/final.json --no-thumbnails --out final.html
    """
    import ensemble_kit
    from ensemble_kit.reporting.html import words

    options.show(ensemble_kit.report(**given), words.reported, as_json)


CHAPTER = "Blends"
COMMANDS = (report,)
