"""Too few images, or of one class."""

import numpy as np

from ensemble_kit.ensembling.statistics.enough_data import why_not_fitted


def test_why_nothing_is_fitted() -> None:
    assert why_not_fitted(np.arange(49) % 3) == "too-few"
    assert why_not_fitted(np.full(50, 2)) == "one-class"
    assert why_not_fitted(np.arange(50) % 2) is None
