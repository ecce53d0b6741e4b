"""Pictures are decoded once, and never out of date."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError, ResourceError
from ensemble_kit.images.cache import load_images, median_side, refuse


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    found = []
    for i in range(7):
        found.append(tmp_path / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (13, 11, 3), dtype=np.uint8)).save(found[-1])
    return found


def test_the_second_call_decodes_nothing_and_gives_the_same(paths, tmp_path):
    decoded = []
    first = load_images(paths, 5, tmp_path / "cache", lambda: decoded.append(1))
    assert first.images.shape == (7, 3, 5, 5)
    assert first.digests[2] == hashlib.sha256(paths[2].read_bytes()).hexdigest()
    assert len(decoded) == 7
    again = load_images(paths, 5, tmp_path / "cache", lambda: decoded.append(1))
    assert len(decoded) == 7
    np.testing.assert_array_equal(first.images, again.images)
    assert load_images(paths, 6, tmp_path / "cache").images.shape == (7, 3, 6, 6)


def test_a_changed_picture_is_decoded_again(paths, tmp_path):
    before = np.array(load_images(paths, 5, tmp_path / "cache").images)
    Image.new("RGB", (11, 13), "white").save(paths[3])
    after = load_images(paths, 5, tmp_path / "cache").images
    assert (after[3] == 255).all()
    np.testing.assert_array_equal(after[:3], before[:3])


def test_what_cannot_be_read_is_told_from_the_cache_too_and_the_others_are_there(paths, tmp_path):
    whole = np.array(load_images(paths, 5, tmp_path / "cache").images)
    paths[1].write_bytes(b"no picture")
    paths[3].unlink()
    paths[5].unlink()
    paths[5].symlink_to(tmp_path / "nowhere.png")
    for _ in range(2):
        found = load_images(paths, 5, tmp_path / "cache")
        assert sorted(found.unreadable) == [1, 3, 5]
        assert "1.png': not a picture" in found.unreadable[1]
        assert "3.png': No such file" in found.unreadable[3]
        assert "5.png': a broken link to" in found.unreadable[5]
        for row in (0, 2, 4, 6):
            np.testing.assert_array_equal(found.images[row], whole[row])
    paths[1].write_bytes(paths[0].read_bytes())
    assert sorted(load_images(paths, 5, tmp_path / "cache").unreadable) == [3, 5]


def test_a_refusal_counts_all_and_names_the_first():
    refuse([], 7)
    with pytest.raises(BadDataError, match=r"(?s)6 of 7 pictures.*r0.*r4\n... and 1 more.*--skip-bad"):
        refuse([f"r{i}" for i in range(6)], 7)


def test_a_cache_that_cannot_be_written_says_so(paths, tmp_path):
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    with pytest.raises(ResourceError, match="decode cache"):
        load_images(paths, 5, tmp_path / "cache")


def test_the_median_side_comes_from_the_headers(paths):
    Image.new("RGB", (40, 90)).save(paths[0])
    assert median_side(paths) == 11
    for path in paths:
        path.write_bytes(b"no picture")
    with pytest.raises(BadDataError, match="not a picture"):
        median_side(paths)
