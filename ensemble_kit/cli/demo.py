"""`ek demo`, `ek demo-data`: the whole road on images drawn for the purpose."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@click.argument("folder", type=options.FOLDER, default="demo")
@options.several(options.quiet, options.json)
def demo(as_json: bool, **given: Any) -> None:
    """Run all of it on a drawn data set, in minutes.

    Draws a synthetic data set, trains four members, and a pre-trained one where its
    weights are installed; adds TTA, blends them and writes a submission. Everything goes
    into FOLDER (demo); what is there already is kept.

    \b
    Example:
      ek demo
    """
    import ensemble_kit
    from ensemble_kit.reporting import demo as text

    options.show(ensemble_kit.demo(**given), text.ladder, as_json)


@click.command("demo-data")
@click.argument("folder", type=options.FOLDER)
@click.option("--train", type=click.IntRange(20), default=1578, show_default=True, help="Number of training images.")
@click.option("--val", type=click.IntRange(10), default=300, show_default=True, help="Number of validation images.")
@click.option("--test", type=click.IntRange(0), default=500, show_default=True, help="Number of test images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--size", type=click.IntRange(16, 512), default=48, show_default=True, help="Image size in pixels.")
@options.several(options.quiet, options.json)
def demo_data(as_json: bool, **given: Any) -> None:
    """Draw a synthetic data set of ten cartoon characters.

    The same seed draws the same pixels every time.

    \b
    Example:
      ek demo-data cartoons
    """
    import ensemble_kit
    from ensemble_kit.reporting import demo as text

    options.show(ensemble_kit.demo_data(**given), text.drawn, as_json)


CHAPTER = "Data"
COMMANDS = (demo, demo_data)
