"""Drawn members as pools, and a blend of them as `ek blend` makes and scores it: for benchmarks of what it says."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ensemble_kit.ensembling.evaluation import Scored, cross_fit, evaluate
from ensemble_kit.ensembling.tuning import best_single, tune
from ensemble_kit.types import Pool


def val_and_test(
    logits: Sequence[np.ndarray], labels: np.ndarray, images: int, seed: int, groups: np.ndarray | None = None
) -> tuple[Pool, Pool]:
    """Return the first so many images as val and the rest as test, of which nobody knows the groups.

    Args:
        logits: of each member, (images, classes).
        groups: a number for the group of each image.
    """
    names = tuple(f"member-{member}" for member in range(len(logits)))

    def part(rows: slice, tag: str, known: np.ndarray | None) -> Pool:
        return Pool(
            names,
            (("identity",),) * len(names),
            tuple(each[None, rows].astype(np.float32, copy=False) for each in logits),
            tuple(f"{tag}-{seed}-{row}" for row in range(len(labels))[rows]),
            tuple(f"class-{place}" for place in range(logits[0].shape[1])),
            labels[rows],
            None if known is None else tuple(f"group-{each}" for each in known[rows]),
        )

    return part(slice(images), "val", groups), part(slice(images, None), "test", None)


class Blended(NamedTuple):
    """A blend (`this`), equal weights (`equal`) and the best single member (`single`).

    seen: accuracy of the blend on the images it was tuned on; honest: cross-fitted; true: on test.
    """

    seen: float
    honest: dict[str, Scored]
    true: dict[str, Scored]


def blended(val: Pool, test: Pool, weights: str) -> Blended:
    """Tune on val and cross-fit as the command does, and see on test what is true."""
    choices = ["none"] * len(val.members)
    procedures = {
        "this": partial(tune, method="logit-sum", weights=weights, view_choices=choices),
        "equal": partial(tune, method="logit-sum", weights="equal", view_choices=choices),
        "single": partial(best_single, method="logit-sum", view_choices=choices),
    }
    tuned = {key: procedure(val) for key, procedure in procedures.items()}
    true = {key: evaluate(test, numbers) for key, numbers in tuned.items()}
    return Blended(evaluate(val, tuned["this"]).accuracy, cross_fit(val, procedures), true)
