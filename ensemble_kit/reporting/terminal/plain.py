"""Text as an output can say it: in its encoding, and a name never more than one line.

An ASCII or Windows terminal gets stand-ins for our own signs and escapes for the letters of
names; nothing is lost, and nothing raises. To print another sign: a line in `STAND_INS`.
"""

import codecs
import sys
from collections.abc import Mapping
from typing import Any, Final

from ensemble_kit.visible import visible

STAND_INS: Final[Mapping[str, str]] = {
    **{"─": "-", "━": "=", "…": "~", "±": "+-"},
    **{"×": "x", "→": "->", "≥": ">=", "≤": "<="},
}


def sayable(text: str, stream: Any = None) -> str:
    r"""Return a name or a sentence as one line without what a stream, standard output if none, cannot say.

    Example:
        >>> sayable("Zoë\n\x1b[31m") == r"Zoë\n\x1b[31m"
        True
    """
    encoding = _encoding(stream or sys.stdout)
    return visible(text).encode(encoding, "stand-in").decode(encoding)


def can_say(text: str) -> bool:
    """Return whether standard output can say every character of the text."""
    try:
        text.encode(_encoding(sys.stdout))
    except UnicodeEncodeError:
        return False
    return True


def use_stand_ins(stream: Any) -> None:
    """Let a text stream write stand-ins where its encoding has no letter, rather than raise."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="stand-in")


def _encoding(stream: Any) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """Handle what an encoding cannot say; see `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(STAND_INS.get(sign) or _escaped(sign) for sign in signs), error.end


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


codecs.register_error("stand-in", _stand_in)
