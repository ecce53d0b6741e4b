"""The eight turns are the group that torch's own turning of pixels gives."""

from itertools import product

import pytest
import torch

from ensemble_kit.inference.views.turns import TURNS, Turn

IMAGE = torch.arange(49.0).reshape(7, 7)
BY_TORCH = {
    "identity": lambda image: image,
    "hflip": torch.fliplr,
    "vflip": torch.flipud,
    "rot90": lambda image: torch.rot90(image, 1, (-2, -1)),
    "rot180": lambda image: torch.rot90(image, 2, (-2, -1)),
    "rot270": lambda image: torch.rot90(image, 3, (-2, -1)),
    "transpose": lambda image: image.T,
    "transverse": lambda image: torch.rot90(image, 2, (-2, -1)).T,
}


def test_the_table_holds_all_eight_and_the_oracle_tells_them_apart():
    assert set(TURNS.values()) == {Turn(*bits) for bits in product((False, True), repeat=3)}
    assert list(TURNS) == list(BY_TORCH)
    assert len({tuple(turn(IMAGE).flatten().tolist()) for turn in BY_TORCH.values()}) == 8


@pytest.mark.parametrize("first", TURNS)
@pytest.mark.parametrize("second", TURNS)
def test_every_product_is_what_torch_gives_one_after_the_other(first, second):
    once = TURNS[first].then(TURNS[second]).spelled()
    assert torch.equal(BY_TORCH[once](IMAGE), BY_TORCH[second](BY_TORCH[first](IMAGE)))


def test_products_are_associative_and_every_turn_can_be_undone():
    for a, b, c in product(TURNS.values(), repeat=3):
        assert a.then(b).then(c) == a.then(b.then(c))
    for turn in TURNS.values():
        assert [turn.then(other).neutral for other in TURNS.values()].count(True) == 1
        assert turn.then(TURNS["identity"]) == TURNS["identity"].then(turn) == turn


@pytest.mark.parametrize("name", TURNS)
def test_a_place_pulled_back_is_the_pixel_that_the_turn_brings_there(name):
    for y, x in ((0, 0), (2, 5), (6, 1)):
        before = TURNS[name].pulled(y, x, lambda place: 6 - place)
        assert IMAGE[before] == BY_TORCH[name](IMAGE)[y, x]
