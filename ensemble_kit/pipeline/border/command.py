"""The border that every public function is entered and left by, from Python and from the command line alike.

What must hold for all commands is said here once, around the outermost of them: one that calls
another (`auto` calls `train`) is still one command. What the system refuses on the way, a file, memory
or a thread, leaves as a `ResourceError` with the path and the remedy. To make a function public: decorate it.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from ensemble_kit.disk import check_working_folder
from ensemble_kit.pipeline.border.cache_folder import usable_cache
from ensemble_kit.pipeline.border.refusal import refusal

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
                with _after_the_dead(function, given, named):
                    return function(*given, **named)
        except Exception as error:
            refused = refusal(error)
            if refused is None:
                raise
            raise refused from error
        finally:
            _entered.reset(token)

    return run


@contextmanager
def _after_the_dead(
    function: Callable[..., object], given: tuple[Any, ...], named: Mapping[str, Any]
) -> Iterator[None]:
    """Clear what dead processes left where the command works; one that ran the same has done its part of the work."""
    from ensemble_kit.storage import clear
    from ensemble_kit.storage.files import noting

    try:
        bound = inspect.signature(function).bind(*given, **named)
    except TypeError:  # the function says it better
        yield
        return
    bound.apply_defaults()
    clear(bound.arguments)
    with noting(f"{function.__qualname__} {bound.arguments}", Path(bound.arguments.get("cache") or ".ek")):
        yield
