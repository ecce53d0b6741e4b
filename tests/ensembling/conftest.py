"""Synthetic pools: noisy logits around a label, with shared noise and odd temperatures."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ensemble_kit.types import Pool

DrawPool = Callable[..., Pool]


@pytest.fixture
def draw_pool() -> DrawPool:
    """A function that draws a pool; `strengths` has one number a member."""

    def draw(
        strengths: Sequence[float],
        views: int = 1,
        images: int = 101,
        classes: int = 7,
        seed: int = 0,
        groups: int = 0,
        shared: float = 0.5,
    ) -> Pool:
        random = np.random.default_rng(seed)
        labels = np.arange(images) % classes
        common = shared * random.normal(size=(images, classes))
        logits = []
        for strength in strengths:
            core = strength * np.eye(classes)[labels] + common + random.normal(size=(images, classes))
            seen = core + 0.5 * random.normal(size=(views, images, classes))
            logits.append((random.uniform(0.5, 3) * seen).astype(np.float32))
        order = random.permutation(images)
        return Pool(
            members=tuple(f"member-{place}" for place in range(len(logits))),
            views=(tuple(f"view-{place}" for place in range(views)),) * len(logits),
            logits=tuple(logits),
            ids=tuple(f"{place:05d}.jpg" for place in order),
            classes=tuple(f"class-{place}" for place in range(classes)),
            labels=labels,
            groups=tuple(f"sign-{place % groups}" for place in range(images)) if groups else None,
        )

    return draw
