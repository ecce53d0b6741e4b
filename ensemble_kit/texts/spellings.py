"""Names that are spelled in two ways: which are one beyond doubt, which may be, and how both are shown.

One beyond doubt: blanks around a name, and composed or decomposed letters. In doubt: capitals, blanks and dashes
between words, full width, and numbers as `7`, `07` and `7.0`. Nothing is decided here.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_FORMLESS: Final = ("Cf", "Cc", "Zl", "Zp")  # categories of Unicode
_NUMBER: Final = re.compile(r"([+-]?)0*(\d+)(?:\.0*|(\.\d*[1-9])0*)?", re.ASCII)
_BETWEEN_WORDS: Final = re.compile(r"(?<=\w)[\s_-]+(?=\w)")
_TYPED: Final = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2212\u2018\u2019", "------''")
"""Dashes and apostrophes that word processors and spreadsheets set in place of those that were typed."""


def bare(text: str) -> str:
    r"""Return a name without blanks and formless marks around it.

    Example:
        >>> bare(" cat\t"), bare("\ufeffcat\u200b"), bare("fire truck")
        ('cat', 'cat', 'fire truck')
    """
    if text.isascii():
        return text.strip()
    start, end = 0, len(text)
    while start < end and _is_blank(text[start]):
        start += 1
    while end > start and _is_blank(text[end - 1]):
        end -= 1
    return text[start:end]


def around(text: str) -> str:
    r"""Return what stands around a name that is not bare.

    Example:
        >>> around(" cat"), around("cat\u200b")
        ('blanks', 'invisible marks')
    """
    return "blanks" if text.strip() == bare(text) else "invisible marks"


def same(text: str) -> str:
    """Return the form that spellings of one name share beyond doubt."""
    return bare(text) if text.isascii() else unicodedata.normalize("NFC", bare(text))


def near(text: str) -> str:
    r"""Return the form that names share which may well be one.

    Example:
        >>> near("Cat") == near("cat"), near("7.0") == near("007"), near("0.5") == near("5"), near("a b") == near("a_b")
        (True, True, False, True)
    """
    plain = "".join(_narrow(mark) for mark in same(text) if not _is_formless(mark)).translate(_TYPED)
    if number := _NUMBER.fullmatch(plain):
        sign, whole, part = number.groups("")
        return f"{'' if sign == '+' else sign}{whole}{part}"
    return unicodedata.normalize("NFC", _BETWEEN_WORDS.sub(" ", plain).casefold())


def pairs(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the names that are near one another, each group in the order in which it came."""
    groups: dict[str, dict[str, None]] = {}
    for name in names:
        groups.setdefault(near(name), {})[name] = None
    return [tuple(group) for group in groups.values() if len(group) > 1]


def spelled(text: str) -> str:
    r"""Return a name in quotes, with escapes where it could look like another.

    Example:
        >>> print(spelled("homer "), spelled("Pokémon"), spelled("Poke\u0301mon"), spelled("c\u0430t"))
        'homer ' 'Pokémon' 'Poke\u0301mon' 'c\u0430t'
    """
    scripts = {unicodedata.name(mark, "?").split()[0] for mark in text if mark.isalpha()}
    plain = unicodedata.normalize("NFC", text) == text and len(scripts & {"LATIN", "CYRILLIC", "GREEK"}) < 2
    return repr(text) if plain else ascii(text)


def _narrow(mark: str) -> str:
    """Return a letter of full or half width as the plain one."""
    return unicodedata.normalize("NFKC", mark) if unicodedata.east_asian_width(mark) in "FH" else mark


def _is_formless(mark: str) -> bool:
    return unicodedata.category(mark) in _FORMLESS


def _is_blank(mark: str) -> bool:
    return mark.isspace() or _is_formless(mark)
