"""May images be mirrored? Two small networks, one trained with mirror images, are asked about images they never saw.

The question is whether training with mirror images costs accuracy on images as they are. That an unmirrored network
errs on mirror images says little: of faces that look one way it has not seen the other, and mirroring costs nothing.
But where it takes mirror images of one class for another, and the other way round, mirroring makes the two the same
(arrows, `b` and `d`). That is asked for too, for the first question has a blind spot: where train holds near copies
(frames of a film), the network trained with mirror images knows an image again by what is around it. That no loss is
seen is no leave to mirror: a few images, or networks that have learnt little, could not show it. Val is not used.
"""

import copy
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ensemble_kit.ensembling.combining import softmax
from ensemble_kit.ensembling.statistics import fold_of, generator, largest_share, mcnemar, numbered, sign_flip
from ensemble_kit.ensembling.weights import fit_scale
from ensemble_kit.metrics import log_prob
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.models import arch_options, build_network
from ensemble_kit.results import FlipVerdict
from ensemble_kit.types import Labels

LEVEL: Final = 0.01  # of the exact tests
LEAST: Final = 0.15  # a smaller loss of accuracy is what a network shows that has more to learn in the same time
SWAPPED: Final = 0.1  # share of a class's mirror images that may be taken for one other class, and the other way round
FEWEST_KNOWN: Final = 10  # images of the median class recognised; of fewer it is not seen which classes are swapped
MOST_LOST: Final = 0.25  # of what the network has learnt, that mirroring may cost where it is called harmless
FOLDS: Final = 4
ENOUGH: Final = 300  # images held out; of fewer in one fold, further folds are held out too
MOST_ASKED: Final = 50  # images a class, of a fold; more would take time and show no more
STEPS: Final = 100  # at least, of a training
EPOCHS: Final = 40
WARM_UP: Final = 0.15  # of a training, while its learning rate rises
TRAINING_SHARE: Final = 0.9  # of the time; the rest is for the images held out
MODEL: Final = {"width": 16, "cells": 4}

Logits = Float[np.ndarray, "images classes"]
Rows = Int[np.ndarray, " _"]


class FlipTrial(NamedTuple):
    """What the two networks have right of the images held out, as they are (shares in [0, 1]).

    accuracy_without, accuracy_with: of the network trained without mirror images, and with them.
    p: of the loss of accuracy, exact and two-sided, McNemar's or by the signs of groups.
    swapped: two classes whose mirror images the network without takes for one another; None: none are seen.
    lost_at_most: of what the network without has learnt, the share that mirroring costs at most, in accuracy and in
        log-likelihood, one-sided, 95 %; learnt is what it has right beyond the most frequent class, and how much
        likelier it holds the labels than the frequencies of the classes do. None: it has learnt too little for a bound.
    in_time: whether the trainings had time for `STEPS` steps.
    """

    images: int
    accuracy_without: float
    accuracy_with: float
    p: float
    lost_at_most: float | None
    swapped: tuple[str, str] | None = None
    in_time: bool = True

    @property
    def verdict(self) -> FlipVerdict:
        """Whether mirroring changes what images mean, as far as it could be seen."""
        if self.swapped or (self.p < LEVEL and self.accuracy_without - self.accuracy_with > LEAST):
            return "harmful"
        return "harmless" if self.lost_at_most is not None and self.lost_at_most <= MOST_LOST else "unclear"


NO_TRIAL: Final = FlipTrial(0, 0.0, 0.0, 1.0, None)


