"""A golden set: small files made here, and the pixels that the documented rules say they hold.

What is expected is computed from the rules at the top of `decode`, in NumPy, from the numbers
that went into the file; Pillow and zlib only write the files.
"""

import ast
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ensemble_kit
from ensemble_kit.images.decode import decode

ROWS, COLUMNS = 5, 7
RAMP = (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) * 7 + 3).astype(np.uint8)
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP // 2], axis=2)
ALPHA = RAMP[:, ::-1]
PALETTE = np.array([[10, 20, 30], [40, 250, 60], [200, 90, 5]], dtype=np.uint8)
PLACES = RAMP % 3
BLOCKS = np.kron(np.arange(6).reshape(2, 3), np.ones((8, 8), int))  # flat blocks: JPEG at quality 100 keeps them
WIDE = RAMP.astype(np.uint16) * 257 + np.arange(COLUMNS, dtype=np.uint16)


def saved(image, kind="PNG", **options):
    page = io.BytesIO()
    image.save(page, kind, **options)
    return page.getvalue()


def grey(values):
    return np.repeat(np.asarray(values, dtype=float)[:, :, None], 3, axis=2)


def over_white(colours, alpha):
    share = np.asarray(alpha, dtype=float)[:, :, None] / 255
    return share * colours + (1 - share) * 255


def palette_image():
    image = Image.fromarray(PLACES.astype(np.uint8), "P")
    image.putpalette(PALETTE.ravel().tolist())
    return image


def of_ink(cmyk):
    """The documented rule for CMYK."""
    ink = cmyk.astype(float)
    return (255 - ink[..., :3]) * (255 - ink[..., 3:]) / 255


def from_ycbcr(ycbcr):
    """The formula of JFIF 1.02."""
    y, blue, red = (ycbcr[..., i].astype(float) for i in range(3))
    blue, red = blue - 128, red - 128
    return np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], axis=2)


def lit(values):
    """The curve of sRGB (IEC 61966-2-1): from linear light to the written level."""
    light = np.asarray(values, dtype=float) / 255
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_16_bit_colour(values):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def linear_profile(space=b"RGB ", name=b"linear light"):
    """An ICC version 2 profile, put together by hand: sRGB's primaries, and a straight line for a curve."""

    def xyz(*values):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    line = b"curv\0\0\0\0\0\0\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" * 79
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(0.9642, 1.0, 0.8249)}
    if space == b"RGB ":
        tags |= {b"rXYZ": xyz(0.43607, 0.22249, 0.01392), b"rTRC": line}
        tags |= {b"gXYZ": xyz(0.38515, 0.71687, 0.09708), b"gTRC": line}
        tags |= {b"bXYZ": xyz(0.14307, 0.06061, 0.71410), b"bTRC": line}
    else:
        tags |= {b"kTRC": line}
    start, index, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        index += tag + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s", start + len(body), 0x02100000, b"mntr", space, b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + body


INK = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1], RAMP // 3], axis=2)
BLOCK_INK = np.stack([BLOCKS * 40, 255 - BLOCKS * 30, BLOCKS * 10, BLOCKS * 20], axis=2).astype(np.uint8)
BLOCK_YCBCR = np.stack([60 + BLOCKS * 25, 118 + BLOCKS * 3, 140 - BLOCKS * 4], axis=2).astype(np.uint8)
FRAMES = [Image.fromarray(COLOURS), Image.new("RGB", (COLUMNS, ROWS), "blue")]
MOVING = {"save_all": True, "append_images": FRAMES[1:], "duration": 40}
JPEG = {"quality": 100, "subsampling": 0}
BELOW_ONE = RAMP.astype(np.float32) / 255

