"""What a file may be that is no text table, by its first bytes, and how a CSV comes out of it.

Another kind: a line in `KINDS`. Nothing is opened or unpacked here.
"""

import re
from typing import Final

_SHEET: Final = "Save it as CSV UTF-8 (comma-separated) in the spreadsheet program."
_PANDAS: Final = "Save it as CSV by pandas: pandas.read_{}(FILE).to_csv('table.csv', index=False)."
_NUMPY: Final = "Write a CSV of what it holds."
_PICTURE: Final = "Name the CSV, not an image."
_PACKED: Final = "Unpack it first: {} -dc FILE > table.csv"
KINDS: Final = (
    (rb"PK\x03\x04(?s:.*)xl/", "a spreadsheet (.xlsx)", _SHEET),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", "a spreadsheet (.ods)", _SHEET),
    (rb"PK\x03\x04(?s:.*)\.npy", "arrays of NumPy (.npz)", _NUMPY),
    (rb"PK\x03\x04", "a ZIP archive", "Unpack it, or save the spreadsheet as CSV UTF-8."),
    (rb"\xd0\xcf\x11\xe0", "a spreadsheet (.xls)", _SHEET),
    (rb"\x1f\x8b", "compressed (gzip)", _PACKED.format("gzip")),
    (rb"BZh[1-9]1AY&SY", "compressed (bzip2)", _PACKED.format("bzip2")),
    (rb"\xfd7zXZ\0", "compressed (xz)", _PACKED.format("xz")),
    (rb"\x28\xb5\x2f\xfd", "compressed (zstd)", _PACKED.format("zstd")),
    (rb"7z\xbc\xaf\x27\x1c|Rar!", "an archive (7z, rar)", "Unpack it first."),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF....WEBP|BM.{4}\0\0\0\0", "an image", _PICTURE),
    (rb"PAR1[\0-\x1f]", "a Parquet table", _PANDAS.format("parquet")),
    (rb"ARROW1\0", "a Feather table", _PANDAS.format("feather")),
    (rb"\x89HDF\r\n", "an HDF5 file", _NUMPY),
    (rb"\x93NUMPY", "an array of NumPy (.npy)", _NUMPY),
    (rb"\x80[\x02-\x05](\x95|[\]}(c])", "a pickle, which is never opened here", _NUMPY),
    (rb".{257}ustar", "an archive (tar)", "Unpack it first."),
    (rb"%PDF-", "a PDF", "Copy its table into a text file, as CSV."),
    (rb"SQLite format 3\0", "a database (SQLite)", "Export the table as CSV."),
    (rb"(?i:\s*<(!doctype html|html|\?xml))", "a page of the web (HTML, XML)", "Download the CSV itself once more."),
    (rb"\s*\[\s*\{", "JSON", _PANDAS.format("json")),
    (
        rb'\s*(\{\s*"|\[\s*[\["])',
        "JSON",
        "Write what it holds as CSV, or of classes a name a line.",
    ),
    (rb"version https://git-lfs", "a pointer of Git LFS, not the file itself", "Fetch the file: git lfs pull"),
)
"""Pattern of the first bytes, what the file is, the remedy; the first that fits counts."""
LOOKED_AT: Final = 1 << 16  # bytes that tell what a file is


def other_kind(data: bytes) -> tuple[str, str] | None:
    r"""Return what bytes are instead of a text, and the remedy; None where nothing is known.

    Example:
        >>> other_kind(b"\x1f\x8b\x08"), other_kind(b"image_id,label")
        (('compressed (gzip)', 'Unpack it first: gzip -dc FILE > table.csv'), None)
    """
    head = data[:LOOKED_AT]
    return next(((what, remedy) for pattern, what, remedy in KINDS if re.match(pattern, head, re.DOTALL)), None)
