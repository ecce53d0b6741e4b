"""`ek tta`: look at each picture in several ways."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling.weights import VIEW_CHOICES
from ensemble_kit.inference.views import VIEW_SETS

foreign = (
    click.option("--weights", type=options.FOLDER, default=None, help="Weights of timm:NAME, .safetensors or .pth."),
    click.option("--name", default=None, help="Name of the member of timm:NAME or an .onnx file."),
    click.option(
        "--classes", type=options.FOLDER, default=None, help="File of its classes, in order.  [default: the data's]"
    ),
    click.option("--size", type=int, default=None, help="Side of its pictures in pixels.  [default: its own]"),
    click.option("--mean", metavar="R,G,B", callback=options.channels, default=None, help="Subtracted from [0, 1]."),
    click.option("--std", metavar="R,G,B", callback=options.channels, default=None, help="Divided by, after that."),
)


@click.command()
@click.option(
    "--ckpt", type=options.FOLDER, required=True, help="A run, a checkpoint, timm:NAME with --weights, an .onnx file."
)
@click.option(
    "--views",
    default="flips",
    show_default=True,
    help=f"Sets ({', '.join(VIEW_SETS)}) or a list: hflip, rot90, crop@0.875:tl, scale@1.15, joined by , and *.",
)
@click.option(
    "--choose",
    metavar="|".join(VIEW_CHOICES),
    default="auto",
    show_default=True,
    help="How the views are weighed.",
)
@click.option("--check", is_flag=True, help="First prove that order and batch of the pictures do not matter.")
@click.option("--data", type=options.FOLDER, default=None, help="Data folder.  [default: the one trained on]")
@options.several(*options.locations, options.skip_bad, *foreign, *options.looking)
@click.option("--shard", metavar="I/N", default=None, help="Compute one share of N alone.")
@click.option("--merge", is_flag=True, help="Join what the shards computed.")
@options.several(options.replace, options.predictions)
@click.option("--reports", type=options.FOLDER, default="reports", show_default=True, help="Folder of curves.")
@options.several(options.cache, options.verify, options.quiet, options.json)
def tta(as_json: bool, **given: Any) -> None:
    """Look at each picture in several ways, and weigh the ways.

    Adds the views' logits on val and test to the member.
    Views that are there are not computed again. `--choose auto` holds the weights to
    identity unless val says clearly otherwise; `none` leaves identity alone.
    Interrupted, the same command goes on at the last finished part.

    \b
    Example:
      ek tta --ckpt runs/cnn --views flips
      ek tta --ckpt runs/cnn --views 'ten-crop,rot90*hflip,scale@0.9:reflect'
      ek tta --ckpt runs/cnn --views five-crop,random:20@7 --choose equal
      ek tta --ckpt timm:resnet18 --weights w.safetensors --data DIR --size 112
      ek tta --ckpt net.onnx --data DIR --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25
      ek tta --ckpt runs/cnn --views d4 --shard 1/2; ... 2/2; then --merge
    """
    import ensemble_kit
    from ensemble_kit.reporting import tta as views
    from ensemble_kit.results import ShardReport

    report = ensemble_kit.tta(**given)
    options.show(report, views.shared if isinstance(report, ShardReport) else views.looked_twice, as_json)


CHAPTER = "Members"
COMMANDS = (tta,)