GOLDEN = {
    "grey L": (saved(Image.fromarray(RAMP)), grey(RAMP)),
    "grey and alpha LA": (
        saved(Image.fromarray(np.stack([RAMP, ALPHA], axis=2), "LA")),
        over_white(grey(RAMP), ALPHA),
    ),
    "palette P": (saved(palette_image()), PALETTE[PLACES]),
    "palette with a clear colour P+tRNS": (
        saved(palette_image(), transparency=2),
        np.where((PLACES == 2)[:, :, None], 255, PALETTE[PLACES]),
    ),
    "palette with alphas P+tRNS": (
        saved(palette_image(), transparency=bytes([255, 51, 0])),
        over_white(PALETTE[PLACES], np.array([255, 51, 0])[PLACES]),
    ),
    "RGB": (saved(Image.fromarray(COLOURS)), COLOURS),
    "RGB with a clear colour": (
        saved(Image.fromarray(COLOURS), transparency=tuple(map(int, COLOURS[2, 3]))),
        np.where((COLOURS[2, 3] == COLOURS).all(axis=2)[:, :, None], 255, COLOURS),
    ),
    "RGBA": (saved(Image.fromarray(np.dstack([COLOURS, ALPHA]))), over_white(COLOURS, ALPHA)),
    "RGBA WebP": (
        saved(Image.fromarray(np.dstack([COLOURS, ALPHA])), "WEBP", lossless=True, exact=True),
        over_white(COLOURS, ALPHA),
    ),
    "16-bit colour PNG": (png_16_bit_colour(np.stack([WIDE, WIDE.T.reshape(WIDE.shape), WIDE], 2)),
                          np.stack([WIDE, WIDE.T.reshape(WIDE.shape), WIDE], 2) // 256),
    "16-bit grey PNG": (saved(Image.fromarray(WIDE)), grey(WIDE / 257)),
    "16-bit grey TIFF": (saved(Image.fromarray(WIDE), "TIFF"), grey(WIDE / 257)),
    "32-bit integer TIFF": (saved(Image.fromarray(WIDE.astype(np.int32)), "TIFF"), grey(WIDE / 257)),
    "float TIFF up to 1": (saved(Image.fromarray(BELOW_ONE), "TIFF"), grey(BELOW_ONE * 255)),
    "float TIFF above 1": (saved(Image.fromarray(BELOW_ONE * 200), "TIFF"), grey(BELOW_ONE * 200)),
    "1-bit": (saved(Image.fromarray(RAMP > 100)), grey((RAMP > 100) * 255)),
    "CMYK TIFF": (saved(Image.fromarray(INK, "CMYK"), "TIFF"), of_ink(INK)),
    "CMYK JPEG": (saved(Image.fromarray(BLOCK_INK, "CMYK"), "JPEG", **JPEG), of_ink(BLOCK_INK)),
    "YCbCr JPEG": (saved(Image.fromarray(BLOCK_YCBCR, "YCbCr"), "JPEG", **JPEG), from_ycbcr(BLOCK_YCBCR)),
    "progressive JPEG": (
        saved(Image.fromarray(BLOCK_YCBCR, "YCbCr"), "JPEG", progressive=True, **JPEG),
        from_ycbcr(BLOCK_YCBCR),
    ),
    "animated GIF": (
        saved(palette_image(), "GIF", save_all=True, append_images=[palette_image().transpose(0)]),
        PALETTE[PLACES],
    ),
    "animated WebP": (saved(FRAMES[0], "WEBP", lossless=True, **MOVING), COLOURS),
    "animated PNG": (saved(FRAMES[0], **MOVING), COLOURS),
    "colour profile, RGB": (saved(Image.fromarray(COLOURS), icc_profile=linear_profile()), lit(COLOURS)),
    "colour profile, clear": (
        saved(Image.fromarray(np.dstack([COLOURS, ALPHA])), icc_profile=linear_profile()),
        over_white(lit(COLOURS), ALPHA),
    ),
    "colour profile, grey": (
        saved(Image.fromarray(RAMP), "TIFF", icc_profile=linear_profile(b"GRAY")),
        grey(lit(RAMP)),
    ),
    "colour profile called sRGB": (
        saved(Image.fromarray(COLOURS), icc_profile=linear_profile(name=b"sRGB built-in")),
        COLOURS,
    ),
    "colour profile of another space": (
        saved(Image.fromarray(COLOURS), icc_profile=linear_profile(b"GRAY")),
        COLOURS,
    ),
    "colour profile, damaged": (saved(Image.fromarray(COLOURS), icc_profile=b"no profile"), COLOURS),
}  # fmt: skip

# What was written as row 0 and column 0 of the file belongs, by EXIF 2.3, on these sides of the image.
ORIENTATIONS = {
    1: lambda stored: stored,  # top, left
    2: lambda stored: stored[:, ::-1],  # top, right
    3: lambda stored: stored[::-1, ::-1],  # bottom, right
    4: lambda stored: stored[::-1],  # bottom, left
    5: lambda stored: stored.swapaxes(0, 1),  # left, top
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],  # right, top
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],  # right, bottom
    8: lambda stored: stored.swapaxes(0, 1)[::-1],  # left, bottom
}


def assert_within_one_level(content, expected):
    out = decode(content, Path("golden"))
    assert out.dtype == np.uint8
    assert out.shape == expected.shape
    assert np.abs(out.astype(float) - np.clip(expected, 0, 255)).max() <= 1


@pytest.mark.parametrize("name", GOLDEN)
def test_every_kind_of_file_holds_the_pixels_that_the_rules_say(name):
    assert_within_one_level(*GOLDEN[name])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_image_stands_upright_by_its_exif_note(orientation, kind):
    stored = grey(60 + BLOCKS * 25).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": JPEG, "WEBP": {"lossless": True}}.get(kind, {})
    content = saved(Image.fromarray(stored), kind, exif=exif, **options)
    assert_within_one_level(content, ORIENTATIONS[orientation](stored))


def test_a_damaged_exif_note_does_no_harm():
    content = saved(Image.fromarray(COLOURS), exif=b"no note")
    np.testing.assert_array_equal(decode(content, Path("golden")), COLOURS)


def test_no_other_module_decodes_a_image():
    """One function decodes; headers alone may open one, and the sheet pastes what was decoded."""
    opening = []
    for path in Path(ensemble_kit.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("Image.open", "PIL.Image.open"):
                opening.append(path.name)
    assert opening == ["headers.py"]
