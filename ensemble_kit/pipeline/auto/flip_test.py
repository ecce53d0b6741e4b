"""May images be mirrored? A small network that never saw a mirrored one is asked, on training images it never saw.

Where a mirrored image means something else (arrows, letters), such a network errs on it far more
often. That nothing of it is seen is no leave to mirror: a few images, or a network that has learnt little,
could not show it. So images are mirrored only where it is sure that little of what the network has learnt
is lost. Val is not used.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

from ensemble_kit.ensembling.combining import softmax
from ensemble_kit.ensembling.statistics import fold_of, largest_share, mcnemar
from ensemble_kit.ensembling.weights import fit_scale
from ensemble_kit.metrics import log_prob
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.models import arch_options, build_network
from ensemble_kit.results import FlipVerdict
from ensemble_kit.types import Labels

LEVEL: Final = 0.01  # of McNemar's exact test
LEAST: Final = 0.05  # a smaller loss of accuracy is what any network shows that never saw a mirrored image
MOST_LOST: Final = 0.25  # of what the network has learnt, that mirroring may cost where it is called harmless
FOLDS: Final = 4
ENOUGH: Final = 300  # images held out; of fewer in one fold, further folds are held out too
STEPS: Final = 100  # at least, of a training
MODEL: Final = {"width": 32, "cells": 4}

Logits = Float[np.ndarray, "images classes"]


class FlipTrial(NamedTuple):
    """What the small network has right of the images held out, as they are and mirrored (shares in [0, 1]).

    p: McNemar's, exact and two-sided.
    lost_at_most: of what the network has learnt, the share that mirroring costs at most, in accuracy and in
        log-likelihood, one-sided, 95 %; learnt is what it has right beyond the most frequent class, and how much
        likelier it holds the labels than the frequencies of the classes do. None: it has learnt too little for a bound.
    in_time: whether its training came to its end.
    """

    images: int
    accuracy: float
    mirrored_accuracy: float
    p: float
    lost_at_most: float | None
    in_time: bool = True

    @property
    def verdict(self) -> FlipVerdict:
        """Whether mirroring changes what images mean, as far as it could be seen."""
        if self.p < LEVEL and self.accuracy - self.mirrored_accuracy > LEAST:
            return "harmful"
        return "harmless" if self.lost_at_most is not None and self.lost_at_most <= MOST_LOST else "unclear"


NO_TRIAL: Final = FlipTrial(0, 0.0, 0.0, 1.0, None)


def try_flips(decoded: DecodedImages, seconds: float, device: str, epochs: int = 20) -> FlipTrial:
    """Train a small network without flips on three quarters of train, and predict the rest as it is and mirrored.

    Of a small train every quarter is held out in turn, each from a network of its own.

    Args:
        images: small ones, of about 32 px.
        seconds: after which training ends, where its epochs have not.

    Returns:
        What came of it; of 0 images where train cannot be parted, as where it is one group.
    """
    train = decoded.split("train")
    assert train.labels is not None
    if train.groups is not None and len(set(train.groups)) < 2:
        return NO_TRIAL  # `fold_of` would deal out its images one by one, and the network would have seen their like
    fold = fold_of(train.ids, train.labels, train.groups, folds=FOLDS)
    parts = np.unique(fold)
    if len(parts) < 2:
        return NO_TRIAL
    parts = parts[: -(-ENOUGH * FOLDS // len(fold))]
    begin = time.perf_counter()
    asked = [
        _ask(decoded, fold == part, begin + seconds * (place + 1) / len(parts), device, epochs)
        for place, part in enumerate(parts)
    ]
    rows = np.concatenate([np.flatnonzero(fold == part) for part in parts])
    plain, mirrored = (np.concatenate([one[side] for one in asked]) for side in (0, 1))
    groups = None if train.groups is None else [train.groups[row] for row in rows]
    found = read_trial(plain, mirrored, np.asarray(train.labels)[rows], groups)
    return found._replace(in_time=all(in_time for _, _, in_time in asked))


def _ask(decoded: DecodedImages, held: np.ndarray, end: float, device: str, epochs: int) -> tuple[Logits, Logits, bool]:
    """Return what a network that never saw the images held out says of them, mirrored too, and whether it had time."""
    import torch

    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.training import fit, resolve

    images, labels = np.asarray(decoded.images["train"]), np.asarray(decoded.split("train").labels)
    recipe = resolve("strong", {"flip": False, "ema": 0.95, "warmup_epochs": 2.0})
    steps = -(-np.count_nonzero(~held) // recipe.batch_size)
    recipe = resolve("strong", {**vars(recipe), "epochs": max(epochs, int(-(-STEPS // steps)))})
    network = build_network(
        "cnn", arch_options("cnn", MODEL, False), decoded.size_px, decoded.data.classes, images[~held]
    )
    fitted = fit(
        network,
        torch.from_numpy(images[~held]),
        torch.from_numpy(labels[~held]),
        None,
        None,
        recipe,
        0,
        partial(augment, strength=recipe.augment, flip=False),
        device=device,
        time_gone=lambda: float(time.perf_counter() >= end),
    )
    network.eval()
    said = []
    for shown in (images[held], images[held][..., ::-1].copy()):
        with torch.inference_mode():
            batches = [network(part.to(device).float() / 255) for part in torch.split(torch.from_numpy(shown), 256)]
        said.append(torch.cat(batches).double().cpu().numpy())
    return said[0], said[1], fitted.in_time


def read_trial(plain: Logits, mirrored: Logits, labels: Labels, groups: Sequence[str] | None = None) -> FlipTrial:
    """Return what the answers say: the exact test of the images on which they differ, and what may be lost at most.

    Args:
        plain, mirrored: of the images as they are, and mirrored.
    """
    right, still = (said.argmax(axis=1) == labels for said in (plain, mirrored))
    often = np.bincount(labels) / len(labels)
    both = np.concatenate([plain, mirrored]), np.tile(labels, 2)
    # of plain ones alone, were all right, one error would have an endless loss
    [scale] = fit_scale(*both, np.ones((1, len(both[1]))))
    likely, less = (log_prob(softmax(scale * said), labels) for said in (plain, mirrored))
    lost = right.astype(float) - still
    bounds = [
        largest_share(lost, right - often.max(), groups, pseudo=1.0),
        largest_share(likely - less, likely - np.log(often[labels]), groups),
    ]
    return FlipTrial(
        images=len(labels),
        accuracy=float(right.mean()),
        mirrored_accuracy=float(still.mean()),
        p=mcnemar(int((lost > 0).sum()), int((lost < 0).sum())),
        lost_at_most=None if np.isinf(max(bounds)) else max(bounds),
    )
