"""The bytes of a file that a person brings -> its text; or what they are instead, and what to do about it.

UTF-8 is read, and what a byte-order mark says. Anything else is refused, with the encodings that it may
have been written in, or read as `--encoding` says: to take the likeliest in silence would change names.
Another encoding that may be named: a word in `LIKELY`.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import islice, pairwise
from typing import Final

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.texts.kinds import LOOKED_AT, other_kind

MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LIKELY: Final = (
    ("cp1252", "cp1250", "mac_roman", "cp850"),
    ("cp1251", "koi8_r", "cp866"),
    ("cp932",),
    ("gb2312", "gb18030"),
    ("euc_kr",),
    ("big5",),
    ("euc_jp",),
    ("cp1253",),
    ("cp1255",),
    ("cp1256",),
    ("cp874",),
)
"""Encodings that people's files are in: of each script the likeliest first, and of those one alone is named."""
_WORD: Final = re.compile(r"(?:[A-Za-z]|[^\x00-\x7f])+")
_TYPED_AROUND: Final = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00ab\u00bb\u00a9\u00ae\u2122\u00b0"
"""Quotes, dashes and signs that word processors set around words and between them."""
_MOST_WORDS: Final = 2000
_MOST_NAMED: Final = 3
_ENOUGH: Final = 0.75  # of the words, to call an encoding likely
_MOST_CONTROLS: Final = 0.05  # of the bytes of a text
_NO_USUAL: Final = "They are of no usual encoding: write the file again as UTF-8, or give --encoding NAME."


class NoTextError(ValueError):
    """A file that cannot be read as text: what it is, the remedy, and the line where that begins."""

    def __init__(self, what: str, remedy: str, line: int | None = None) -> None:
        """Keep the three apart, for messages that say more."""
        super().__init__(what)
        self.what, self.remedy, self.line = what, remedy, line


def decode(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Return the text without its byte-order mark, and which encoding it is in.

    Args:
        encoding: of what is not UTF-8; None: it is refused.

    Raises:
        NoTextError: it is no text, or in another encoding.
        InvalidOptionError: Python knows no such encoding.

    Example:
        >>> decode(b"Pok\\xe9mon", "cp1252"), decode("cat".encode("utf-16"))
        (('Pokémon', 'cp1252'), ('cat', 'utf-16'))
    """
    if encoding is not None:
        check_encoding(encoding)
    marked = next((name for mark, name in MARKS if data.startswith(mark)), None)
    if marked is None and (kind := other_kind(data)):
        raise NoTextError(f"is {kind[0]}, not CSV text", kind[1])
    name = marked or ("utf-8" if encoding is None or _is_utf8(data) else encoding)
    if marked is None and encoding is None:
        _refuse_unmarked(data)
    try:
        return data.decode(name), name.removesuffix("-sig")
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise _other_encoding(data, name, 1 + data[:start].count(b"\n"), name == encoding) from error


def check_encoding(name: str) -> None:
    """Raise unless Python knows the encoding.

    Raises:
        InvalidOptionError: it does not, or it is none of text.
    """
    try:
        "".encode(name)
        b"".decode(name)
    except (LookupError, ValueError) as error:
        raise InvalidOptionError(
            f"--encoding is {name!r}, which is no encoding of text that Python knows; wanted one such as cp1252."
        ) from error


def _is_utf8(data: bytes) -> bool:
    """Return whether bytes can be UTF-8; zeros and escapes are of UTF-16 and of Japanese mail."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not (b"\0" in data or b"\x1b" in data)


def _refuse_unmarked(data: bytes) -> None:
    """Raise on bytes without a mark that are UTF-16 or, by many control characters, no text at all."""
    head = data[:LOOKED_AT]
    zeros = (head[::2].count(0), head[1::2].count(0))
    has_whole_zero = any(not high and not low for high, low in zip(head[::2], head[1::2], strict=False))
    if max(zeros) * 4 > len(head) > 3 and not has_whole_zero:  # which no text has, but an archive or a program
        name = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise NoTextError("is UTF-16 without a byte-order mark", f"Give --encoding {name}, or save it as UTF-8.")
    if sum(byte < 9 or 13 < byte < 32 for byte in head) > _MOST_CONTROLS * len(head):
        raise NoTextError("is a binary file, not CSV text", "Name the CSV, or save it as one.")


def _other_encoding(data: bytes, name: str, line: int, said: bool) -> NoTextError:
    """Return the error for bytes that are not of an encoding, with those that they may be of.

    Args:
        said: whether `--encoding` named it.
    """
    what, found = f"holds bytes that are not {name.upper()}", likely_encodings(data)
    if not found or said:
        return NoTextError(what, "Correct --encoding, or save it as UTF-8." if said else _NO_USUAL, line)
    likely = " or ".join(f"{name} (which reads {word!r})" for name, word in found)
    right = f"--encoding {found[0][0]}" if len(found) == 1 else "the one that reads right, as --encoding NAME"
    return NoTextError(f"{what}; they are likely {likely}", f"Give {right}, or save the file as UTF-8.", line)


def likely_encodings(data: bytes) -> list[tuple[str, str]]:
    """Return the encodings that bytes are likely in, each with the first word that tells, as it reads there."""
    scored = []
    for alike in LIKELY:
        name = max(alike, key=lambda one: _share_of_words(data, one))
        scored.append((_share_of_words(data, name), name))
    best = max(score for score, _ in scored)
    if best < _ENOUGH:
        return []
    readings: dict[str, str] = {}
    for score, name in scored:
        if score == best:
            readings.setdefault(data.decode(name), name)
    return [(name, next(_words(data, name))) for name in readings.values()][:_MOST_NAMED]


def _words(data: bytes, name: str) -> Iterator[str]:
    """Yield the words with letters that are not ASCII."""
    return (word for one in _WORD.finditer(data.decode(name)) if not (word := one.group()).isascii())


def _share_of_words(data: bytes, name: str) -> float:
    """Return which share of the words with other letters than ASCII's look like words in an encoding."""
    try:
        words = list(islice(_words(data, name), _MOST_WORDS))
    except UnicodeDecodeError:
        return 0.0
    return sum(map(_is_word, words)) / len(words) if words else 0.0


@cache
def _is_word(text: str) -> bool:
    """Return whether a text can be a word: letters of one script, no capital behind a small letter."""
    letters = text.strip(_TYPED_AROUND).replace("\u2019", "")
    if not letters:
        return True
    if not letters.isalpha() or "\u0192" in letters:
        return False
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in letters}
    if any(small.islower() and great.isupper() for small, great in pairwise(letters)):
        return False
    if scripts == {"LATIN"}:
        return len(letters) == 1 or any(letter.isascii() for letter in letters)
    return scripts <= {"CJK", "HIRAGANA", "KATAKANA"} or (len(scripts) == 1 and not scripts & {"HALFWIDTH", "?"})
