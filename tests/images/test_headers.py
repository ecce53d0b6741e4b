"""Who is let in, and what those who are not are told."""

import io
import os
import re
import socket
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.folders import SUFFIXES
from ensemble_kit.images.headers import MAX_PIXELS, open_image, read_file
from ensemble_kit.images.signatures import FORMATS

WHERE = Path("x")


def saved(kind, **options):
    page = io.BytesIO()
    Image.new("RGB", (7, 5), "red").save(page, kind, **options)
    return page.getvalue()


def png(side):
    """A one-bit PNG of that side, all black: small on disk, large in memory."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(((side + 7) // 8 + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def bmp(width, height):
    """The header of a BMP of that size, without its pixels."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def tiled_tiff(tile):
    """A TIFF of 16 x 16 px whose one tile claims to have that side."""
    entries = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile, 324: 8, 325: 1}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(entries)) + directory + bytes(4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "TGA"])
def test_these_formats_are_let_in_and_their_headers_read(kind):
    with open_image(saved(kind), WHERE) as image:
        assert (image.format, image.size) == (kind, (7, 5))


def test_no_suffix_is_listed_whose_format_is_refused():
    known = Image.registered_extensions()
    assert {known[suffix] for suffix in SUFFIXES} <= {*FORMATS}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"no image", "'x': not an image"),
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML>\n<title>404</title>", "it is an HTML page"),
        (b"<html lang='en'>", "it is an HTML page"),
        (b"<?xml version='1.0'?><svg/>", "perhaps an SVG drawing; wanted one of JPEG, PNG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"8BPS\0\1", "a Photoshop file"),
        (saved("ICO"), "an ICO image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF image; wanted one of JPEG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC image"),
        (bytes(128) + b"DICM" + bytes(9), "a DICOM image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"\xff\x0a\x01\x02", "a JPEG XL image"),
        (b"qoif\0\0", "it is of a format that is not read; wanted one of JPEG"),
        (b"\xff\xd8", "truncated or damaged"),
        (saved("PNG")[:12], "truncated or damaged"),
        (saved("WEBP")[:20], "truncated or damaged"),
        (saved("PPM")[:4], "truncated or damaged"),
    ],
)
def test_what_is_not_let_in_is_told_what_it_is(content, message):
    with pytest.raises(BadDataError, match=message):
        open_image(content, WHERE)


@pytest.mark.filterwarnings("ignore")  # Pillow's are kept from the terminal, not from pytest
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (png(9000), "9000 x 9000 px; at most 50 megapixels"),
        (png(10_000), "10000 x 10000 px; at most 50 megapixels"),  # Pillow warns from 89 megapixels
        (png(20_000), "400 megapixels; at most 50 megapixels"),  # and refuses from 179
        (tiled_tiff(65_536), "a tile of 65536 x 65536 px; at most 50 megapixels"),
    ],
)
def test_a_bomb_is_refused_by_its_header(content, message):
    assert len(content) < 60_000
    with pytest.raises(BadDataError, match=message):
        open_image(content, WHERE)


def test_the_cap_itself_is_let_in():
    side = 7071
    assert side**2 <= MAX_PIXELS < (side + 1) ** 2
    open_image(png(side), WHERE).close()
    open_image(tiled_tiff(16), WHERE).close()
    with pytest.raises(BadDataError, match="7072 x 7072"):
        open_image(png(side + 1), WHERE)


def test_a_warning_that_was_made_an_error_is_the_same_refusal():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadDataError, match="100 megapixels; at most 50"):
            open_image(png(10_000), WHERE)


def test_pillow_prints_no_warning_of_its_own(tmp_path):
    (tmp_path / "large.png").write_bytes(png(10_000))
    (tmp_path / "note.jpg").write_bytes(saved("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    script = (
        "from pathlib import Path\n"
        "from ensemble_kit.errors import BadDataError\n"
        "from ensemble_kit.images.decode import decode\n"
        f"note, large = Path({str(tmp_path / 'note.jpg')!r}), Path({str(tmp_path / 'large.png')!r})\n"
        "print(decode(note.read_bytes(), note).shape)\n"
        "try:\n    decode(large.read_bytes(), large)\n"
        "except BadDataError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "(5, 7, 3)" in done.stdout
    assert "10000 x 10000" in done.stdout
    assert done.stderr == ""


def test_a_file_is_read_or_the_reason_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.png").write_bytes(b"\0\1")
    assert read_file(tmp_path / "x.png") == b"\0\1"
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket.png")
    for name, reason in (
        ("link.png", "a broken link to '.*gone.png'"),
        ("gone.png", "No such file"),
        ("loop.png", "a broken link to '.*loop.png'"),
        ("folder.png", "it is a folder, not a file"),
        ("pipe.png", "it is a named pipe, not a file"),
        ("socket.png", "it is a socket, not a file"),
        ("device.png", "it is a device, not a file"),
        ("\0.png", "null"),
    ):
        with pytest.raises(BadDataError, match=f"cannot read .*: {'.*' if name[0] == chr(0) else ''}{reason}"):
            read_file(tmp_path / name)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_more_pixels_are_let_in_where_they_are_allowed_beyond_the_limit_of_pillow_too(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    content = png(30)
    with pytest.raises(BadDataError, match="30 x 30 px|900 pixels|0 megapixels; at most 0.000899 megapixels"):
        open_image(content, WHERE, 899)
    with open_image(content, WHERE, 900) as image:
        assert image.size == (30, 30)


def test_what_is_advised_for_a_large_image_lets_it_in(monkeypatch):
    with pytest.raises(BadDataError, match="8000 x 8001 px; at most 50 megapixels") as caught:
        open_image(bmp(8000, 8001), WHERE)
    advised = re.search(r"--max-megapixels (\d+)", str(caught.value))
    with open_image(bmp(8000, 8001), WHERE, int(advised[1]) * 1_000_000) as image:
        assert image.size == (8000, 8001)


@pytest.mark.parametrize("kind", ["DNG", "nef", "cr2"])
def test_a_raw_image_is_refused_though_its_preview_is_a_tiff(kind):
    with pytest.raises(BadDataError, match="it is a raw image of a camera; wanted one of JPEG"):
        open_image(saved("TIFF"), Path(f"x.{kind}"))
