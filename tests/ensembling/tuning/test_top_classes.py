import numpy as np
import pytest
from scipy.special import softmax

from ensemble_kit.ensembling.combining.apply import predict
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.ensembling.tuning.top_classes import condensed
from ensemble_kit.types import Pool


def many_classes(images: int = 307, classes: int = 211, members: int = 3) -> Pool:
    random = np.random.default_rng(0)
    labels = random.integers(classes, size=images)
    shared = random.normal(size=(images, classes))
    logits = [
        (6 * np.eye(classes)[labels] + shared + random.normal(size=(2, images, classes))).astype(np.float16)
        for _ in range(members)
    ]
    return Pool(
        members=tuple(f"member-{place}" for place in range(members)),
        views=(("identity", "hflip"),) * members,
        logits=tuple(logits),
        ids=tuple(f"{place:04d}" for place in range(images)),
        classes=tuple(f"class-{place:03d}" for place in range(classes)),
        labels=labels,
    )


def test_a_small_pool_stays_as_it_is() -> None:
    pool = many_classes()
    assert condensed(pool) is pool
    assert condensed(pool, large=0, kept=211) is pool


def test_each_image_keeps_its_likeliest_classes_and_its_label() -> None:
    pool = many_classes()
    small = condensed(pool, large=0, kept=13)
    assert [logits.shape for logits in small.logits] == [(2, 307, 13)] * 3
    np.testing.assert_array_equal(small.labels, pool.labels % 13)
    mean = sum(softmax(logits[0].astype(np.float64), axis=1) for logits in pool.logits)
    for image in (0, 101, 306):
        rest = np.delete(np.arange(211), pool.labels[image])
        wanted = {int(pool.labels[image]), *rest[np.argsort(-mean[image, rest])[:12]].tolist()}
        for logits, whole in zip(small.logits, pool.logits, strict=True):
            np.testing.assert_array_equal(np.sort(logits[1, image]), np.sort(whole[1, image, sorted(wanted)]))
            assert logits[1, image, small.labels[image]] == whole[1, image, pool.labels[image]]


@pytest.mark.parametrize("way", ["auto", "greedy", "accuracy"])
def test_what_is_tuned_on_few_classes_is_nearly_what_is_tuned_on_all(way: str) -> None:
    pool = many_classes()
    small = condensed(pool, large=0, kept=31)
    whole, fewer = (tune(each, "logit-sum", way, ["auto"] * 3) for each in (pool, small))
    np.testing.assert_allclose(fewer.temperatures, whole.temperatures, rtol=0.15)
    right = [(predict(pool, tuned) == pool.labels).mean() for tuned in (whole, fewer)]
    assert right[1] == pytest.approx(right[0], abs=0.01)
    told = (predict(small, fewer) == small.labels).mean()
    assert told == pytest.approx(right[1], abs=0.004)
