"""`ek data`: check a data set before anything is learnt from it."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.errors import BadDataError


@click.group(cls=options.WholeGroup)
def data() -> None:
    """Check a data set."""


@data.command()
@click.argument("data", metavar="[DIR]", type=options.FOLDER, required=False)
@options.several(*options.locations, *options.readings)
@click.option(
    "--near", type=int, default=6, show_default=True, help="Largest Hamming distance of near duplicates (of 64 bits)."
)
@click.option("--csv", type=options.FOLDER, default=None, metavar="FILE", help="Write all findings as CSV.")
@click.option(
    "--sheet", type=options.FOLDER, default=None, metavar="FILE", help="Contact sheet of the findings: .png or .jpg."
)
@options.several(options.replace, options.quiet, options.json)
@click.pass_context
def check(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Read every image; find what is broken, double, mislabelled or in two splits.

    DIR holds train/CLASS/*, val/CLASS/* and test/*. No image is changed. Exit code 3 where
    files cannot be read, or an image or a group is in two splits.

    \b
    Example:
      ek data check DIR
      ek data check DIR --csv found.csv --sheet found.png --group-from "(.*)_"
    """
    import ensemble_kit
    from ensemble_kit.reporting import data as data_report

    report = ensemble_kit.data_check(**given)
    options.show(report, data_report.checked, as_json)
    if not report.clean:
        ctx.exit(BadDataError.exit_code)


CHAPTER = "Data"
COMMANDS = (data,)
