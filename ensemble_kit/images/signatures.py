"""What a file is by its first bytes; Pillow is not needed for that.

To recognise one more stranger: a line in SIGNS.
"""

import re
from pathlib import Path
from typing import Final

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA")
OTHER: Final = f"wanted one of {', '.join(FORMATS)}. Convert it"
SIGNS: Final[tuple[tuple[bytes, str], ...]] = (
    (rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|!--|html|head|body|script)", "it is an HTML page, not an image"),
    (rb"(\xef\xbb\xbf)?\s*<(\?xml|svg)", f"it is XML, perhaps an SVG drawing; {OTHER}"),
    (rb"version https://git-lfs", "it is a Git LFS pointer; fetch the image with `git lfs pull`"),
    (rb"PK\x03\x04", "it is a ZIP archive, not an image"),
    (rb"%PDF", f"it is a PDF document; {OTHER}"),
    (rb"8BPS", f"it is a Photoshop file; {OTHER}"),
    (rb"\x00\x00\x01\x00", f"it is an ICO image; {OTHER}"),
    (rb"....ftyp(avif|avis)", f"it is an AVIF image; {OTHER}"),
    (rb"....ftyp(hei|hev|mif1|msf1)", f"it is a HEIC image; {OTHER}"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", f"it is a JPEG 2000 image; {OTHER}"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", f"it is a JPEG XL image; {OTHER}"),
    (rb".{128}DICM", f"it is a DICOM image; {OTHER}"),
    (rb"v/1\x01|#\?RADIANCE|qoif|DDS |%!PS|gimp xcf", f"it is of a format that is not read; {OTHER}"),
    (rb"\xff\xd8|\x89PNG|RIFF....WEBP|GIF8|II\*\0|MM\0\*|P[1-6]\s", "truncated or damaged: its header cannot be read"),
)
_BEGINNINGS: Final = re.compile(
    rb"\xff\xd8\xff|\x89PNG|RIFF....WEBP|GIF8[79]a|BM....\0\0\0\0|II\*\0|MM\0\*|P[1-6]\s+(#|\d+\s+\d+\s)|8BPS"
    rb"|....ftyp(avif|avis|hei|hev|mif1|msf1|crx)|\0\0\0\x0c(jP  |JXL )|\xff\x4f\xff\x51|\0\0\1\0[^\0]\0|v/1\x01"
    rb"|.{128}DICM|qoif|DDS \x7c|gimp xcf"
    rb"|(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg[\s>]",
    re.DOTALL,
)
"""How files begin that are images, whether read or not."""
_RAW: Final = "3fr arw cr2 cr3 crw dcr dng erf kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"
RAW: Final = frozenset(f".{kind}" for kind in _RAW.split())
"""How raw images of cameras are called: TIFFs for the most part, of which the small preview alone could be read."""


def stranger(content: bytes) -> str:
    """Return what the file is instead of an image that is let in."""
    for sign, reason in SIGNS:
        if re.match(sign, content[:512], re.IGNORECASE | re.DOTALL):
            return reason
    return "not an image"


def begins_as_image(path: Path) -> bool:
    """Return whether the first bytes of a plain file are those of an image; what cannot be opened is none."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return bool(_BEGINNINGS.match(file.read(512)))
    except OSError:
        return False
