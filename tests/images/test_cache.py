"""Pictures are decoded once, and never out of date."""

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError, ResourceError
from ensemble_kit.images.cache import digest_files, load_images, median_side


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
    digests = digest_files(paths)
    first = load_images(paths, digests, 5, tmp_path / "cache", lambda: decoded.append(1))
    assert first.shape == (7, 3, 5, 5)
    assert len(decoded) == 7
    again = load_images(paths, digests, 5, tmp_path / "cache", lambda: decoded.append(1))
    assert len(decoded) == 7
    np.testing.assert_array_equal(first, again)
    assert load_images(paths, digests, 6, tmp_path / "cache").shape == (7, 3, 6, 6)


def test_a_changed_picture_is_decoded_again(paths, tmp_path):
    before = np.array(load_images(paths, digest_files(paths), 5, tmp_path / "cache"))
    Image.new("RGB", (11, 13), "white").save(paths[3])
    after = load_images(paths, digest_files(paths), 5, tmp_path / "cache")
    assert (after[3] == 255).all()
    np.testing.assert_array_equal(after[:3], before[:3])


def test_unreadable_pictures_are_all_counted_the_first_named_and_nothing_is_kept(paths, tmp_path):
    for path in paths[1:]:
        path.write_bytes(b"no picture")
    with pytest.raises(BadDataError, match=r"(?s)6 of 7 pictures.*1\.png.*and 1 more"):
        load_images(paths, digest_files(paths), 5, tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*.npy*")) == []


def test_a_file_that_is_gone_is_named(paths):
    paths[2].unlink()
    with pytest.raises(BadDataError, match="2.png': No such file"):
        digest_files(paths)


def test_a_cache_that_cannot_be_written_says_so(paths, tmp_path):
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    with pytest.raises(ResourceError, match="decode cache"):
        load_images(paths, digest_files(paths), 5, tmp_path / "cache")


def test_the_median_side_comes_from_the_headers(paths):
    Image.new("RGB", (40, 90)).save(paths[0])
    assert median_side(paths) == 11
    for path in paths:
        path.write_bytes(b"no picture")
    with pytest.raises(BadDataError, match="not a picture"):
        median_side(paths)
