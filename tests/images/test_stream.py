from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.cache import load_images
from ensemble_kit.images.stream import stream_images


@pytest.fixture
def images(tmp_path):
    random = np.random.default_rng(0)
    folder = tmp_path / "new"
    folder.mkdir()
    for place in range(11):
        pixels = random.integers(256, size=(17 + place, 23, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{place:02d}.png")
    (folder / "04.png").write_bytes(b"")
    return folder


def test_chunks_hold_the_bits_of_the_cache_for_every_size(images, tmp_path):
    chunks = list(stream_images([images], {13, 19}, 5))
    assert [len(chunk.ids) for chunk in chunks] == [5, 5, 1]
    assert [image_id for chunk in chunks for image_id in chunk.ids] == [f"{place:02d}.png" for place in range(11)]
    for size in (13, 19):
        cached = load_images(sorted(images.iterdir()), size, tmp_path / "cache")
        joined = np.concatenate([chunk.images[size] for chunk in chunks])
        assert joined.tobytes() == np.array(cached.images).tobytes()
    assert chunks[0].unreadable == {4: f"cannot read '{images / '04.png'}': the file is empty."}
    assert not chunks[1].unreadable
    assert not chunks[0].images[13][4].any()


def test_a_image_that_vanishes_meanwhile_is_unreadable(images):
    chunks = stream_images([images], {7}, 5)
    next(chunks)
    (images / "06.png").unlink()
    assert "06.png" in next(chunks).unreadable[1]


def test_a_place_that_is_not_there_is_refused():
    with pytest.raises(BadDataError, match="There is no file or folder 'nowhere'"):
        next(stream_images([Path("nowhere")], {7}, 5))
