"""JSON that carries its own sha256, so that a flipped digit is found like a flipped pixel.

One text for one content: keys sorted, UTF-8, finite numbers only. `unseal` renders
what it read once more and compares the bytes, so it finds every change, even one that
JSON itself would not mind (`1e-05` as `1E-05`, a space more). Knows nothing of what
the JSON means.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble_kit.errors import BadDataError, CorruptError
from ensemble_kit.remedies import remedy

SEAL = "sha256"


def seal(content: Mapping[str, Any], one_line: bool = False) -> bytes:
    """Return the content as canonical JSON that holds its own checksum under `sha256`.

    Args:
        one_line: without line breaks inside, for ledgers.

    Raises:
        BadDataError: a number is not finite, or a text cannot be written as UTF-8.

    Example:
        >>> print(seal({"weight": 0.5}, one_line=True).decode()[:30])
        {"sha256":"0762497523053ef9958
    """
    body = {key: value for key, value in content.items() if key != SEAL}
    digest = hashlib.sha256(_canonical(body, one_line=True)).hexdigest()
    return _canonical({**body, SEAL: digest}, one_line) + b"\n"


def unseal(data: bytes, path: Path | str, one_line: bool = False) -> dict[str, Any]:
    """Return what was sealed, without its checksum.

    Args:
        path: where the data came from, for the message.

    Raises:
        CorruptError: not one byte for byte what `seal` writes.
    """
    try:
        content = json.loads(data.decode("utf-8"))
        intact = isinstance(content, dict) and SEAL in content and seal(content, one_line) == data
    except (ValueError, RecursionError, BadDataError):
        intact = False
    if not intact:
        raise CorruptError(
            f"Wanted {path} to match the sha256 it carries, but it was changed or damaged. {remedy(path)}"
        )
    return {key: value for key, value in content.items() if key != SEAL}


def _canonical(content: Mapping[str, Any], one_line: bool) -> bytes:
    """Return the one text of the content."""
    try:
        text = json.dumps(
            content,
            sort_keys=True,
            ensure_ascii=False,
            allow_nan=False,
            indent=None if one_line else 2,
            separators=(",", ":") if one_line else (",", ": "),
        )
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadDataError(
            f"{error.object[error.start : error.end]!r} in {error.object[:60]!r} is no valid text; "
            "rename the class or the file so that its name is UTF-8."
        ) from error
    except ValueError as error:
        raise BadDataError(f"Wanted finite numbers only, got NaN or infinity ({error}).") from error
