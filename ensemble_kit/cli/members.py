"""`ek members`: look at the members; add foreign ones, remove, rename."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.group(invoke_without_command=True)
@options.several(options.predictions, options.runs, options.blends, options.submissions)
@options.several(options.cache, options.verify, options.metric, options.json)
@click.pass_context
def members(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Show how good each member is; add, remove, rename.

    Val accuracy, or --metric, with its 95 % interval, log loss, calibration error, views
    and cost; the best first.

    With --verify every artefact in the four folders is read again and checked.

    \b
    Example:
      ek members
      ek members --predictions predictions/toy --json
      ek members --metric macro-f1
    """
    if ctx.invoked_subcommand is None:
        import ensemble_kit
        from ensemble_kit.reporting import train as summaries

        options.show(ensemble_kit.members(**given), summaries.members, as_json)
    options.hand_down(ctx)


@members.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(["logits", "probabilities"]), required=True, help="What the scores are.")
@click.option("--oof", type=options.FOLDER, default=None, help="Scores on train, out of fold: .npz or .csv.")
@click.option("--val", type=options.FOLDER, default=None, help="Scores on val: .npz or .csv.")
@click.option("--test", type=options.FOLDER, default=None, help="Scores on test: .npz or .csv.")
@click.option("--labels", type=options.FOLDER, default=None, help="Labels of oof and val: a CSV, as train.csv.")
@click.option(
    "--column",
    multiple=True,
    metavar="NAME=COLUMN",
    callback=options.pairs,
    help="As label=Category: what a CSV calls its id, label or group.",
)
@click.option("--classes", type=options.FOLDER, default=None, help="File of class names; integers index it.")
@click.option("--group-from", default=None, metavar="REGEX", help="Pictures that belong together, from their ids.")
@options.several(options.replace, options.predictions, options.cache, options.json)
def add(as_json: bool, **given: Any) -> None:
    """Add a member that ek did not train, from its scores.

    A CSV holds a column of ids, one column a class and, for oof and val, one of labels,
    unless these lie in another file; an .npz holds image_ids, classes, scores, labels, and
    groups where there are any. Rows and classes may stand in any order. With --oof the
    member is a family of its own, and blends with those of ek train --folds.

    \b
    Example:
      ek members add vit --kind probabilities --val val.csv --test test.csv
      ek members add vit --kind logits --val val.npz --group-from '^(.*)_'
      ek members add vit --kind probabilities --oof oof.csv --labels train.csv
    """
    import ensemble_kit
    from ensemble_kit.reporting import train as summaries

    options.show(ensemble_kit.members_add(**given), summaries.added, as_json)


@members.command()
@click.argument("name")
@options.several(options.predictions, options.json)
def rm(as_json: bool, **given: Any) -> None:
    """Remove a member's predictions; its run stays.

    \b
    Example:
      ek members rm cnn-2
    """
    import ensemble_kit
    from ensemble_kit.reporting import train as summaries

    options.show(ensemble_kit.members_rm(**given), summaries.removed, as_json)


@members.command()
@click.argument("name")
@click.argument("new_name")
@options.several(options.predictions, options.json)
def rename(as_json: bool, **given: Any) -> None:
    """Give a member another name; blends that pin the old name go stale.

    \b
    Example:
      ek members rename cnn-2 cnn-strong
    """
    import ensemble_kit
    from ensemble_kit.reporting import train as summaries

    options.show(ensemble_kit.members_rename(**given), summaries.renamed, as_json)


CHAPTER = "Members"
COMMANDS = (members,)
