"""The door that every public function is entered and left by, from Python and from the command line alike.

What must hold for all commands is said here once, around the outermost of them: one that calls
another (`auto` calls `train`) is still one command. What the system refuses on the way, a file, memory
or a thread, leaves as a `ResourceError` with the path and the remedy. To make a function public: decorate it.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, get_args, get_type_hints

from ensemble_kit.context import RunContext
from ensemble_kit.disk import check_working_folder
from ensemble_kit.formerly import renamed
from ensemble_kit.images import Source
from ensemble_kit.pipeline.entry.argument_types import fit_arguments
from ensemble_kit.pipeline.entry.cache_folder import usable_cache
from ensemble_kit.pipeline.entry.refusal import refusal
from ensemble_kit.reporting.terminal import say
from ensemble_kit.tables import meant
from ensemble_kit.workspace import Workspace

Options = ParamSpec("Options")
Report = TypeVar("Report")

CARRIED: Final[Mapping[str, Any]] = {
    one.name: getattr(carried, one.name) for carried in (Source(), Workspace(), RunContext()) for one in fields(carried)
}
"""The options of where images are, of folders and of the run, and what each is where it is not said."""

_entered: Final[ContextVar[bool]] = ContextVar("entered", default=False)


def command(function: Callable[Options, Report]) -> Callable[Options, Report]:
    """Return the function as a command, its signature with every option that it takes along by `**options`.

    Raises, when called:
        TypeError: an option that the function does not have; suggests what was probably meant.
        InvalidOptionError: an argument of a type that cannot be meant.
    """
    signature = _spelled_out(function)
    called = tuple(signature.parameters)
    plain: Callable[..., Report] = function

    @wraps(function)
    def run(*given: Options.args, **named: Options.kwargs) -> Report:
        now = renamed(function.__name__, named, say)
        named.clear()
        named.update(now)
        for name in named:
            if name not in called:
                hint = meant(name, called)
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument '{name}'{hint}")
        if _entered.get():
            return function(*given, **named)
        arguments, options = fit_arguments(function.__name__, signature, given, named)
        token = _entered.set(True)
        try:
            check_working_folder()
            with usable_cache(function.__name__, signature, arguments, options) as usable:
                options.update(usable)
                with _after_the_dead(function, signature, arguments, options):
                    return plain(*arguments, **options)
        except Exception as error:
            refused = refusal(error)
            if refused is None:
                raise
            raise refused from error
        finally:
            _entered.reset(token)

    vars(run)["__signature__"] = signature
    return run


def _spelled_out(function: Callable[..., object]) -> inspect.Signature:
    """Return the signature of a function with the options of its `**options: Unpack[...]` one by one."""
    signature = inspect.signature(function)
    parameters: list[inspect.Parameter] = []
    for one in signature.parameters.values():
        if one.kind is not one.VAR_KEYWORD:
            parameters.append(one)
            continue
        hints = get_type_hints(get_args(one.annotation)[0])
        for name, hint in hints.items():
            parameters.append(inspect.Parameter(name, one.KEYWORD_ONLY, default=CARRIED.get(name), annotation=hint))
    return signature.replace(parameters=parameters)


@contextmanager
def _after_the_dead(
    function: Callable[..., object], signature: inspect.Signature, given: tuple[Any, ...], named: Mapping[str, Any]
) -> Iterator[None]:
    """Clear what dead processes left where the command works; one that ran the same has done its part of the work."""
    from ensemble_kit.storage import clear
    from ensemble_kit.storage.files import noting

    try:
        bound = signature.bind(*given, **named)
    except TypeError:  # the function says it better
        yield
        return
    bound.apply_defaults()
    workspace = Workspace.of(named)
    clear(workspace, bound.arguments)
    with noting(f"{function.__qualname__} {bound.arguments}", workspace.cache):
        yield
