"""Whole numbers beside classes that are called by whole numbers: names or places, or a question; oracles by hand."""

import numpy as np
import pytest

from ensemble_kit.errors import BadDataError, UnknownNameError
from ensemble_kit.labels import NONE, label_indices

TEXT_ORDER = ("0", "1", "10", "11", "2", "3")


@pytest.mark.parametrize(
    ("labels", "classes", "wanted"),
    [
        (["cat", "dog"], ("dog", "cat"), [1, 0]),  # names
        ([1, 0], ("dog", "cat"), [1, 0]),  # places
        (["1.0", "0"], ("dog", "cat"), [1, 0]),
        ([0, 2, 1], ("0", "1", "2"), [0, 2, 1]),  # both, which say the same
        ([10, 1], TEXT_ORDER, [2, 1]),  # 10 is no place among six
        (["10.0", "01"], TEXT_ORDER, [2, 1]),
        ([-1, 1], ("-1", "0", "1"), [0, 2]),  # -1 is no place
        ([0, 1], ("10", "20"), [0, 1]),  # no label is a name
        (["5", "05"], ("05", "5"), [1, 0]),  # as they are written
        (["5.0", "0"], ("0", "5", "05"), [NONE, 0]),  # by number two classes could be meant
        (["cat", "1"], ("dog", "cat"), [1, NONE]),
        (["", "bird"], ("dog", "cat"), [NONE, NONE]),
        ([0, 3], ("dog", "cat"), [0, NONE]),
        (["0.5"], ("0", "1"), [NONE]),
        (["e\u0301", " \u00e9 ", "e"], ("e", "\u00e9"), [1, 1, 0]),  # one letter, composed or not
        (["\u00e9"], ("e\u0301", "x"), [0]),
        (["9" * 5000], ("0", "1"), [NONE]),
    ],
)
def test_a_label_is_what_alone_it_can_be(labels, classes, wanted):
    assert label_indices(labels, classes, "val.csv").tolist() == wanted


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 2, 3], TEXT_ORDER, "'2' is the class '2' by name, and '10' by place"),
        (["2.0"], TEXT_ORDER, "'2.0' is the class '2' by name, and '10' by place"),
        (["02", "0"], ("00", "02", "01"), "'02' is the class '02' by name, and '01' by place"),
        ([1, 0], ("-1", "0", "1"), "'1' is the class '1' by name, and '0' by place"),
        ([0, 1, 2], ("1", "2", "3"), "'0' is no class by name, and '1' by place"),
        (["1", "0"], ("1.0", "0.0"), "'1' is the class '1.0' by name, and '0.0' by place"),
    ],
)
def test_a_label_that_may_be_a_name_or_a_place_is_asked_for(labels, classes, message):
    with pytest.raises(BadDataError, match=f"val.csv: .*{message}.* --labels-are names, or --labels-are places"):
        label_indices(labels, classes, "val.csv")


def test_what_was_said_is_done():
    assert label_indices([0, 2], TEXT_ORDER, "val.csv", "names").tolist() == [0, 4]
    assert label_indices([0, 2], TEXT_ORDER, "val.csv", "places").tolist() == [0, 2]
    assert label_indices(["a", "1"], ("a", "1"), "val.csv", "places").tolist() == [NONE, 1]
    assert label_indices([0, 2], TEXT_ORDER, "val.csv", "places", order=sorted(TEXT_ORDER, key=int)).tolist() == [0, 4]
    with pytest.raises(UnknownNameError, match="reading of labels"):
        label_indices([0, 2], TEXT_ORDER, "val.csv", "numbers")


def test_the_question_says_how_many_are_right_either_way():
    predicted = np.array([4, 4, 2, 0])  # classes 2, 2, 10, 0
    with pytest.raises(BadDataError, match="As names the scores are right for 75.0 % of the images, as places for 50"):
        label_indices([2, 2, 2, 0], TEXT_ORDER, "val.csv", predicted=predicted)
