import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as LinearDA
from sklearn.ensemble import VotingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from ensemble_kit.ensembling.combining.apply import predict, probabilities, scores
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.ensembling.tuning.tune import best_single, given
from ensemble_kit.ensembling.weights.evidence import Search, equal
from ensemble_kit.ensembling.weights.member_selection import Limits
from ensemble_kit.ensembling.weights.table import TEMPERATURES, VIEW_CHOICES, WEIGHTS
from ensemble_kit.errors import InvalidOptionError, MisalignedError, UnknownNameError
from ensemble_kit.types import Pool, Tuned

EVERY_BLEND = [
    (method, weights)
    for method, weights in itertools.product(METHODS, WEIGHTS)
    if weights != "stacking" or method == "logit-sum"  # a stack reads logits alone
]
WEIGHED = [blend for blend in EVERY_BLEND if blend[1] != "stacking"]  # a stack is no weighted sum
STRENGTHS = (0.5, 1.2, 1.9)


def chosen(pool: Pool, members: list[int]) -> Pool:
    """The same pool with its members picked by place."""
    return replace(
        pool,
        members=tuple(pool.members[m] for m in members),
        views=tuple(pool.views[m] for m in members),
        logits=tuple(pool.logits[m] for m in members),
    )


@pytest.mark.parametrize(
    "entry", [entry for table in (METHODS, WEIGHTS, VIEW_CHOICES, TEMPERATURES) for entry in table.values()]
)
def test_every_line_of_the_tables_loads_and_has_help(entry) -> None:
    assert entry.help
    assert entry.load() is not None


UNITS = (0.005, 1e4, 100.0)


@pytest.mark.parametrize(("method", "weights"), EVERY_BLEND)
def test_the_unit_of_a_members_logits_does_not_matter(draw_pool, method: str, weights: str) -> None:
    pool = draw_pool(STRENGTHS, views=2)
    in_units = replace(pool, logits=tuple(np.float64(unit) * one for unit, one in zip(UNITS, pool.logits, strict=True)))
    plain, other = (tune(each, method, weights, ["auto"] * 3) for each in (pool, in_units))
    np.testing.assert_allclose(other.temperatures, np.multiply(UNITS, plain.temperatures), rtol=1e-6)
    if weights not in ("greedy", "accuracy"):  # these search among steps, where a rounding may tip a tie
        np.testing.assert_allclose(other.weights, plain.weights, atol=1e-5)
        np.testing.assert_allclose(probabilities(in_units, other), probabilities(pool, plain), atol=1e-5)
    else:
        assert (predict(in_units, other) == pool.labels).mean() == (predict(pool, plain) == pool.labels).mean()


@pytest.mark.parametrize("weights", ["equal", "auto", "log-loss"])
@pytest.mark.parametrize("method", ["logit-sum", "geo-mean"])
def test_all_of_300_right_is_no_certainty(draw_pool, method: str, weights: str) -> None:
    pool = draw_pool([9.0, 9.0], images=300)
    found = tune(pool, method, weights, ["none"] * 2)
    assert (predict(pool, found) == pool.labels).all()
    wrong = 1 - probabilities(pool, found).max(axis=1)
    assert 1 / 900 < wrong.mean() < 1 / 100


def test_without_temperatures_a_mean_of_probabilities_is_scikit_learns_soft_vote() -> None:
    data, labels = make_classification(311, n_informative=5, n_classes=3, random_state=0)
    members = [("tree", DecisionTreeClassifier(min_samples_leaf=30)), ("bayes", GaussianNB()), ("line", LinearDA())]
    vote = VotingClassifier(members, voting="soft").fit(data[:200], labels[:200])
    seen = tuple(np.log(np.maximum(one.predict_proba(data[200:]), 1e-300))[None] for one in vote.estimators_)
    names, ids = tuple(name for name, _ in members), tuple(f"{place:03d}" for place in range(111))
    pool = Pool(names, (("identity",),) * 3, seen, ids, ("a", "b", "c"), labels[200:])
    plain = tune(pool, "prob-mean", "equal", ["none"] * 3, temperatures="none")
    np.testing.assert_allclose(probabilities(pool, plain), vote.predict_proba(data[200:]), atol=1e-12)
    fitted = tune(pool, "prob-mean", "equal", ["none"] * 3)
    assert np.abs(probabilities(pool, fitted) - vote.predict_proba(data[200:])).max() > 0.01


@pytest.mark.parametrize(("method", "weights"), EVERY_BLEND)
def test_without_temperatures_all_are_1(draw_pool, method: str, weights: str) -> None:
    pool = draw_pool(STRENGTHS)
    found = tune(pool, method, weights, ["none"] * 3, temperatures="none")
    assert found.temperatures.tolist() == [1.0] * 3
    assert found.blend_temperature == 1.0
    single = best_single(pool, method, ["none"] * 3, temperatures="none")
    assert (single.temperatures.tolist(), single.blend_temperature) == ([1.0] * 3, 1.0)
    with pytest.raises(UnknownNameError, match="No way to find temperatures is named 'non'; did you mean 'none'"):
        tune(pool, method, weights, ["none"] * 3, temperatures="non")


