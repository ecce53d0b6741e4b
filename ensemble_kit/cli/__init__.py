"""The command `ek`: one click group that turns errors into messages and exit codes.

A command parses, calls one pipeline function and prints what came back; it holds no maths
and no `try`. A file a group of commands; importing them loads nothing but click and tables.
"""

import sys
from typing import Any

import click

from ensemble_kit.errors import EnsembleKitError
from ensemble_kit.pipeline.interruption import Stopped, stoppable


class CarefulGroup(click.Group):
    """A group whose commands end in a message and an exit code, never in half a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print errors of ours to standard error and exit with their code."""
        try:
            with stoppable():
                return super().invoke(ctx)
        except EnsembleKitError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(error.exit_code)
        except Stopped as stopped:
            click.echo(f"\n{stopped}", err=True)
            ctx.exit(stopped.exit_code)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. Members, blends and submissions are as they were before.", err=True)
            ctx.exit(130)
        except MemoryError:
            click.echo("ResourceError: out of memory. Try a smaller --batch-size or --size.", err=True)
            ctx.exit(6)


@click.group(cls=CarefulGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ensemble_kit", prog_name="ek")
def ek() -> None:
    """From folders of pictures to a submission you can trust.

    \b
    ek auto --data DIR --minutes 20       all of it, in so many minutes
    ek train --data DIR --arch cnn        train a member: logits on val and test
    ek tta --ckpt runs/cnn --views flips  look at each picture twice
    ek members                            see how good each member is
    ek blend --method logit-sum           blend them, write the submission
    ek compare cnn vit                    say which of two is better
    ek predict --ckpt runs/cnn new        classes of new pictures

    \b
    Example:
      ek demo        the whole road on pictures drawn for the purpose
    """


def _register() -> None:
    from ensemble_kit.cli import (
        auto,
        blend,
        compare,
        data,
        demo,
        doctor,
        find_lr,
        members,
        predict,
        probe,
        show_augment,
        soup,
        train,
        tta,
    )

    for module in (
        auto,
        data,
        train,
        tta,
        soup,
        members,
        blend,
        compare,
        predict,
        demo,
        doctor,
        find_lr,
        show_augment,
        probe,
    ):
        for command in module.COMMANDS:
            ek.add_command(command)


_register()

if __name__ == "__main__":
    sys.exit(ek())
