"""Classes that count alike though some have more images: drawn equally often, or weighed in the loss.

Never reads images. To add a way: a word in recipes.BALANCES and its place in the loop.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

Labels = Int[np.ndarray, " images"]


def balanced_order(labels: Labels, generator: np.random.Generator) -> Int[np.ndarray, " images"]:
    """Return as many indices as there are images, every class equally often, shuffled.

    A class with too few images is gone through again, in a new order each time; one with too
    many shows another part of itself. Where the number of images is no multiple of the number of
    classes, classes drawn at random come once more.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 1, 1])
        >>> np.bincount(labels[balanced_order(labels, np.random.default_rng(7))]).tolist()
        [3, 3]
    """
    classes = generator.permutation(np.unique(labels))
    quota, extra = divmod(len(labels), len(classes))
    drawn = []
    for place, one in enumerate(classes):
        rows, wanted = np.flatnonzero(labels == one), quota + (place < extra)
        rounds = [generator.permutation(rows) for _ in range(1 + wanted // len(rows))]
        drawn.append(np.concatenate(rounds)[:wanted])
    return generator.permutation(np.concatenate(drawn))


def class_weights(labels: Int[Tensor, " images"], classes: int) -> Float[Tensor, " classes"]:
    """Return one weight a class, inversely to how many images it has; their mean over the images is 1.

    A class without images has weight 0: it is never asked for.

    Example:
        >>> class_weights(torch.tensor([0, 0, 0, 2]), 3).tolist()
        [0.6666666865348816, 0.0, 2.0]
    """
    counts = torch.bincount(labels, minlength=classes).float()
    there = counts > 0
    weights = torch.zeros_like(counts)
    weights[there] = len(labels) / (there.sum() * counts[there])
    return weights