@pytest.mark.parametrize(("method", "weights"), WEIGHED)
def test_the_order_of_members_does_not_matter(draw_pool, method: str, weights: str) -> None:
    pool = draw_pool(STRENGTHS, views=2)
    plain = tune(pool, method, weights, ["auto"] * 3)
    moved = chosen(pool, [2, 0, 1])
    other = tune(moved, method, weights, ["auto"] * 3)
    np.testing.assert_allclose(other.temperatures, plain.temperatures[[2, 0, 1]], rtol=1e-9)
    if weights not in ("greedy", "accuracy"):  # these take members by place where they tie, and say so
        np.testing.assert_allclose(other.weights, plain.weights[[2, 0, 1]], atol=1e-6)
    turned = replace(
        plain,
        view_weights=tuple(plain.view_weights[m] for m in (2, 0, 1)),
        temperatures=plain.temperatures[[2, 0, 1]],
        weights=plain.weights[[2, 0, 1]],
    )
    np.testing.assert_allclose(scores(moved, turned), scores(pool, plain), atol=1e-12)
    np.testing.assert_array_equal(predict(moved, turned), predict(pool, plain))


@pytest.mark.parametrize("method", METHODS)
def test_the_scale_of_weights_does_not_matter(draw_pool, method: str) -> None:
    pool = draw_pool(STRENGTHS)
    small = tune(pool, method, {"member-0": 0.3, "member-2": 0.6}, ["none"] * 3)
    large = tune(pool, method, {"member-0": 100, "member-2": 200}, ["none"] * 3)
    np.testing.assert_allclose(small.weights, large.weights, rtol=1e-12)
    tripled = replace(small, weights=3 * small.weights)
    np.testing.assert_array_equal(predict(pool, tripled), predict(pool, small))


@pytest.mark.parametrize(("method", "weights"), WEIGHED)
def test_a_lone_member_predicts_as_itself(draw_pool, method: str, weights: str) -> None:
    pool = draw_pool([1.2])
    tuned = tune(pool, method, weights, ["none"])
    np.testing.assert_array_equal(predict(pool, tuned), pool.logits[0][0].argmax(axis=-1))
    assert tuned.weights.tolist() == [1.0]


@pytest.mark.parametrize(("method", "weights"), EVERY_BLEND)
def test_row_order_does_not_matter_to_the_last_bit(draw_pool, method: str, weights: str) -> None:
    pool = draw_pool(STRENGTHS, views=2, groups=31)
    order = np.random.default_rng(1).permutation(len(pool.ids))
    plain, moved = tune(pool, method, weights, ["auto"] * 3), tune(pool.rows(order), method, weights, ["auto"] * 3)
    np.testing.assert_array_equal(plain.weights, moved.weights)
    np.testing.assert_array_equal(plain.temperatures, moved.temperatures)
    assert plain.blend_temperature == moved.blend_temperature


@pytest.mark.parametrize(("method", "weights"), EVERY_BLEND)
def test_every_blend_is_a_row_of_sane_numbers(draw_pool, method: str, weights: str) -> None:
    pool = draw_pool(STRENGTHS, views=2)
    tuned = tune(pool, method, weights, ["auto", "equal", "none"])
    assert tuned.weights.sum() == pytest.approx(1)
    assert all(weights.sum() == pytest.approx(1) for weights in tuned.view_weights)
    assert tuned.view_weights[1].tolist() == [0.5, 0.5]
    assert tuned.view_weights[2].tolist() == [1.0, 0.0]
    shares = probabilities(pool, tuned)
    handed_out = 7 / 2 if method == "borda" else 1  # points 0, 1/6, ... 1 over 7 classes
    np.testing.assert_allclose(shares.sum(axis=1), handed_out, atol=1e-12)
    assert (shares >= 0).all()


def test_scores_and_probabilities_of_a_logit_sum_are_those_by_hand(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0], views=2)
    tuned = Tuned(
        "logit-sum",
        (np.array([0.75, 0.25]), np.array([1.0, 0.0])),
        np.array([2.0, 0.5]),
        np.array([0.4, 0.6]),
        blend_temperature=1.5,
    )
    first, second = (logits.astype(np.float64) for logits in pool.logits)
    by_hand = 0.4 * (0.75 * first[0] + 0.25 * first[1]) / 2 + 0.6 * second[0] / 0.5
    np.testing.assert_allclose(scores(pool, tuned), by_hand, rtol=1e-12)
    np.testing.assert_allclose(probabilities(pool, tuned), softmax(by_hand / 1.5, axis=-1), rtol=1e-12)
    np.testing.assert_array_equal(predict(pool, tuned), by_hand.argmax(axis=-1))


