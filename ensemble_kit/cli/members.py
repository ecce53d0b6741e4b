"""`ek members`: show the members; add external ones, remove, rename."""

from typing import Any

import click

from ensemble_kit.cli import options


@click.group(cls=options.WholeGroup, invoke_without_command=True)
@options.several(options.predictions, options.runs, options.blends, options.submissions)
@options.several(options.cache, options.verify, options.metric, options.json)
@click.pass_context
def members(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Show how good each member is; add, remove, rename.

    Val accuracy, or --metric, with its 95 % interval, log loss, calibration error, views
    and cost; the best first.

    --verify reads every file of the four folders again and checks its sha256.

    \b
    Example:
      ek members
      ek members --predictions predictions/toy --json
      ek members --metric macro-f1
    """
    if ctx.invoked_subcommand is None:
        import ensemble_kit
        from ensemble_kit.reporting import members as text

        options.show(ensemble_kit.members(**given), text.members, as_json)
    options.hand_down(ctx)


@members.command()
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(["logits", "probabilities", "sigmoid"]), required=True, help="Kind of the scores."
)
@click.option("--oof", type=options.FOLDER, default=None, help="Out-of-fold scores on train: .npz or .csv.")
@click.option("--val", type=options.FOLDER, default=None, help="Scores on val: .npz or .csv.")
@click.option("--test", type=options.FOLDER, default=None, help="Scores on test: .npz or .csv.")
@click.option("--labels", type=options.FOLDER, default=None, help="CSV with the labels of oof and val, as train.csv.")
@click.option(
    "--column",
    multiple=True,
    metavar="NAME=COLUMN",
    callback=options.pairs,
    help="Column name in CSVs of id, label or group, as label=Category.",
)
@click.option("--classes", type=options.FOLDER, default=None, help="File of class names; integer labels index it.")
@options.labels_are
@click.option("--group-from", default=None, metavar="REGEX", help="Group of an image: regular expression on its id.")
@options.several(options.encoding, options.replace, options.predictions, options.cache, options.json)
def add(as_json: bool, **given: Any) -> None:
    """Add a member that ek did not train, from its scores.

    A CSV has a column of ids, one column per class and, for oof and val, one of labels
    (unless --labels names another file); other columns are left out and named. An .npz has
    image_ids, classes, scores, labels and, if any, groups. Rows and classes may be in any
    order. With --oof the member is a family of its own, and blends with those of ek train
    --folds.

    \b
    Example:
      ek members add vit --kind probabilities --val val.csv --test test.csv
      ek members add vit --kind logits --val val.npz --group-from '^(.*)_'
      ek members add vit --kind probabilities --oof oof.csv --labels train.csv
    """
    import ensemble_kit
    from ensemble_kit.reporting import members as text

    options.show(ensemble_kit.members_add(**given), text.added, as_json)


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
    from ensemble_kit.reporting import members as text

    options.show(ensemble_kit.members_rm(**given), text.removed, as_json)


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
    from ensemble_kit.reporting import members as text

    options.show(ensemble_kit.members_rename(**given), text.renamed, as_json)


CHAPTER = "Members"
COMMANDS = (members,)
