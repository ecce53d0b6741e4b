"""What may be said of a difference: by hand, and by laws."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble_kit.verdicts import VERDICTS, verdict

SMALL = st.floats(-0.3, 0.3)


@st.composite
def differences(draw):
    """A difference inside its interval, a p-value, how many were tried, and what could be detected."""
    low, difference, high = sorted(draw(st.tuples(SMALL, SMALL, SMALL)))
    p = draw(st.sampled_from([0.0, 0.0004, 0.01, 0.049, 0.05, 0.3, 1.0]) | st.floats(0, 1))
    return difference, (low, high), p, draw(st.integers(0, 40)), draw(st.sampled_from([0.003, 0.02, math.inf]))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((0.033, (0.004, 0.07), 0.02), "better"),
        ((-0.033, (-0.07, -0.004), 0.02), "worse"),
        ((0.033, (-0.004, 0.07), 0.02), "unclear"),  # p alone is no proof
        ((0.033, (0.004, 0.07), 0.06), "unclear"),  # nor is the interval
        ((0.033, (0.0004, 0.07), 0.04), "unclear"),  # 0.0 as it is printed
        ((0.033, (0.004, 0.07), 0.02, 3), "looks-better"),
        ((-0.033, (-0.07, -0.004), 0.02, 3), "looks-worse"),
        ((0.033, (0.004, 0.07), 0.02, 0), "better"),
        ((0.0, (0.0, 0.0), 1.0), "unclear"),  # nothing differs, of how many is not known
        ((0.0, (0.0, 0.0), 1.0, 1, 0.026), "unclear"),  # nothing differs of 300
        ((0.0, (0.0, 0.0), 1.0, 1, 0.008), "as-good"),
        ((0.002, (-0.009, 0.013), 0.8, 1, 0.009), "as-good"),
        ((0.002, (-0.02, 0.024), 0.8, 1, 0.009), "unclear"),
        ((math.nan, (math.nan, math.nan), math.nan), "unclear"),
    ],
)
def test_by_hand(given, wanted):
    assert verdict(*given) == wanted


@given(differences())
def test_where_the_interval_holds_nought_nothing_is_better_or_worse(case):
    said = verdict(*case)
    assert said in VERDICTS
    low, high = case[1]
    if low <= 0 <= high:
        assert said in ("unclear", "as-good")


@given(differences())
def test_the_other_side_is_told_the_same(case):
    difference, (low, high), *others = case
    turned = {"better": "worse", "worse": "better", "looks-better": "looks-worse", "looks-worse": "looks-better"}
    said, back = verdict(*case), verdict(-difference, (-high, -low), *others)
    assert back in (turned.get(said, said), "unclear", "as-good")
    assert (said in turned) == (back in turned)


@given(differences(), st.integers(1, 40))
def test_more_trials_never_make_a_proof(case, more):
    difference, bounds, p, trials, detectable = case
    if verdict(difference, bounds, p, trials + more, detectable) in ("better", "worse"):
        assert verdict(difference, bounds, p, trials, detectable) in ("better", "worse")
