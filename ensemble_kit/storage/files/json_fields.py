"""Data classes from JSON and back: every field there, none unknown, each of its type.

JSON has lists where we have tuples, and no infinity; this is the one place that
translates. Knows no particular data class.
"""

import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

Data = TypeVar("Data")


class UnknownFieldError(TypeError):
    """A field that the data class has not: what is read was written by a later version."""


def plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content as JSON gives it back: lists for tuples, text keys.

    Example:
        >>> plain({"mean": (0.5, 0.25)})
        {'mean': [0.5, 0.25]}
    """
    return typing.cast("dict[str, Any]", json.loads(json.dumps(content)))


def number_to_json(number: float | None) -> float | str | None:
    """Return the number as JSON may hold it: infinity as the text `inf`."""
    return "inf" if number == math.inf else number


def number_from_json(number: float | str | None) -> float | None:
    """Return what `number_to_json` was given."""
    return math.inf if number == "inf" else typing.cast("float | None", number)


def build(kind: type[Data], content: Mapping[str, Any]) -> Data:
    """Return the data class filled from JSON, lists turned to tuples.

    Raises:
        TypeError: a field is missing, or of the wrong type.
        UnknownFieldError: a field is unknown.
    """
    hints = typing.get_type_hints(kind)
    if unknown := [name for name in content if name not in hints]:
        raise UnknownFieldError(f"it has the field '{unknown[0]}', which this version of ensemble_kit does not know.")
    filled = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    for name, value in filled.items():
        if name in hints and not _fits(value, hints[name]):
            raise TypeError(f"field '{name}' holds {value!r}, wanted {hints[name]}.")
    return kind(**filled)


def _fits(value: Any, hint: Any) -> bool:
    """Say whether the value is of the annotated type; looks into tuples and dictionaries."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
