"""`ek export`: a blend as one ONNX graph."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@click.option("--blend", metavar="NAME", default=None, help="A blend, or its .json.  [default: the only one]")
@click.option("--out", type=options.FOLDER, default=None, help="The file.  [default: exports/NAME.onnx]")
@click.option(
    "--size",
    type=int,
    default=None,
    metavar="PX",
    help="Take squares of this side alone.  [default: pictures of any size, resized inside]",
)
@click.option(
    "--check-on", type=options.FOLDER, default=None, help="Pictures to compare on.  [default: val's of the members]"
)
@options.several(options.replace, options.predictions, options.blends, options.cache, options.verify)
@options.several(options.quiet, options.json)
def export(as_json: bool, **given: Any) -> None:
    """Write a whole blend as one ONNX graph in one file.

    In go uint8 RGB pictures (images, 3, height, width), out come probabilities (or vote shares)
    and the place of the winning class; resizes, views, weights and ties are inside. The graph is run
    beside PyTorch on up to 100 pictures first, and is not written where the two differ.

    \b
    Example:
      ek export --blend logit-sum-auto
      ek export --size 112 --out net.onnx --check-on new/
    """
    import ensemble_kit
    from ensemble_kit.reporting import export as text

    options.show(ensemble_kit.export(**given), text.exported, as_json)


CHAPTER = "Ship"
COMMANDS = (export,)
