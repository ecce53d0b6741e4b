"""Names are picked from tables, with a did-you-mean."""

import pytest

from ensemble_kit.errors import UnknownNameError
from ensemble_kit.tables import Entry, pick


def test_a_name_that_is_there_is_picked():
    assert pick({"a": 1, "b": 2}, "b", "letter") == 2


def test_a_near_miss_is_suggested_and_all_names_are_listed():
    with pytest.raises(
        UnknownNameError, match="No ballot is named 'logit'; did you mean 'logit-sum'.*logit-sum, prob-mean"
    ):
        pick({"prob-mean": 1, "logit-sum": 2}, "logit", "ballot")


def test_a_far_miss_suggests_nothing():
    with pytest.raises(UnknownNameError, match=r"No ballot is named 'xyz'\. Known: logit-sum\."):
        pick({"logit-sum": 2}, "xyz", "ballot")


def test_an_entry_loads_what_it_points_to():
    assert Entry("dumps", "json:dumps").load()([1]) == "[1]"
