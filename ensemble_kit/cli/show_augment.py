"""`ek show-augment`: what the network sees of the training images."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.training import AUGMENTS


@click.command()
@click.option("--data", type=options.FOLDER, default=None, help="Folder with train/CLASS/*, val/CLASS/*, test/*.")
@options.recipe
@click.option("--augment", metavar="|".join(AUGMENTS), default=None, help="Data augmentation.  [default: the recipe's]")
@click.option("--flip/--no-flip", default=None, help="Random horizontal flips.  [default: the recipe's]")
@click.option("--mix", type=float, default=None, help="Share of batches with mixup or cutmix.  [default: the recipe's]")
@click.option(
    "--size", type=int, default=None, help="Input size in pixels.  [default: median of the images, 16 to 128]"
)
@click.option("--rows", type=int, default=8, show_default=True, help="Number of images, one per row.")
@click.option("--copies", type=int, default=6, show_default=True, help="Number of epochs shown beside the original.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Random seed, as in `ek train`; also picks the images."
)
@options.several(*options.locations, *options.readings)
@click.option(
    "--out",
    type=options.FOLDER,
    default=None,
    metavar="FILE",
    help="PNG file.  [default: reports/augment-NAME.png]",
)
@options.several(options.replace, options.json)
def show_augment(as_json: bool, **given: Any) -> None:
    """Draw augmented training images on a contact sheet.

    One row per image: the original, then each of the first epochs of a run with that seed.
    With --mix the images of an epoch may be mixed in pairs, as in a batch.

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
