"""The border that every public function is entered and left by, from Python and from the command line alike.

What must hold for all commands is said here once, around the outermost of them: one that calls
another (`auto` calls `train`) is still one command. What the system refuses on the way, a file, memory
or a thread, leaves as a `ResourceError` with the path and the remedy. To make a function public: decorate it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from ensemble_kit.disk import check_working_folder
from ensemble_kit.pipeline.cache_folder import usable_cache
from ensemble_kit.pipeline.refusal import refusal

Options = ParamSpec("Options")
Report = TypeVar("Report")

_entered: Final[ContextVar[bool]] = ContextVar("entered", default=False)


def command(function: Callable[Options, Report]) -> Callable[Options, Report]:
    """Return the function as a command."""

    @wraps(function)
    def run(*given: Options.args, **named: Options.kwargs) -> Report:
        if _entered.get():
            return function(*given, **named)
        token = _entered.set(True)
        try:
            check_working_folder()
            with usable_cache(function, given, named) as usable:
                named.update(usable)
                return function(*given, **named)
        except Exception as error:
            refused = refusal(error)
            if refused is None:
                raise
            raise refused from error
        finally:
            _entered.reset(token)

    return run
