"""How a name is shown: the one place that decides which marks of it a person gets to see as they are.

Names of images, classes, members and folders come from anywhere. A mark that has no form, that
breaks the line or that turns others round is shown as its escape, so that a name can neither move
the cursor of a terminal nor pose as a line or a word of ours. Files of ours keep names byte for byte.
"""

import dataclasses
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any, Final

FORMLESS: Final = ("Cc", "Cf", "Cn", "Cs", "Zl", "Zp")  # categories of Unicode
JOINERS: Final = "\u200c\u200d"  # which some scripts, and emoji, are written with


def visible(text: str) -> str:
    r"""Return a name or a line as it can be shown anywhere; it stays one line.

    Example:
        >>> visible("a\nb\u202e\x1b[2J") == r"a\nb\u202e\x1b[2J", visible("Zoë 日本 $b<")
        (True, 'Zoë 日本 $b<')
    """
    return _replaced(text, lambda mark: mark.encode("unicode_escape").decode("ascii"))


def visible_lines(lines: Iterable[Any]) -> str:
    """Return several lines as one text; none of them becomes two.

    Example:
        >>> print(visible_lines(["First", "and second."]))
        First
        and second.
    """
    return "\n".join(visible(str(line)) for line in lines)


def visible_json(text: str) -> str:
    r"""Return the text of a JSON document, equal to what it was to whoever parses it, with nothing formless in it.

    Example:
        >>> visible_json('{"name": "a\x9b31m"}') == r'{"name": "a\u009b31m"}'
        True
    """
    lines = text.split("\n")  # between its values; inside one JSON has none
    return "\n".join(_replaced(line, lambda mark: json.dumps(mark)[1:-1]) for line in lines)


def all_visible(value: Any) -> Any:
    r"""Return a report, or anything in one, with every name in it as `visible` shows it.

    Example:
        >>> all_visible({"a\n": [PurePath("b\t"), 7]}) == {r"a\n": [PurePath(r"b\t"), 7]}
        True
    """
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, PurePath):
        return type(value)(visible(str(value)))
    if isinstance(value, Mapping):
        return {all_visible(key): all_visible(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        shown = [all_visible(one) for one in value]
        return type(value)(*shown) if hasattr(value, "_fields") else type(value)(shown)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return dataclasses.replace(value, **{name: all_visible(one) for name, one in held.items()})
    return value


def _replaced(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():  # nearly always
        return text
    return "".join(escape(mark) if _is_formless(mark) else mark for mark in text)


def _is_formless(mark: str) -> bool:
    return unicodedata.category(mark) in FORMLESS and mark not in JOINERS
