"""A PNG that carries the sha256 of its own bytes as a text chunk, so that an edit is known; viewers pass it over."""

import hashlib
import struct
import zlib
from typing import Final

END: Final = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
_KEYWORD: Final = b"sha256\0"
_CHUNK_BYTES: Final = 12 + len(_KEYWORD) + 64


def seal_png(data: bytes) -> bytes:
    """Return the PNG with its seal as the last chunk but the end."""
    body = data.removesuffix(END)
    text = b"tEXt" + _KEYWORD + hashlib.sha256(body).hexdigest().encode()
    return body + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + END


def is_sealed_png(data: bytes) -> bool:
    """Say whether the bytes are, every one, what `seal_png` gave.

    Example:
        >>> whole = seal_png(b"pixels" + END)
        >>> is_sealed_png(whole), is_sealed_png(whole.replace(b"pixels", b"pIxels")), is_sealed_png(b"pixels" + END)
        (True, False, False)
    """
    return seal_png(data.removesuffix(END)[:-_CHUNK_BYTES] + END) == data