def test_labels_are_not_needed_to_predict(draw_pool) -> None:
    pool = draw_pool(STRENGTHS)
    tuned = tune(pool, "majority-vote", "auto", ["none"] * 3)
    np.testing.assert_array_equal(predict(replace(pool, labels=None), tuned), predict(pool, tuned))


def test_a_tied_vote_goes_to_the_calibrated_confidence() -> None:
    logits = (np.array([[[3.0, 0.0, 0.0]]]), np.array([[[0.0, 0.0, 4.0]]]))
    pool = Pool(("a", "b"), (("identity",),) * 2, logits, ("x",), ("p", "q", "r"))
    one, half = (np.ones(1),) * 2, np.array([0.5, 0.5])
    assert predict(pool, Tuned("majority-vote", one, np.array([1.0, 1.0]), half)).tolist() == [2]
    assert predict(pool, Tuned("majority-vote", one, np.array([1.0, 2.0]), half)).tolist() == [0]


def test_the_best_single_is_the_most_accurate_with_its_views(draw_pool) -> None:
    pool = draw_pool([0.3, 2.5, 1.0], views=2)
    tuned = best_single(pool, "prob-mean", ["equal"] * 3)
    right = [(logits.mean(axis=0).argmax(axis=-1) == pool.labels).sum() for logits in pool.logits]
    assert tuned.weights.tolist() == np.eye(3)[int(np.argmax(right))].tolist()
    assert int((predict(pool, tuned) == pool.labels).sum()) == max(right)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("metric", ["balanced-accuracy", "macro-f1", "log-loss"])
def test_the_best_single_is_the_best_by_the_metric_that_was_asked_for(draw_pool, metric: str) -> None:
    pool = draw_pool([1.9, 2.0, 2.1, 2.0], seed=3)
    pool = replace(pool, labels=np.where(pool.labels > 2, pool.labels, 2))  # one class is large
    tuned = best_single(pool, "logit-sum", ["none"] * 4, metric)
    scores = []
    for place, logits in enumerate(pool.logits):
        chances = softmax(logits[0].astype(np.float64) / tuned.temperatures[place], axis=-1)
        scores.append(
            {
                "balanced-accuracy": lambda found: metrics.balanced_accuracy_score(pool.labels, found.argmax(axis=1)),
                "macro-f1": lambda found: metrics.f1_score(pool.labels, found.argmax(axis=1), average="macro"),
                "log-loss": lambda found: -metrics.log_loss(pool.labels, found, labels=range(7)),
            }[metric](chances)
        )
    assert tuned.weights.tolist() == np.eye(4)[int(np.argmax(scores))].tolist()


def test_a_metric_must_fit_the_method(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0])
    for procedure in (
        lambda metric, **given: tune(pool, weights="equal", search=Search(metric=metric), **given),
        lambda **given: best_single(pool, **given),
    ):
        with pytest.raises(
            InvalidOptionError, match="log-loss needs probabilities, and majority-vote gives vote shares"
        ):
            procedure(method="majority-vote", view_choices=["none"] * 2, metric="log-loss")
        with pytest.raises(UnknownNameError, match="No metric is named 'accurac'; did you mean 'accuracy'"):
            procedure(method="logit-sum", view_choices=["none"] * 2, metric="accurac")


def test_of_equal_members_the_first_is_the_best_single(draw_pool) -> None:
    pool = chosen(draw_pool([1.0, 2.0]), [0, 1])
    twins = replace(pool, logits=(pool.logits[1], pool.logits[1]))
    assert best_single(twins, "logit-sum", ["none"] * 2).weights.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("method", "weights"), EVERY_BLEND)
@pytest.mark.parametrize("case", ["few images", "one class"])
def test_nothing_is_fitted_where_there_is_too_little(draw_pool, method: str, weights: str, case: str) -> None:
    pool = draw_pool(STRENGTHS, views=2)
    pool = pool.rows(np.arange(49)) if case == "few images" else replace(pool, labels=np.full(101, 3))
    tuned = tune(pool, method, weights, ["auto"] * 3)
    np.testing.assert_allclose(tuned.weights, 1 / 3)
    assert tuned.temperatures.tolist() == [1.0] * 3
    assert tuned.blend_temperature == 1.0
    assert tuned.ridge is None
    given_anyway = tune(pool, method, {"member-1": 2}, ["auto"] * 3)
    assert given_anyway.weights.tolist() == [0.0, 1.0, 0.0]


