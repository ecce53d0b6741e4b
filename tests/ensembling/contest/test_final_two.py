import numpy as np

from ensemble_kit.ensembling.contest.final_two import final_two


def two(accuracies, differ, images=300.0):
    return final_two(np.array(accuracies), np.array(differ), np.full(len(accuracies), images))


def test_the_partner_is_the_most_different_of_those_as_good():
    differ = [[0, 0.02, 0.1, 0.3], [0.02, 0, 0.1, 0.3], [0.1, 0.1, 0, 0.3], [0.3, 0.3, 0.3, 0]]
    # half a standard error: at 0.1 of 300, 0.5 * sqrt(0.1 / 300) = 0.0091; at 0.3, 0.0158
    assert two([0.9, 0.899, 0.891, 0.884], differ) == (0, 2, True)
    assert two([0.9, 0.899, 0.891, 0.885], differ) == (0, 3, True)


def test_where_none_is_as_good_the_next_best_is_taken():
    differ = [[0, 0.1, 0.2], [0.1, 0, 0.1], [0.2, 0.1, 0]]
    assert two([0.7, 0.9, 0.6], differ) == (1, 0, False)


def test_the_same_again_is_no_partner_and_neither_is_what_cannot_be_judged():
    differ = [[0, 0.0, 0.2], [0.0, 0, 0.2], [0.2, 0.2, 0]]
    assert two([0.9, 0.9, np.nan], differ) == (0, None, False)
    assert two([0.9], [[0.0]]) == (0, None, False)
