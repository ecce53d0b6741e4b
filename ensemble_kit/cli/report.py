"""`ek report`: a page that shows all that is known of a blend."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@click.argument("blend", required=False)
@click.option("--out", type=options.FOLDER, default=None, help="The page.  [default: reports/NAME.html]")
@click.option("--top", type=int, default=12, show_default=True, help="Pictures of each kind to show.")
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Embed thumbnails of them.")
@click.option(
    "--reports", type=options.FOLDER, default="reports", show_default=True, help="Folder of curves, and of the page."
)
@options.several(options.predictions, options.runs, options.blends, options.cache, options.verify)
@options.several(options.replace, options.quiet, options.json)
def report(as_json: bool, **given: Any) -> None:
    """Show all that is known of BLEND on one HTML page.

    BLEND is a name or a file; without it, the only blend there is. The page needs neither
    network nor other files; its numbers lie beside it as JSON. It shows what the blend is
    worth and whether that is real, its members, which classes are confused, whether
    probabilities can be believed, what views and time bring, the pictures to look at, and
    how to repeat it all.

    \b
    Example:
      ek report
      ek report logit-sum-auto --top 24
      ek report blends/final.json --no-pictures --out final.html
    """
    import ensemble_kit
    from ensemble_kit.reporting.html import words

    options.show(ensemble_kit.report(**given), words.reported, as_json)


CHAPTER = "Blends"
COMMANDS = (report,)