def test_no_images_at_all_still_give_equal_weights(draw_pool) -> None:
    none = draw_pool(STRENGTHS).rows(np.arange(0))
    np.testing.assert_allclose(tune(none, "logit-sum", "auto", ["auto"] * 3).weights, 1 / 3)
    assert best_single(none, "logit-sum", ["auto"] * 3).weights.tolist() == [1.0, 0.0, 0.0]


def test_names_in_weights_are_checked_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"No member is named 'cn'; did you mean 'cnn'\?"):
        given({"cn": 1.0}, ["cnn", "vit"])


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_numbers_in_weights_are_checked(bad: float) -> None:
    with pytest.raises(InvalidOptionError, match=r"The weight of 'vit' is .*; wanted a finite number >= 0"):
        given({"cnn": 1.0, "vit": bad}, ["cnn", "vit"])


@pytest.mark.parametrize("weights", [{}, {"cnn": 0.0}])
def test_weights_that_are_all_0_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InvalidOptionError, match="All weights are 0"):
        given(weights, ["cnn", "vit"])


def test_unknown_methods_and_ways_are_refused(draw_pool) -> None:
    pool = draw_pool([1.0])
    with pytest.raises(UnknownNameError, match="No method is named 'logit'; did you mean 'logit-sum'"):
        tune(pool, "logit", "auto", ["none"])
    with pytest.raises(UnknownNameError, match="No way to find weights is named 'gredy'; did you mean 'greedy'"):
        tune(pool, "logit-sum", "gredy", ["none"])


def test_a_blend_of_other_members_is_refused(draw_pool) -> None:
    tuned = tune(draw_pool([1.0, 2.0]), "logit-sum", "equal", ["none"] * 2)
    with pytest.raises(MisalignedError, match="tuned for 2 members, the pool has 3"):
        predict(draw_pool(STRENGTHS), tuned)


def test_a_blend_of_other_views_is_refused(draw_pool) -> None:
    tuned = tune(draw_pool([1.0, 2.0], views=2), "logit-sum", "equal", ["none"] * 2)
    with pytest.raises(MisalignedError, match="one weight for each of 3 members, got 2"):
        predict(draw_pool([1.0, 2.0], views=3), tuned)


def test_limited_blends_leave_members_out_and_keep_their_places(draw_pool) -> None:
    pool = draw_pool([0.1, 2.0, 0.1, 2.5, 2.2], images=199)
    search = Search(limits=Limits(max_members=2))
    for way in WEIGHTS:
        if way != "stacking":
            tuned = tune(pool, "logit-sum", way, ["none"] * 5, search)
            assert not tuned.weights[[0, 2]].any()
            assert np.count_nonzero(tuned.weights) <= 2
            assert tuned.weights.sum() == pytest.approx(1)


def test_a_limited_blend_is_that_of_the_chosen_alone(draw_pool) -> None:
    pool = draw_pool([0.1, 2.0, 2.5], images=199)
    alone = replace(pool, members=pool.members[1:], views=pool.views[1:], logits=pool.logits[1:])
    limited = tune(pool, "logit-sum", "auto", ["none"] * 3, Search(limits=Limits(max_members=2)))
    unlimited = tune(alone, "logit-sum", "auto", ["none"] * 2)
    np.testing.assert_array_equal(limited.weights, [0.0, *unlimited.weights])
    assert limited.blend_temperature == unlimited.blend_temperature


def test_few_images_choose_the_cheapest_members(draw_pool) -> None:
    pool = draw_pool([1.0, 2.0, 2.5], images=31)
    limits = Limits(max_ms=3.0, ms={"member-0": 2.0, "member-1": 5.0, "member-2": 1.0})
    assert tune(pool, "logit-sum", "auto", ["none"] * 3, Search(limits=limits)).weights.tolist() == [0.5, 0.0, 0.5]


def test_given_weights_have_nothing_to_limit(draw_pool) -> None:
    with pytest.raises(InvalidOptionError, match="Weights were given, so there is nothing to limit"):
        tune(draw_pool([1.0]), "logit-sum", {"member-0": 1}, ["none"], Search(limits=Limits(max_members=1)))


def test_a_way_is_handed_what_its_line_names_and_the_limits_no_more(draw_pool, monkeypatch) -> None:
    seen = []
    for name, goes_by in {"auto": (), "greedy": ("metric", "bags")}.items():
        line = WEIGHTS[name]._replace(
            reach=lambda: lambda evidence: seen.append(evidence.search) or equal(evidence), goes_by=goes_by
        )
        monkeypatch.setitem(WEIGHTS, name, line)
        limits = Limits(max_members=1)
        tune(draw_pool([1.0, 2.0]), "logit-sum", name, ["none"] * 2, Search("macro-f1", "sorted", 3, limits))
    assert seen == [Search(limits=limits), Search("macro-f1", bags=3, limits=limits)]
