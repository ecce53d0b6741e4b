"""May images be mirrored? A small network that never saw a mirrored one is asked, on training images it never saw.

Where a mirrored image means something else (arrows, letters), such a network errs on it far more
often. Val is not used.
"""

import time
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from ensemble_kit.ensembling.statistics import fold_of, mcnemar
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.models import arch_options, build_network

LEVEL: Final = 0.01  # of McNemar's exact test
LEAST: Final = 0.05  # a smaller loss of accuracy is what any network shows that never saw a mirrored image
FOLDS: Final = 4
MODEL: Final = {"width": 32, "cells": 4}


class FlipTrial(NamedTuple):
    """What the small network has right of the images held out, as they are and mirrored (shares in [0, 1])."""

    images: int
    accuracy: float
    mirrored_accuracy: float
    p: float

    @property
    def harmful(self) -> bool:
        """Whether mirroring changes what images mean."""
        return self.p < LEVEL and self.accuracy - self.mirrored_accuracy > LEAST


def try_flips(decoded: DecodedImages, seconds: float, device: str, epochs: int = 20) -> FlipTrial:
    """Train a small network without flips on three quarters of train, and predict the rest as it is and mirrored.

    Args:
        images: small ones, of about 32 px.
        seconds: after which its training ends, where its epochs have not.

    Returns:
        What came of it; of 0 images where train cannot be parted, as where it is one group.
    """
    import torch

    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.training import fit, resolve

    train = decoded.split("train")
    assert train.labels is not None
    held = fold_of(train.ids, train.labels, train.groups, folds=FOLDS) == 0
    if held.all() or not held.any():
        return FlipTrial(0, 0.0, 0.0, 1.0)
    images, labels = np.asarray(decoded.images["train"]), np.asarray(train.labels)
    recipe = resolve("strong", {"epochs": epochs, "flip": False, "ema": 0.95, "warmup_epochs": 2.0})
    network = build_network(
        "cnn", arch_options("cnn", MODEL, False), decoded.size_px, decoded.data.classes, images[~held]
    )
    end = time.perf_counter() + seconds
    fit(
        network,
        torch.from_numpy(images[~held]),
        torch.from_numpy(labels[~held]),
        None,
        None,
        recipe,
        0,
        partial(augment, strength=recipe.augment, flip=False),
        device=device,
        out_of_time=lambda: time.perf_counter() >= end,
    )
    network.eval()
    right = []
    for shown in (images[held], images[held][..., ::-1].copy()):
        with torch.inference_mode():
            batches = [network(part.to(device).float() / 255) for part in torch.split(torch.from_numpy(shown), 256)]
        right.append(torch.cat(batches).argmax(dim=1).cpu().numpy() == labels[held])
    return read_trial(right[0], right[1])


def read_trial(as_it_is: np.ndarray, mirrored: np.ndarray) -> FlipTrial:
    """Return what the answers say, by the exact test of the images on which they differ.

    Args:
        as_it_is, mirrored: whether each image was named rightly, bool (images,).
    """
    lost, won = int((as_it_is & ~mirrored).sum()), int((~as_it_is & mirrored).sum())
    return FlipTrial(
        images=len(as_it_is),
        accuracy=float(as_it_is.mean()),
        mirrored_accuracy=float(mirrored.mean()),
        p=mcnemar(lost, won),
    )
