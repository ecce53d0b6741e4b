"""The last line of a page: the sha256 of all above it and of the JSON beside it, so that an edit is known."""

import hashlib
import re
from pathlib import Path
from typing import Final

from ensemble_kit.storage.files.outputs import Voucher

_LINE: Final = "<!-- As ek wrote it; sha256 of the page and of what lies beside it: {} {} -->\n"
_SEALED: Final = re.compile(_LINE.format("([0-9a-f]{64})", "([0-9a-f]{64})(?: for ([0-9a-f]{64}))?").encode())


def page_voucher(path: Path, page: bytes = b"") -> Voucher:
    """Return the page as what vouches for its JSON.

    Example:
        >>> page = page_voucher(Path("page.html"), b"<html></html>")
        >>> page.read(page.render("a" * 64, None)) == ("a" * 64, None)
        True
        >>> page.read(page.render("a" * 64, None).replace(b"html", b"HTML")) is None
        True
    """

    def render(sha256: str, before: str | None) -> bytes:
        beside = f"{sha256} for {before}" if before else sha256
        text = page if page.endswith(b"\n") else page + b"\n"
        return text + _LINE.format(_sha256(text, beside), beside).encode()

    def read(data: bytes) -> tuple[str, str | None] | None:
        start = data.rstrip(b"\n").rfind(b"\n") + 1
        found = _SEALED.fullmatch(data[start:])
        if found is None:
            return None
        own, sha256, before = (None if part is None else part.decode() for part in found.groups())
        beside = f"{sha256} for {before}" if before else str(sha256)
        return (str(sha256), before) if own == _sha256(data[:start], beside) else None

    return Voucher(path, render, read)


def _sha256(text: bytes, beside: str) -> str:
    return hashlib.sha256(text + beside.encode()).hexdigest()
