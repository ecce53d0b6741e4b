"""`ek export`: a blend as one ONNX graph."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command(cls=options.Renaming, by_place="--blend")
@click.argument("blend", required=False)
@click.option("--out", type=options.FOLDER, default=None, help="ONNX file.  [default: exports/NAME.onnx]")
@click.option(
    "--size",
    type=int,
    default=None,
    metavar="PX",
    help="Fixed input size.  [default: any size, resized inside]",
)
@click.option(
    "--check-on", type=options.FOLDER, default=None, help="Images to check the graph on.  [default: the val images]"
)
@options.several(options.replace, options.predictions, options.blends, options.cache, options.verify)
@options.several(options.quiet, options.json)
def export(as_json: bool, **given: Any) -> None:
    """Write a whole blend as one ONNX graph in one file.

    BLEND is a name or a file; without it, the only blend there is. Input: uint8 RGB images
    (images, 3, height, width). Output: probabilities (or vote shares) and the index of the
    class. Resizing, views, weights and ties are inside. The graph is compared with PyTorch
    on up to 100 images first; where they differ, nothing is written.

    \b
    Example:
      ek export logit-sum-auto
      ek export --size 112 --out net.onnx --check-on new/
    """
    import ensemble_kit
    from ensemble_kit.reporting import export as text

    options.show(ensemble_kit.export(**given), text.exported, as_json)


CHAPTER = "Ship"
COMMANDS = (export,)
