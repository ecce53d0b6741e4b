"""Near duplicates are found; images that only look a little alike are not."""

import io

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ensemble_kit.images.checks.duplicates import NEAR, Fingerprints, difference_hash, nearest
from ensemble_kit.images.checks.inspect import inspect_file

SIZE = (61, 47)


def scene(seed):
    """An image of a few large random rectangles."""
    rng = np.random.default_rng(seed)
    pixels = np.full((SIZE[1], SIZE[0], 3), rng.integers(0, 256, 3), dtype=np.uint8)
    for _ in range(9):
        top, left = rng.integers(0, SIZE[1] - 5), rng.integers(0, SIZE[0] - 5)
        pixels[top : top + rng.integers(5, 30), left : left + rng.integers(5, 40)] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def fingerprints(images, folder):
    found = []
    for i, image in enumerate(images):
        path = folder / f"{i}.png"
        image.save(path)
        found.append(inspect_file(path).appearance)
    return Fingerprints(
        np.stack([appearance.grid for appearance in found]), np.stack([appearance.thumb for appearance in found])
    )


def resaved(image, quality):
    page = io.BytesIO()
    image.save(page, "JPEG", quality=quality)
    return Image.open(page)


def test_the_hash_is_that_of_imagehash(tmp_path):
    images = [scene(seed) for seed in range(13)]
    ours = difference_hash(fingerprints(images, tmp_path).grids)
    for image, bits in zip(images, ours, strict=True):
        np.testing.assert_array_equal(bits, imagehash.dhash(image).hash.ravel())


def test_the_hash_of_the_mirror_image_is_the_hash_of_the_mirrored_grid(tmp_path):
    images = [scene(seed) for seed in range(13)]
    ours = difference_hash(fingerprints(images, tmp_path).grids[:, :, ::-1])
    for image, bits in zip(images, ours, strict=True):
        theirs = imagehash.dhash(ImageOps.mirror(image)).hash.ravel()
        assert (bits != theirs).sum() <= 1  # the resize rounds


def test_copies_are_found_and_strangers_are_not(tmp_path):
    originals = [scene(seed) for seed in range(11)]
    changed = [
        resaved(originals[3], 60),
        originals[5].resize((97, 83), Image.Resampling.BICUBIC),
        ImageOps.mirror(resaved(originals[7], 80)),
        scene(99),
        originals[2].point(lambda level: level * 0.8),
    ]
    links = nearest(fingerprints(changed, tmp_path), fingerprints(originals, tmp_path))
    assert links.partner.tolist() == [3, 5, 7, -1, 2]
    assert links.mirrored.tolist() == [False, False, True, False, False]
    assert links.distance[[0, 1, 2, 4]].max() <= NEAR
    assert links.distance[3] == 65


def test_within_one_list_a_image_is_linked_to_an_earlier_one(tmp_path):
    images = [scene(0), scene(1), scene(0), scene(2), resaved(scene(1), 70)]
    assert nearest(fingerprints(images, tmp_path)).partner.tolist() == [-1, -1, 0, -1, 1]


def test_a_hash_alone_is_not_enough():
    """Every row grows brighter to the right in both, but one is bright above and the other below."""
    slope = np.arange(16, dtype=np.uint8)[None, :] + np.zeros((16, 1), np.uint8)
    above, below = slope.copy(), slope.copy()
    above[:8] += 200
    below[8:] += 200
    grids = np.tile(np.arange(9, dtype=np.uint8), (2, 8, 1))
    assert (difference_hash(grids)[0] == difference_hash(grids)[1]).all()
    assert nearest(Fingerprints(grids, np.stack([above, below]))).partner.tolist() == [-1, -1]
    assert nearest(Fingerprints(grids, np.stack([above, above + 1]))).partner.tolist() == [-1, 0]


def test_images_of_one_flat_colour_match_nothing(tmp_path):
    flat = [Image.new("RGB", SIZE, colour) for colour in ("red", "red", "blue")]
    assert nearest(fingerprints(flat, tmp_path)).partner.tolist() == [-1, -1, -1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_blocks_give_what_one_comparison_at_a_time_gives(seed, most):
    from ensemble_kit.images.checks import duplicates as module

    rng = np.random.default_rng(seed)
    common = rng.integers(0, 256, (3, 16, 16), dtype=np.uint8)
    thumbs = common[rng.integers(0, 3, 23)] ^ (rng.random((23, 16, 16)) < 0.1).astype(np.uint8)
    bits = rng.random((3, 8, 9))[rng.integers(0, 3, 23)] + rng.random((23, 8, 9)) * 0.15
    images = Fingerprints((bits * 200).astype(np.uint8), thumbs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ROWS", 5)
        patch.setattr(module, "_COLUMNS", 7)
        links = nearest(images, most=most)
    for row in range(23):
        assert links.distance[row] == min([65, *(apart(images, row, other, most) for other in range(row))])
        if links.partner[row] >= 0:
            assert apart(images, row, links.partner[row], most) == links.distance[row]


def apart(images, row, other, most):
    """The bits between two images, one of them mirrored or not; 65 where they are no near duplicates."""
    found = [65]
    for step in (1, -1):
        bits = difference_hash(images.grids[row][None, :, ::step]) != difference_hash(images.grids[other][None])
        likeness = np.corrcoef(images.thumbs[row][:, ::step].ravel(), images.thumbs[other].ravel())[0, 1]
        if bits.sum() <= most and likeness >= 0.95:
            found.append(int(bits.sum()))
    return min(found)


@pytest.mark.slow
def test_a_hundred_thousand_images_take_minutes_at_most():
    rng = np.random.default_rng(0)
    count = 100_003
    grids = rng.integers(0, 256, (count, 8, 9), dtype=np.uint8)
    thumbs = rng.integers(0, 256, (count, 16, 16), dtype=np.uint8)
    grids[count - 1], thumbs[count - 1] = grids[41], thumbs[41]
    links = nearest(Fingerprints(grids, thumbs))
    assert np.flatnonzero(links.partner >= 0).tolist() == [count - 1]
    assert links.partner[-1] == 41
