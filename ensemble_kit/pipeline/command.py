"""The border that every public function is entered and left by, from Python and from the command line alike.

What must hold for all commands is said here once, around the outermost of them: one that calls
another (`auto` calls `train`) is still one command. To make a function public: decorate it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Final, ParamSpec, TypeVar

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
            return function(*given, **named)
        finally:
            _entered.reset(token)

    return run
