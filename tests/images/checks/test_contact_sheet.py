"""The sheet shows every tile it is given, and fits."""

import io

import numpy as np
from PIL import Image

from ensemble_kit.images.checks.contact_sheet import SIDE_PX, Tile, draw_sheet


def page(tiles, title="found", kind="PNG"):
    return np.asarray(Image.open(io.BytesIO(draw_sheet(tiles, title, kind))))


def colours(pixels):
    return {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}


def flat(colour, height=31, width=17):
    return np.full((height, width, 3), colour, dtype=np.uint8)


def test_every_image_is_there_with_its_proportions():
    shown = [(255, 0, 0), (0, 200, 0), (0, 0, 255), (9, 99, 199), (200, 0, 200), (1, 2, 3), (90, 80, 70)]
    pixels = page([Tile((flat(colour),), ("one", "two")) for colour in shown])
    assert set(shown) <= colours(pixels)
    red = np.argwhere((pixels == (255, 0, 0)).all(axis=2))
    height, width = red.max(axis=0) - red.min(axis=0) + 1
    assert (height, width) == (SIDE_PX, round(SIDE_PX * 17 / 31))


def test_a_pair_stands_side_by_side_and_what_cannot_be_read_is_crossed():
    pixels = page([Tile((flat((255, 0, 0)), flat((0, 0, 255))), ("pair",)), Tile((None,), ("gone",))])
    red, blue = (np.argwhere((pixels == colour).all(axis=2)) for colour in ((255, 0, 0), (0, 0, 255)))
    assert red[:, 1].max() < blue[:, 1].min()
    assert red[:, 0].min() == blue[:, 0].min()
    assert (225, 225, 225) in colours(pixels)


def test_long_words_do_not_run_into_the_neighbour():
    alone = page([Tile((None, None), ("w" * 300,))], "t" * 300)
    assert (alone[:, -8:] == 255).all()


def test_a_large_image_shrinks_and_an_empty_sheet_is_still_a_page():
    assert page([Tile((flat((7, 7, 7), 2000, 20),), ())]).shape[0] < 300
    assert page([]).ndim == 3
    assert draw_sheet([], "found", "JPEG")[:2] == b"\xff\xd8"


def test_tiles_of_one_square_stand_as_many_across_as_is_asked():
    shown = [(255, 0, 0), (0, 200, 0), (0, 0, 255), (9, 99, 199), (200, 0, 200)]
    content = draw_sheet([Tile((flat(colour),), ()) for colour in shown], "found", across=3, squares=1)
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    corners = [np.argwhere((pixels == colour).all(axis=2)).min(axis=0) for colour in shown]
    assert len({top for top, _ in corners[:3]}) == len({top for top, _ in corners[3:]}) == 1
    assert corners[3][0] - corners[0][0] >= SIDE_PX
    assert [left for _, left in corners[3:]] == [left for _, left in corners[:2]]
    assert pixels.shape[1] < 3 * (SIDE_PX + 30)
