"""`ek tta`: test-time augmentation."""

from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling.weights import VIEW_CHOICES
from ensemble_kit.inference.views import VIEW_SETS

external = (
    click.option("--weights", type=options.FOLDER, default=None, help="Weights of timm:NAME, .safetensors or .pth."),
    click.option("--name", default=None, help="Member name of timm:NAME or an .onnx file."),
    click.option(
        "--classes", type=options.FOLDER, default=None, help="File of its class names in order.  [default: the data's]"
    ),
    options.labels_are,
    click.option("--size", type=int, default=None, help="Input size in pixels.  [default: its own]"),
    click.option(
        "--mean",
        metavar="R,G,B",
        callback=options.channels,
        default=None,
        help="Mean per channel, of pixels in [0, 1].",
    ),
    click.option(
        "--std", metavar="R,G,B", callback=options.channels, default=None, help="Standard deviation per channel."
    ),
)


@click.command()
@click.option(
    "--ckpt", type=options.FOLDER, required=True, help="Run, checkpoint, timm:NAME with --weights, or .onnx file."
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
    help="How view weights are found.",
)
@click.option("--check", is_flag=True, help="Check first that order and batch of images do not matter.")
@click.option("--data", type=options.FOLDER, default=None, help="Data folder.  [default: the one of training]")
@options.several(*options.locations, options.skip_bad, *external, *options.passes)
@click.option("--shard", metavar="I/N", default=None, help="Compute only share I of N.")
@click.option("--merge", is_flag=True, help="Join all shards.")
@options.several(options.replace, options.predictions)
@click.option("--reports", type=options.FOLDER, default="reports", show_default=True, help="Folder of plots.")
@options.several(options.cache, options.verify, options.quiet, options.json)
def tta(as_json: bool, **given: Any) -> None:
    """Add test-time views (TTA) to a member, and find their weights.

    Adds the logits of the views on val and test to the member; views that are there are not
    computed again. `--choose auto` finds weights by log loss with a ridge towards identity;
    `none` uses identity alone. After an interruption the same command resumes.

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
    options.show(report, views.shared if isinstance(report, ShardReport) else views.views_added, as_json)


CHAPTER = "Members"
COMMANDS = (tta,)
