"""Every kind of file becomes the RGB that its maker meant."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError
from ensemble_kit.images import headers
from ensemble_kit.images.decode import decode, resize

RAMP = np.arange(0, 255, dtype=np.uint8)[: 5 * 7].reshape(5, 7) * 7


def encoded(image, kind="PNG", **options):
    page = io.BytesIO()
    image.save(page, kind, **options)
    return page.getvalue()


def read(image, kind="PNG", **options):
    return decode(encoded(image, kind, **options), Path("x"))


def test_rgb_comes_out_as_it_went_in():
    pixels = np.stack([RAMP, RAMP[::-1], RAMP // 2], axis=2)
    np.testing.assert_array_equal(read(Image.fromarray(pixels)), pixels)


def test_grey_and_one_bit_are_spread_over_three_channels():
    np.testing.assert_array_equal(read(Image.fromarray(RAMP))[:, :, 1], RAMP)
    bits = Image.fromarray((RAMP > 100).astype(np.uint8) * 255).convert("1")
    np.testing.assert_array_equal(read(bits)[:, :, 2], (RAMP > 100) * 255)


def test_16_bit_grey_is_scaled_and_not_cut_off():
    wide = RAMP.astype(np.uint16) * 257
    np.testing.assert_array_equal(read(Image.fromarray(wide))[:, :, 0], RAMP)


def test_float_images_are_read_by_their_range():
    for scale in (1, 255):
        image = Image.fromarray(RAMP.astype(np.float32) / 255 * scale)
        assert np.abs(read(image, "TIFF")[:, :, 0].astype(int) - RAMP).max() <= 1


def test_transparency_is_composed_over_white():
    pixels = np.zeros((5, 7, 4), dtype=np.uint8)
    pixels[..., 0] = 200
    pixels[0, 0, 3], pixels[0, 1, 3] = 255, 51
    out = read(Image.fromarray(pixels))
    assert out[1, 1].tolist() == [255, 255, 255]
    assert out[0, 0].tolist() == [200, 0, 0]
    assert np.abs(out[0, 1].astype(int) - [244, 204, 204]).max() <= 1
    grey = Image.fromarray(np.stack([RAMP, np.zeros_like(RAMP)], axis=2), "LA")
    assert (read(grey) == 255).all()


def test_a_palette_with_a_transparent_colour_shows_white_there():
    image = Image.fromarray((RAMP > 100).astype(np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    out = read(image, transparency=1)
    assert out[0, 0].tolist() == [10, 20, 30]
    assert out[-1, -1].tolist() == [255, 255, 255]


def test_cmyk_is_converted():
    cmyk = np.zeros((5, 7, 4), dtype=np.uint8)
    cmyk[..., 0] = 255  # full cyan, no black
    out = read(Image.fromarray(cmyk, "CMYK"), "TIFF")
    assert out[0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (6, lambda a: np.rot90(a, -1)),
        (8, np.rot90),
    ],
)
def test_exif_orientation_is_applied(orientation, undo):
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(read(Image.fromarray(RAMP), exif=exif)[:, :, 0], undo(RAMP))


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (7, 5), colour) for colour in ("red", "blue")]
    out = read(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert out[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "'x': the file is empty"),
        (b"no image", "'x': not an image"),
        (encoded(Image.new("RGB", (97, 89)), "JPEG")[:400], "'x': .*[Tt]runcated"),
        (encoded(Image.fromarray(RAMP))[:45], "'x': .*[Tt]runcated"),
    ],
)
def test_what_is_no_whole_image_is_named(content, message):
    with pytest.raises(BadDataError, match=message):
        decode(content, Path("x"))


def test_a_image_over_the_cap_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(headers, "MAX_PIXELS", 34)
    with pytest.raises(BadDataError, match="7 x 5 px"):
        read(Image.fromarray(RAMP))


def test_resizing_keeps_a_square_of_the_right_size_to_the_bit():
    pixels = np.random.default_rng(0).integers(0, 256, (11, 11, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(pixels, 11), pixels.transpose(2, 0, 1))


def test_resizing_averages_when_it_shrinks_and_keeps_flat_areas_flat():
    stripes = np.zeros((64, 32, 3), dtype=np.uint8)
    stripes[::2] = 200
    small = resize(stripes, 8)
    assert small.shape == (3, 8, 8)
    assert np.abs(small[:, 1:-1].astype(int) - 100).max() <= 8
    assert (resize(np.full((13, 29, 3), 77, np.uint8), 17) == 77).all()


@pytest.mark.parametrize("highest", [1.0001, 1.01, 1.2])
def test_a_float_image_a_little_over_one_stays_as_bright_as_it_is(highest):
    values = RAMP.astype(np.float32) / 255
    values[2, 3] = highest
    out = read(Image.fromarray(values), "TIFF")[:, :, 0]
    expected = RAMP.copy()
    expected[2, 3] = 255
    assert np.abs(out.astype(int) - expected).max() <= 1


def test_a_float_image_of_255_levels_is_told_by_its_values_however_dark():
    out = read(Image.fromarray(np.full((5, 7), 3, np.float32)), "TIFF")
    assert (out == 3).all()


@pytest.mark.parametrize(("highest", "scale"), [(65535, 257), (4095, 257), (511, 257), (510, 1)])
def test_a_float_image_of_16_bits_is_no_white_one(highest, scale):
    values = np.linspace(0, highest, RAMP.size, dtype=np.float32).reshape(RAMP.shape)
    out = read(Image.fromarray(values), "TIFF")[:, :, 0]
    assert np.abs(out - (values / scale).clip(0, 255)).max() <= 0.5
