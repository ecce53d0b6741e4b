"""`ek probe`: a member in seconds, from a pre-trained network."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command(cls=options.Renaming)
@click.option("--data", type=options.FOLDER, default=None, help="Folder with train/CLASS/*, val/CLASS/*, test/*.")
@click.option("--arch", default="timm:tf_efficientnet_lite0", show_default=True, help="Architecture, see `ek zoo`.")
@click.option("--name", default=None, help="Name of the member.  [default: ARCH-probe, then ARCH-probe-2, ...]")
@click.option("--size", type=int, default=None, help="Input size in pixels.  [default: median of the images]")
@options.several(*options.locations, *options.readings, options.skip_bad)
@click.option(
    "--arch-option",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.pairs,
    help="As input_px=96, the size small images are enlarged to; see `ek zoo`.",
)
@click.option("--pretrained", is_flag=True, help="timm: ImageNet weights, installed or from the hub.")
@click.option("--init", type=options.FOLDER, metavar="FILE", default=None, help="Weights: a .safetensors or .pth file.")
@click.option("--flip", is_flag=True, help="Fit on horizontal flips of the training images too.")
@click.option("--threads", type=int, default=None, help="CPU threads.  [default: torch's choice]")
@options.several(options.device, options.replace, options.predictions, options.runs, options.cache)
@options.several(options.quiet, options.json)
def probe(as_json: bool, **given: Any) -> None:
    """Fit a linear classifier on features of a pre-trained network.

    Computes the features of each image once and keeps them in the cache. The member is
    like any other.

    \b
    Example:
      ek probe --data DIR --pretrained
      ek probe --data DIR --arch cnn --init runs/cnn/checkpoint-....safetensors
    """
    import ensemble_kit
    from ensemble_kit.reporting import probe as text

    options.show(ensemble_kit.probe(**given), text.probed, as_json)


CHAPTER = "Members"
COMMANDS = (probe,)
