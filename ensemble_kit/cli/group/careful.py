"""A click group that turns errors into messages and exit codes, so that no command needs a `try`."""

import errno
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click

from ensemble_kit.cli.group.advice import TYPED, with_folders
from ensemble_kit.cli.group.streams import fit_streams, let_go_of_output
from ensemble_kit.errors import EnsembleKitError, ResourceError
from ensemble_kit.pipeline.entry import Stopped, refusal, stoppable
from ensemble_kit.tables import ALIASES, did_you_mean, nearest
from ensemble_kit.visible import visible

UNPRINTED: Final[Mapping[int, str | None]] = {errno.EBADF: "it is closed", errno.EAGAIN: "nobody reads it"}
"""Why printing failed, where the system's own words do not say it."""


class CarefulGroup(click.Group):
    """A group whose commands end in a message and an exit code, never in half a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Parse and run; standard output that is full or closed ends in a message too, whatever was being printed."""
        with fit_streams():
            try:
                return super().main(*args, **extra)
            except OSError as error:
                if not _printed_in(error):
                    raise
                let_go_of_output()
                why = UNPRINTED.get(error.errno or 0, error.strerror)
                _tell(f"ResourceError: standard output cannot be written: {why}. All else is done.")
                sys.exit(ResourceError.exit_code)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse what stands before the command."""
        with _spoken():
            return super().make_context(*args, **extra)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and keep what was typed for what a message advises."""
        ctx.meta.setdefault(TYPED, list(args))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print errors of ours to standard error and exit with their code."""
        try:
            with _spoken(), stoppable(), warnings.catch_warnings():
                if not sys.warnoptions:
                    warnings.simplefilter("ignore")  # of libraries; what people need to know, a report says
                return super().invoke(ctx)
        except (click.NoSuchOption, click.NoSuchCommand) as error:
            raise _with_suggestions(error) from None
        except EnsembleKitError as error:
            _tell(with_folders(f"{type(error).__name__}: {error}", ctx))
            ctx.exit(error.exit_code)
        except Stopped as stopped:
            _tell(f"\n{stopped}")
            ctx.exit(stopped.exit_code)
        except KeyboardInterrupt:
            _tell("\nInterrupted. Members, blends and submissions are whole; the same command goes on.")
            ctx.exit(130)
        except (MemoryError, ImportError) as error:  # on the way to a command; in it, `pipeline.entry` says so
            refused = refusal(error)
            if refused is None:
                raise
            _tell(f"{type(refused).__name__}: {refused}")
            ctx.exit(refused.exit_code)


def _tell(message: str) -> None:
    """Print a message to standard error; on a terminal no word of it is broken."""
    from ensemble_kit.reporting.terminal import say

    for line in message.split("\n"):
        say(line)


def _with_suggestions(error: click.NoSuchOption | click.NoSuchCommand) -> click.UsageError:
    """Return the error for an option or a command that is not there, with those that were probably meant."""
    command = error.ctx.command if error.ctx is not None else click.Command(None)
    if isinstance(error, click.NoSuchCommand):
        name, known = error.command_name, {one: one for one in getattr(command, "commands", ())}
    else:
        spelled = [one for param in command.params for one in (*param.opts, *param.secondary_opts) if one[:2] == "--"]
        name, known = error.option_name, {one[2:].replace("-", "_"): one for one in spelled}
    hint = did_you_mean([known[one] for one in nearest(name, known, ALIASES)])
    return click.UsageError(f"{error.message.removesuffix('.')}{hint}", error.ctx)


def _printed_in(error: OSError) -> bool:
    """Return whether it was printing that failed."""
    return traceback.extract_tb(error.__traceback__)[-1].filename == click.utils.__file__


@contextmanager
def _spoken() -> Iterator[None]:
    """Within the block, what was typed is shown as names are, and a reader that has gone ends all."""
    try:
        yield
    except BrokenPipeError:
        _leave_pipe()
    except click.exceptions.NoArgsIsHelpError:
        raise  # its message is the help page, which holds nothing that was typed
    except click.ClickException as error:
        vars(error).update(message=visible(error.message))
        raise


def _leave_pipe() -> NoReturn:
    """End as a program does whose reader has gone, as in `ek members | head -1`: silently, as if by SIGPIPE."""
    let_go_of_output()
    sys.exit(128 + 13)
