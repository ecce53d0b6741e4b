from fractions import Fraction
from math import comb

import pytest
from scipy.stats import beta, binom

from ensemble_kit.ensembling.statistics.exact_bounds import most_lost, upper_bound


@pytest.mark.parametrize(
    ("lost", "total"), [(0, 1), (0, 300), (1, 300), (7, 11), (10, 11), (150, 50_000), (40_000, 50_000)]
)
def test_with_the_upper_bound_so_few_are_lost_in_one_case_of_twenty(lost: int, total: int) -> None:
    bound = upper_bound(lost, total)
    assert bound == pytest.approx(beta.ppf(0.95, lost + 1, total - lost), rel=1e-9)
    assert binom.cdf(lost, total, bound) == pytest.approx(0.05, rel=1e-9)


@pytest.mark.parametrize(("lost", "total"), [(0, 1), (0, 61), (2, 61), (7, 11), (29, 61), (60, 61)])
def test_the_upper_bound_is_that_of_counting_every_case(lost: int, total: int) -> None:
    share = Fraction(upper_bound(lost, total))
    chance = sum(comb(total, few) * share**few * (1 - share) ** (total - few) for few in range(lost + 1))
    assert float(chance) == pytest.approx(0.05, rel=1e-9)


def test_where_all_are_lost_all_may_be() -> None:
    assert upper_bound(13, 13) == 1.0


@pytest.mark.parametrize("total", [1, 60, 299, 300, 4999, 50_000])
@pytest.mark.parametrize("loss", [0.0004, 0.01, 0.05, 0.5])
def test_one_more_lost_than_the_most_would_break_the_promise(total: int, loss: float) -> None:
    most = most_lost(total, loss)
    assert most == -1 or beta.ppf(0.95, most + 1, total - most) <= loss
    assert beta.ppf(0.95, most + 2, total - most - 1) > loss
