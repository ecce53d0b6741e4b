"""What a public function is called with, fitted to what it declares: a type that is nearly right works as it is meant.

A NumPy number becomes a number, one text the list of it, a generator a tuple; what cannot be meant is refused by
name. To let a type pass: its function in `_KINDS`, or a branch in `_fitted` where it has parts.
"""

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AnySet
from inspect import Parameter, Signature
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

from ensemble_kit.errors import InvalidOptionError

_REFUSED: Final = object()


def fit_arguments(
    function: str, signature: Signature, given: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call, each of a type that its parameter declares.

    Raises:
        InvalidOptionError: one cannot be meant; named with what was wanted and what came.
    """
    try:
        bound = signature.bind_partial(*given, **named)
    except TypeError:  # too many: the function says it better
        return given, dict(named)
    for name, value in bound.arguments.items():
        bound.arguments[name] = _argument(function, signature.parameters[name], value)
    return bound.args, bound.kwargs


def _argument(function: str, parameter: Parameter, value: Any) -> Any:
    """Return one argument, fitted."""
    if value is parameter.default or parameter.annotation is Parameter.empty:
        return value
    fitted = _fitted(value, parameter.annotation)
    if fitted is _REFUSED:
        kind = "" if value is None else f" ({type(value).__name__})"
        raise InvalidOptionError(
            f"{function}(): {parameter.name}= is {_shown(value)}{kind}; wanted {_words(parameter.annotation)}."
        )
    return fitted


def _shown(value: object) -> str:
    """Return a value as Python writes it, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fitted(value: Any, hint: Any) -> Any:
    """Return a value as the hint declares it, `_REFUSED` where it cannot be meant so.

    Example:
        >>> from collections.abc import Sequence
        >>> _fitted("cnn", Sequence[str]), _fitted((one for one in ("cnn", "mlp")), Sequence[str])
        (('cnn',), ('cnn', 'mlp'))
    """
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # a number of NumPy or of torch
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return next((one for part in parts if (one := _fitted(value, part)) is not _REFUSED), _REFUSED)
    if origin is tuple:
        values = _several(value, parts[0])
        return values if values is not _REFUSED and len(values) == len(parts) else _REFUSED
    if origin is Sequence:
        single = _fitted(value, parts[0])
        return _several(value, parts[0]) if single is _REFUSED else (single,)
    if origin is Mapping:
        return _mapping(value, *parts)
    if hint is Any or (origin is Callable and callable(value)):
        return value
    return _KINDS[hint](value) if hint in _KINDS else value if isinstance(value, origin or hint) else _REFUSED


def _several(value: Any, hint: Any) -> Any:
    """Return what is in a list, a generator, an array or a set, each fitted."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | bytearray | Mapping):
        return _REFUSED
    values = tuple(_fitted(one, hint) for one in (sorted(value, key=str) if isinstance(value, AnySet) else value))
    return _REFUSED if any(one is _REFUSED for one in values) else values


def _mapping(value: Any, key: Any, content: Any) -> Any:
    """Return a dictionary, its keys and values fitted."""
    if not isinstance(value, Mapping):
        return _REFUSED
    fitted = {_fitted(name, key): _fitted(one, content) for name, one in value.items()}
    return _REFUSED if any(one is _REFUSED for pair in fitted.items() for one in pair) else fitted


def _text(value: Any) -> Any:
    text = fspath(value) if isinstance(value, PathLike) else value
    return text if isinstance(text, str) else _REFUSED


def _path(value: Any) -> Any:
    return value if isinstance(_text(value), str) else _REFUSED


def _whole(value: Any) -> Any:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    return int(value) if whole else _REFUSED


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else _REFUSED


def _truth(value: Any) -> Any:
    return bool(value) if isinstance(value, int) and value in (0, 1) else _REFUSED


_KINDS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    str: _text,
    Path: _path,
    int: _whole,
    float: _number,
    bool: _truth,
}
"""Type -> what gives a value of it, or `_REFUSED`."""

_WORDS: Final[Mapping[Any, tuple[str, str]]] = {
    str: ("a text", "texts"),
    Path: ("a path", "paths"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("True or False", "True or False"),
    types.NoneType: ("None", "None"),
    Any: ("anything", "anything"),
}
"""Type -> how it is called, one of it and several."""


def _words(hint: Any, several: bool = False) -> str:
    """Return what a hint declares, in words.

    Example:
        >>> _words(str | Path | None), _words(Mapping[str, float]), _words(tuple[float, float, float])
        ('a text, a path or None', 'a dictionary of texts to numbers', '3 numbers')
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        *others, last = (_words(part, several) for part in parts)
        return f"{', '.join(others)} or {last}"
    if origin is tuple:
        return f"{len(parts)} {_words(parts[0], several=True)}"
    if origin is Sequence:
        return f"a list of {_words(parts[0], several=True)}"
    if origin is Mapping:
        return f"a dictionary of {' to '.join(_words(part, several=True) for part in parts)}"
    if origin is Callable:
        return "a function"
    return _WORDS[hint][several] if hint in _WORDS else f"a {hint.__name__}"
