from itertools import islice

import numpy as np

from ensemble_kit.ensembling.statistics.resampling import RESAMPLES, percentiles, resamples, swaps

IDS = [f"{place:03d}" for place in np.random.default_rng(0).permutation(29)]
GROUPS = [f"g{int(image_id) % 5}" for image_id in IDS]


def test_every_image_counts_once_on_average() -> None:
    counts = np.array(list(resamples(IDS)))
    assert counts.shape == (RESAMPLES, 29)
    assert (counts.sum(axis=1) == 29).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.1)
    np.testing.assert_allclose(counts.var(axis=0), 28 / 29, atol=0.15)


def test_groups_are_drawn_and_swapped_whole() -> None:
    for drawn in (resamples(IDS, GROUPS), swaps(IDS, GROUPS)):
        for row in islice(drawn, 31):
            assert len(set(zip(GROUPS, row.tolist(), strict=True))) == 5


def test_a_fair_coin_swaps_half_of_the_images() -> None:
    tossed = np.array(list(swaps(IDS)))
    np.testing.assert_allclose(tossed.mean(axis=0), 0.5, atol=0.05)
    assert abs(np.corrcoef(tossed.T)[np.triu_indices(29, 1)]).max() < 0.1


def test_row_order_does_not_matter_and_other_ids_draw_otherwise() -> None:
    order = np.random.default_rng(1).permutation(29)
    ids, groups = [IDS[row] for row in order], [GROUPS[row] for row in order]
    for draw in (resamples, swaps):
        for given, moved in (((IDS,), (ids,)), ((IDS, GROUPS), (ids, groups))):
            plain = np.array(list(islice(draw(*given), 7)))
            np.testing.assert_array_equal(np.array(list(islice(draw(*moved), 7))), plain[:, order])
        others = [f"x{image_id}" for image_id in IDS]
        assert any((a != b).any() for a, b in islice(zip(draw(others), draw(IDS), strict=True), 7))


def test_percentiles_hold_the_middle_95() -> None:
    assert percentiles(np.arange(1001.0)) == (25.0, 975.0)
