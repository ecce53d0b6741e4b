"""`ek compare`: which of two members or blends is better."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@click.argument("a")
@click.argument("b")
@options.several(
    options.metric, options.temperatures, options.predictions, options.blends, options.cache, options.verify
)
@options.several(options.quiet, options.json)
def compare(as_json: bool, **given: Any) -> None:
    """Say which of A and B is better on val.

    A and B are members, families or blends. Both are cross-fitted on the same images: val, or
    out-of-fold rows of train where one has no val. Test: McNemar's, exact; sign flips where
    images come in groups; paired t tests for other metrics than accuracy.

    \b
    Example:
      ek compare cnn vit
      ek compare logit-sum-auto vit --metric macro-f1
      ek compare blends/final.json blends/logit-sum-equal.json
    """
    import ensemble_kit
    from ensemble_kit.reporting import compare as comparison

    options.show(ensemble_kit.compare(**given), comparison.compared, as_json)


CHAPTER = "Blends"
COMMANDS = (compare,)
