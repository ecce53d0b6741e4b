"""Primitives are told apart by their kind, and a margin keeps its pixels when a turn moves past it."""

import pytest
import torch

from ensemble_kit.inference.views.pixels import carry_out
from ensemble_kit.inference.views.primitives import Cut, Pad, Resize, Tone
from ensemble_kit.inference.views.turns import TURNS, Turn

BATCH = torch.rand(2, 3, 11, 11, generator=torch.Generator().manual_seed(0))


def test_no_two_kinds_have_the_same_number_of_fields_so_equal_tuples_are_of_one_kind():
    kinds = (Resize, Cut, Pad, Tone, Turn)
    assert len({len(kind._fields) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("name", TURNS)
@pytest.mark.parametrize("margins", [Cut(1, 2, 3, 5), Pad(1, 2, 3, 5, "zero"), Pad(1, 2, 3, 5, "edge")])
def test_a_turn_then_a_margin_is_the_pulled_margin_then_the_turn(name, margins):
    turn = TURNS[name]
    square = carry_out(margins, carry_out(turn, BATCH))
    pulled = carry_out(margins.pulled(turn), BATCH)
    wanted = pulled.transpose(-2, -1) if turn.swap else pulled  # not square: what `turned` refuses, by hand
    wanted = wanted.flip([axis for axis, mirrored in ((-2, turn.rows), (-1, turn.columns)) if mirrored])
    assert torch.equal(square, wanted)


def test_resizing_and_light_do_not_ask_about_turns():
    for name in TURNS:
        assert Resize(5).pulled(TURNS[name]) == Resize(5)
        assert Tone("gamma", 1.5).pulled(TURNS[name]) == Tone("gamma", 1.5)
