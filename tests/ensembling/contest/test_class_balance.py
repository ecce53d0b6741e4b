import numpy as np
import pytest
from scipy import stats

from ensemble_kit.ensembling.contest.class_balance import balance_p


@pytest.mark.parametrize("predicted", [[52, 48, 55, 45], [70, 48, 40, 42], [80, 40, 40, 40]])
def test_the_balance_is_judged_as_scipys_chi_square_does(predicted):
    val = np.array([31, 29, 30, 33])
    wanted = stats.chi2_contingency([val, predicted], correction=False).pvalue
    assert balance_p(val, np.array(predicted)) == pytest.approx(wanted, abs=0.015)


def test_rare_classes_are_counted_exactly():
    # 2 + 3 images; both of the rare class in val: 1 of 10 ways
    assert balance_p(np.array([2, 0]), np.array([0, 3])) == pytest.approx(0.1, abs=0.01)


def test_where_there_is_nothing_to_compare_chance_explains_all():
    for val, predicted in (([0, 0], [3, 4]), ([3, 4], [0, 0]), ([5, 0], [7, 0])):
        assert balance_p(np.array(val), np.array(predicted)) == 1.0


def test_false_alarms_are_as_rare_as_promised():
    random = np.random.default_rng(11)
    p = [balance_p(random.multinomial(67, [0.2] * 5), random.multinomial(101, [0.2] * 5)) for _ in range(200)]
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.1
