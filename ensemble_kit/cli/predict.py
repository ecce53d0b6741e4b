"""`ek predict`: the classes of new images."""

from pathlib import Path
from typing import Any

import click

from ensemble_kit.cli import options
from ensemble_kit.ensembling.combining import METHODS
from ensemble_kit.errors import InvalidOptionError


def _by_place(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Say that the blend is given by place now."""
    if value is not None:
        from ensemble_kit.reporting.terminal import say

        say("--blend NAME is written without --blend now; the old way works until the next release.")
    return value


def _with_blend(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the blend told from the images: the first word, where it is of a blend.

    Raises:
        InvalidOptionError: it is of a blend, and of images too; or of neither.
        click.UsageError: there are no images.
    """
    first, *rest = given["images"]
    of_blend = first.suffix == ".json" or (given["blends"] / f"{first}.json").is_file()
    if given["blend"] is not None or given["ckpt"] is not None:
        return given
    if not of_blend and rest and not first.exists():
        raise InvalidOptionError(_neither(str(first), given["blends"]))
    if not of_blend:
        return given
    if first.suffix != ".json" and first.exists():
        raise InvalidOptionError(
            f"'{first}' is a blend and a path. For the blend: {given['blends'] / first.name}.json. For images in "
            "that path: name the blend first."
        )
    if not rest:
        raise click.UsageError("Missing argument 'IMAGES...'.", click.get_current_context())
    return {**given, "blend": str(first), "images": tuple(rest)}


def _neither(named: str, blends: Path) -> str:
    """Return the error for a first word that is neither a blend nor a path."""
    from ensemble_kit.storage import blends as store
    from ensemble_kit.tables import meant

    there = store.list_blends(blends)
    return (
        f"'{named}' is no blend in '{blends}' and no path{meant(named, there)} Blends there: "
        f"{', '.join(there) or 'none'}. For one member: --ckpt NAME instead of a blend."
    )


@click.command(cls=options.Renaming)
@click.argument("images", type=options.FOLDER, nargs=-1, required=True, metavar="[BLEND] IMAGES...")
@click.option("--blend", default=None, hidden=True, callback=_by_place)
@click.option(
    "--ckpt", type=options.FOLDER, default=None, help="Instead of a blend: a run or checkpoint with a member."
)
@click.option(
    "--method",
    metavar="|".join(METHODS),
    default=None,
    help="How the views of that member vote.  [default: logit-sum]",
)
@click.option("--top", type=int, default=1, show_default=True, help="Number of classes per row, the likeliest first.")
@click.option(
    "--abstain-below", type=float, default=None, metavar="P", help="Abstain: flag rows with a lower probability."
)
@click.option(
    "--accuracy",
    type=float,
    default=None,
    metavar="SHARE",
    help="Abstain so that this share of the others is right, as 0.95.",
)
@click.option(
    "--early-exit",
    type=float,
    default=None,
    metavar="LOSS",
    help="Early exit; at most this share of predictions may become wrong (0: none).",
)
@click.option(
    "--out",
    type=options.FOLDER,
    default="predictions.csv",
    show_default=True,
    help="Output file: .csv, .json or .jsonl.",
)
@click.option("--weights", type=options.FOLDER, default=None, help="Weights of timm:NAME.")
@options.several(
    *options.passes,
    click.option(
        "--max-megapixels",
        type=float,
        default=None,
        help="Largest image that is read, in megapixels.  [default: as in training, at least 50]",
    ),
    options.replace,
    options.predictions,
    options.blends,
    options.cache,
    options.verify,
    options.quiet,
    options.json,
)
def predict(as_json: bool, **given: Any) -> None:
    """Predict the classes of new IMAGES by a blend or a member.

    BLEND is a name or a .json file; without it, the only blend there is. Each row has the
    class, its probability, and the share of members that agree. --early-exit runs members one
    by one: prob-mean, majority-vote and borda stop where the class cannot change, logit-sum
    and geo-mean at a margin found on val. For an image that cannot be read, the row has the
    reason.

    \b
    Example:
      ek predict new/
      ek predict logit-sum-auto new/ --top 3 --out new.jsonl
      ek predict logit-sum-auto new/ --accuracy 0.95
      ek predict prob-mean-equal new/ --early-exit 0
      ek predict --ckpt runs/cnn new/ --method prob-mean
    """
    import ensemble_kit
    from ensemble_kit.reporting.predict import predicted

    options.show(ensemble_kit.predict(**_with_blend(given)), predicted, as_json)


CHAPTER = "Ship"
COMMANDS = (predict,)
