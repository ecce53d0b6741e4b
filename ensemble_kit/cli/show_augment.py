"""`ek show-augment`: what the network sees of the training pictures."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.training import AUGMENTS


@click.command()
@click.option("--data", type=options.FOLDER, default=None, help="Folder with train/CLASS/*, val/CLASS/*, test/*.")
@options.recipe
@click.option("--augment", metavar="|".join(AUGMENTS), default=None, help="Random changes.  [default: the recipe's]")
@click.option("--flip/--no-flip", default=None, help="Mirror half of the pictures.  [default: the recipe's]")
@click.option("--mix", type=float, default=None, help="Share of batches mixed in pairs.  [default: the recipe's]")
@click.option("--size", type=int, default=None, help="Side in pixels.  [default: the pictures' median, 16 to 128]")
@click.option("--rows", type=int, default=8, show_default=True, help="Pictures shown, a row each.")
@click.option("--copies", type=int, default=6, show_default=True, help="Epochs shown, beside the picture as it is.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed, as `ek train` has it; also picks the rows.")
@options.several(*options.locations, *options.readings)
@click.option(
    "--out",
    type=options.FOLDER,
    default=None,
    metavar="FILE",
    help="The .png file.  [default: reports/augment-NAME.png]",
)
@options.several(options.replace, options.json)
def show_augment(as_json: bool, **given: Any) -> None:
    """Draw a sheet of training pictures as the network sees them.

    A row a picture: as it is, then as in each of the first epochs of a run with that seed.
    With --mix the rows of an epoch may be mixed in pairs, as the pictures of a batch are.

    \b
    Example:
      ek show-augment --data DIR --recipe finetune
      ek show-augment --data DIR --augment trivial --no-flip --size 64
    """
    import ensemble_kit
    from ensemble_kit.reporting import show_augment as words

    options.show(ensemble_kit.show_augment(**given), words.shown, as_json)


CHAPTER = "Data"
COMMANDS = (show_augment,)