def try_flips(decoded: DecodedImages, seconds: float, device: str, epochs: int = EPOCHS, seed: int = 0) -> FlipTrial:
    """Train a small network without mirror images and one with them on three quarters of train, and predict the rest.

    Of a small train every quarter is held out in turn, each from two networks of its own.

    Args:
        images: small ones, of about 32 px.
        seconds: in which training ends; where that is too short for the epochs, its learning rate falls by the clock.
        seed: of the first weights and of what is done to images.

    Returns:
        What came of it; of 0 images where train cannot be parted, as where it is one group.
    """
    begin, train = time.perf_counter(), decoded.split("train")
    assert train.labels is not None
    if train.groups is not None and len(set(train.groups)) < 2:
        return NO_TRIAL  # `fold_of` would deal out its images one by one, and the networks would have seen their like
    fold = fold_of(train.ids, train.labels, train.groups, folds=FOLDS)
    parts = np.unique(fold)
    if len(parts) < 2:
        return NO_TRIAL
    parts = parts[: -(-ENOUGH * FOLDS // len(fold))]
    random, most = generator(train.ids, "flips"), MOST_ASKED * len(decoded.data.classes)
    asked, said, in_time = [], [], True
    for place, part in enumerate(parts):
        end = begin + seconds * (place + TRAINING_SHARE) / len(parts)
        (without, mirrored), steps = train_both(decoded, np.flatnonzero(fold != part), end, device, epochs, seed)
        rows = random.permutation(np.flatnonzero(fold == part))[:most]
        images = np.asarray(decoded.images["train"])[rows]
        asked.append(rows)
        said.append(
            [
                logits_of(without, images, device),
                logits_of(mirrored, images, device),
                logits_of(without, images[..., ::-1].copy(), device),
            ]
        )
        in_time &= steps >= STEPS
    rows = np.concatenate(asked)
    groups = None if train.groups is None else [train.groups[row] for row in rows]
    logits_without, logits_with, turned = (np.concatenate(one) for one in zip(*said, strict=True))
    labels, classes = np.asarray(train.labels)[rows], decoded.data.classes
    return read_trial(logits_without, logits_with, turned, labels, classes, groups)._replace(in_time=in_time)


def train_both(
    decoded: DecodedImages, rows: Rows, end: float, device: str, epochs: int = EPOCHS, seed: int = 0
) -> tuple[tuple[Any, Any], int]:
    """Return a network trained on these rows of train without mirror images, one with them, and their steps.

    They begin with the same weights and see the same batches, step by step in turn, so that the clock ends both alike.

    Args:
        end: a reading of time.perf_counter, by which the learning rate has fallen to 0.
    """
    import torch

    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.training import cosine, resolve, stepper

    images, labels = np.asarray(decoded.images["train"])[rows], np.asarray(decoded.split("train").labels)[rows]
    recipe, classes = resolve("strong"), decoded.data.classes
    network = build_network("cnn", arch_options("cnn", MODEL, False), decoded.size_px, classes, images, seed=seed)
    both = network, copy.deepcopy(network)
    steppers = [
        stepper(
            one,
            torch.from_numpy(images),
            torch.from_numpy(labels),
            len(classes),
            recipe,
            seed,
            partial(augment, strength=recipe.augment, flip=flip),
            device,
        )
        for one, flip in zip(both, (False, True), strict=True)
    ]
    steps = max(STEPS, epochs * -(-len(rows) // recipe.batch_size))
    done, begin = 0, time.perf_counter()
    while (progress := max(done / steps, (time.perf_counter() - begin) / max(end - begin, 1e-9))) < 1:
        for step in steppers:
            step(done, recipe.lr * min(1.0, progress / WARM_UP) * cosine(progress))
        done += 1
    return both, done


def logits_of(network: Any, images: Any, device: str) -> Logits:
    """Return what a network says of images, as they are."""
    import torch

    network.eval()
    with torch.inference_mode():
        parts = [network(part.to(device).float() / 255) for part in torch.split(torch.from_numpy(images), 256)]
    logits: Logits = torch.cat(parts).double().cpu().numpy()
    return logits


def read_trial(
    without: Logits,
    mirrored: Logits,
    turned: Logits,
    labels: Labels,
    classes: Sequence[str],
    groups: Sequence[str] | None = None,
) -> FlipTrial:
    """Return what the answers say: the exact test of the images on which they differ, and what may be lost at most.

    Args:
        without, mirrored: of the network trained without mirror images, and of the one trained with them.
        turned: of the network without, of the mirror images.
    """
    right, still = (said.argmax(axis=1) == labels for said in (without, mirrored))
    often = np.bincount(labels) / len(labels)
    likely, less = (_log_likelihood(said, labels) for said in (without, mirrored))
    lost = right.astype(np.int64) - still
    bounds = [
        largest_share(lost.astype(float), right - often.max(), groups, pseudo=1.0),
        largest_share(likely - less, likely - np.log(often[labels]), groups),
    ]
    known = np.median(np.bincount(labels[right], minlength=len(classes)))
    return FlipTrial(
        images=len(labels),
        accuracy_without=float(right.mean()),
        accuracy_with=float(still.mean()),
        p=_exact_p(lost, groups),
        lost_at_most=None if np.isinf(max(bounds)) or known < FEWEST_KNOWN else max(bounds),
        swapped=_swapped(turned.argmax(axis=1), labels, right, classes, groups),
    )


def _log_likelihood(said: Logits, labels: Labels) -> Float[np.ndarray, " images"]:
    """Return that of the labels, by a network whose logits are scaled as suits it best: neither is to gain by that."""
    [scale] = fit_scale(said, labels, np.ones((1, len(labels))))
    return log_prob(softmax(scale * said), labels)


def _exact_p(lost: Int[np.ndarray, " images"], groups: Sequence[str] | None) -> float:
    """Return the exact two-sided p-value of images lost (1) and won (-1), by groups where there are some."""
    if groups is None:
        return mcnemar(int((lost > 0).sum()), int((lost < 0).sum()))
    return sign_flip(np.bincount(numbered(groups), weights=lost).astype(np.int64))


def _swapped(
    taken_for: Labels,
    labels: Labels,
    right: Bool[np.ndarray, " images"],
    classes: Sequence[str],
    groups: Sequence[str] | None,
) -> tuple[str, str] | None:
    """Return the two classes whose mirror images are most surely taken for one another, beyond a share of `SWAPPED`.

    Of images that are right as they are, by an exact binomial test each way, of the images or groups of a class; the
    level is shared by all pairs.
    """
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (labels[right], taken_for[right]), 1)
    found = {}
    for one, other in np.argwhere(np.triu((counts > 0) & (counts.T > 0), k=1)):
        found[one, other] = max(
            _chance(taken_for == to, right & (labels == of), groups) for of, to in ((one, other), (other, one))
        )
    if not found or min(found.values()) * len(classes) * (len(classes) - 1) / 2 >= LEVEL:
        return None
    one, other = min(found, key=lambda pair: found[pair])
    return classes[one], classes[other]


def _chance(taken: Bool[np.ndarray, " images"], of: Bool[np.ndarray, " images"], groups: Sequence[str] | None) -> float:
    """Return the chance that so many of these images, or groups, would be taken were `SWAPPED` the share that is."""
    from scipy.special import bdtrc

    units = taken[of].astype(float)
    if groups is not None:
        group = numbered([groups[row] for row in np.flatnonzero(of).tolist()])
        units = np.bincount(group, weights=units) / np.bincount(group)
    return float(bdtrc((units > 0.5).sum() - 1, len(units), SWAPPED))
