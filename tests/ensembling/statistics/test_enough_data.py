"""Too few images, or of one class, and the sentence about it."""

import numpy as np

from ensemble_kit.ensembling.statistics.enough_data import why_not_fitted


def test_the_reason_for_not_fitting_is_a_sentence() -> None:
    assert "There are 49 images to evaluate on, fewer than 50" in str(why_not_fitted(np.arange(49) % 3))
    assert "of one class" in str(why_not_fitted(np.full(50, 2)))
    assert why_not_fitted(np.arange(50) % 2) is None
