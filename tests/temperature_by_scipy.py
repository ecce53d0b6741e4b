"""The loss that a temperature is fitted by, written plainly, and its optimum by scipy."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fitted_loss(v: float, scores: np.ndarray, labels: np.ndarray) -> float:
    """The summed log loss of v * scores, and of half a typical image more, whose label is the runner-up."""
    log_prob = log_softmax(v * scores, axis=1)
    ordered = np.sort(scores, axis=1)
    margin = np.sort(ordered[:, -1] - ordered[:, -2])[(len(labels) - 1) // 2]
    wrong = -log_prob.max(axis=1).mean() + v * margin
    return float(-log_prob[np.arange(len(labels)), labels].sum() + wrong / 2)


def log_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The log of the best temperature."""
    return float(
        minimize_scalar(
            lambda log_t: fitted_loss(np.exp(-log_t), scores, labels),
            bounds=(-4, 4),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
    )
