"""A report as JSON."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

from ensemble_kit.visible import visible_json


def as_json(report: Any, ascii_only: bool = False, path_as: Callable[[Path], object] = str) -> str:
    """Return a report as one JSON object, two blanks a level, infinities as strings, marks without form escaped.

    Args:
        path_as: how a path is written.
    """
    return visible_json(json.dumps(_plain(report, path_as), indent=2, ensure_ascii=ascii_only))


def _plain(value: Any, path_as: Callable[[Path], object]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(attrgetter(path)(value), path_as) for key, path in _keys(value).items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, path_as) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, path_as) for item in value]
    if isinstance(value, Path):
        return str(path_as(value))
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return str(value)
    return value


def _keys(report: Any) -> Mapping[str, str]:
    """Return each name of a report in JSON and where it holds that: its `KEYS`, else its fields by their names."""
    found: Mapping[str, str] | None = getattr(report, "KEYS", None)
    return {field.name: field.name for field in dataclasses.fields(report)} if found is None else found
