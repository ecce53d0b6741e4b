"""Of the columns of a CSV of scores only those of classes are classes; oracles by hand."""

import numpy as np
import pytest
from scipy.special import softmax

from ensemble_kit.errors import BadDataError, MisalignedError
from ensemble_kit.storage.members.external_scores import read_scores
from ensemble_kit.storage.members.score_tables import Reading

CLASSES = ("ant", "bee", "cat")
LOGITS = np.random.default_rng(0).normal(size=(7, 3)) * 3
SHARES = softmax(LOGITS, axis=1)
LABELS = ("ant", "bee", "cat", "ant", "bee", "cat", "ant")
PLACES = tuple(map(str, (0, 1, 2, 0, 1, 2, 0)))
EXTRA = {
    "Unnamed: 0": range(7),
    "index": range(7),
    "": range(7),
    "fold": [0, 1, 2, 3, 4, 0, 1],
    "split": ["val"] * 7,
    "pred": [2, 1, 0, 2, 1, 0, 2],
    "pred_label": ["cat"] * 7,
    "y_true": PLACES,
    "prob_max": [0.5] * 7,
    "Confidence": [0.25] * 7,
    "loss": [1.5] * 7,
    "target": LABELS,
    "note": ["seen"] * 7,
}


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.fixture
def written(tmp_path):
    def write(scores=LOGITS, labels=LABELS, names=CLASSES, first=True, **extra):
        label = {} if labels is None else {"label": labels}
        mine = {"image_id": [f"{row:04d}" for row in range(7)]} | dict(zip(names, scores.T, strict=True)) | label
        columns = extra | mine if first else mine | extra
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        (tmp_path / "val.csv").write_text("\n".join(lines) + "\n")
        return tmp_path / "val.csv"

    return write


@pytest.mark.parametrize("reading", [Reading(), Reading(known=CLASSES), Reading(likely=CLASSES)])
@pytest.mark.parametrize("name", [name for name in EXTRA if name])
def test_a_column_that_is_no_class_is_left_out_and_named(name, reading, written):
    for kind, scores in (("logits", LOGITS), ("probabilities", SHARES)):
        for prefix in ("", "prob_"):
            path = written(scores, names=[prefix + one for one in CLASSES], first=bool(prefix), **{name: EXTRA[name]})
            got = read_scores(path, "val", kind, "vit", reading=reading)
            assert (got.predictions.classes, got.left_out) == (CLASSES, (name,))
            np.testing.assert_allclose(softmax(got.predictions.logits[0], axis=1), SHARES, atol=1e-5)
            assert got.predictions.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("first", [True, False])
def test_the_index_and_an_empty_last_column_need_no_name(first, written):
    """As pandas writes a table with its index, and a spreadsheet one that ends in a comma."""
    path = written(first=first, **{"": range(7) if first else [""] * 7})
    got = read_scores(path, "val", "logits", "vit")
    assert (got.predictions.classes, got.left_out) == (CLASSES, ("Unnamed: 0" if first else "Unnamed: 5",))
    assert got.predictions.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    with pytest.raises(BadDataError, match="column 6 is empty; wanted a name"):
        read_scores(written(first=False, **{"": range(7)}), "val", "logits", "vit")


def test_ids_in_an_index_without_a_name_are_found_as_the_message_says(written):
    path = written()
    path.write_text(path.read_text().replace("image_id,", ",", 1))
    with pytest.raises(BadDataError, match="--column id=NAME, or --column 'id=Unnamed: 0' for the index"):
        read_scores(path, "val", "logits", "vit")
    got = read_scores(path, "val", "logits", "vit", reading=Reading({"id": "Unnamed: 0"}))
    assert got.predictions.ids[0] == "0000"


def test_a_table_without_scores_and_classes_behind_a_suffix_are_told_with_what_is_there(written, tmp_path):
    (tmp_path / "one.csv").write_text("image_id,label,prob\nx,dog,0.75\ny,cat,0.25\n")
    with pytest.raises(BadDataError, match="none of its columns is one of scores; they are image_id, label, prob. "):
        read_scores(tmp_path / "one.csv", "val", "probabilities", "vit")
    with pytest.raises(BadDataError, match="label 'ant', which is none of its 3 classes, first 'ant_prob'"):
        read_scores(written(names=[f"{one}_prob" for one in CLASSES]), "val", "logits", "vit")


@pytest.mark.parametrize("name", ["Unnamed: 0", "fold", "split", "pred", "index", "prob_max", "note"])
@pytest.mark.parametrize("labels", [None, PLACES])
def test_so_it_is_where_nothing_names_a_class(name, labels, written):
    got = read_scores(written(labels=labels, **{name: EXTRA[name]}), "test", "logits", "vit")
    assert (got.predictions.classes, got.left_out) == (CLASSES, (name,))


def test_whether_a_column_is_a_class_is_asked_where_nothing_tells(written):
    for labels, extra in ((LABELS, [0.5] * 7), (LABELS, range(7)), (PLACES, range(7)), (None, [640] * 7)):
        with pytest.raises(BadDataError, match="whether the column 'dog' is a class cannot be told.*--classes FILE"):
            read_scores(written(labels=labels, dog=extra), "test", "logits", "vit")
    got = read_scores(written(dog=range(7)), "val", "logits", "vit", reading=Reading(known=CLASSES, listed=CLASSES))
    assert (got.predictions.classes, got.left_out) == (CLASSES, ("dog",))
    with pytest.raises(MisalignedError, match="no class, 1 in all, first 'dog'.*say which are: --classes FILE"):
        read_scores(written(dog=range(7)), "val", "logits", "vit", reading=Reading(known=CLASSES))


def test_a_class_without_an_image_is_one_where_it_makes_the_probabilities_whole_or_bears_the_prefix(written):
    labels = ("ant", "bee") * 3 + ("ant",)
    got = read_scores(written(SHARES, labels), "val", "probabilities", "vit")
    assert (got.predictions.classes, got.left_out) == (CLASSES, ())
    got = read_scores(written(LOGITS, labels, ["p_ant", "p_bee", "p_cat"], pred=[1] * 7), "val", "logits", "vit")
    assert (got.predictions.classes, got.left_out) == (CLASSES, ("pred",))
    with pytest.raises(BadDataError, match="whether the column 'cat' is a class cannot be told"):
        read_scores(written(LOGITS, labels), "val", "logits", "vit")


def test_classes_may_be_called_as_other_columns_are_where_that_is_known(written):
    names = ("fold", "pred", "Unnamed: 0")
    labels = [names[int(place)] for place in PLACES]
    for reading in (Reading(), Reading(known=names)):
        got = read_scores(written(labels=labels, names=names), "val", "logits", "vit", reading=reading)
        assert (set(got.predictions.classes), got.left_out) == (set(names), ())
    got = read_scores(written(SHARES, None, names), "test", "probabilities", "vit")
    assert got.predictions.classes == names


@pytest.mark.parametrize(("known", "names"), [(("00002", "00010", "00000"), "0 2 10"), (("0", "2", "10"), "00 02 10")])
def test_classes_that_are_numbers_are_found_in_another_number_form(known, names, written):
    """As folders 00000 to 00042 are classes here, and 0 to 42 elsewhere."""
    reading = Reading(known=known, labels_are="names")
    path = written(names=names.split(), labels=["2"] * 7)
    got = read_scores(path, "val", "logits", "vit", reading=reading).predictions
    assert sorted(got.classes) == sorted(known)
    assert [int(name) for name in got.classes] == [0, 2, 10]
    assert got.labels.tolist() == [1] * 7
    with pytest.raises(MisalignedError, match="classes without a column"):
        read_scores(written(names=["2", "02", "10"]), "val", "logits", "vit", reading=reading)


def test_classes_with_columns_twice_are_refused(written):
    more = {f"logit_{name}": column for name, column in zip(CLASSES, LOGITS.T, strict=True)}
    with pytest.raises(BadDataError, match="the classes have columns twice, as 'logit_ant' and 'ant'"):
        read_scores(written(**more), "val", "logits", "vit", reading=Reading(known=CLASSES))


def test_a_class_that_the_scores_lack_is_told_with_what_to_do(written):
    known = (*CLASSES, "dog")
    with pytest.raises(
        MisalignedError, match="without a column, 1 in all, first 'dog'.*not trained on a class.*add that"
    ):
        read_scores(written(), "val", "logits", "vit", reading=Reading(known=known))


@pytest.mark.parametrize("prefix", ["", "p_"])
@pytest.mark.parametrize(("ours", "theirs"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_column_in_another_unicode_form_is_the_class(written, prefix, ours, theirs):
    known = (ours, "bee", "cat")
    labels = [theirs if label == "ant" else label for label in LABELS]
    path = written(names=[f"{prefix}{name}" for name in ("cat", theirs, "bee")], labels=labels)
    found = read_scores(path, "val", "logits", "vit", reading=Reading(known=known)).predictions
    order = [found.classes.index(name) for name in ("cat", ours, "bee")]
    np.testing.assert_array_equal(found.logits[0][:, order], np.float32(LOGITS))
    assert [found.classes[label] for label in found.labels] == [ours if label == "ant" else label for label in LABELS]


def test_two_columns_that_look_alike_are_refused_and_a_class_that_differs_is_shown_as_it_differs(written):
    with pytest.raises(BadDataError, match="column 'café'"):
        read_scores(written(names=(COMPOSED, DECOMPOSED, "cat"), labels=None), "test", "logits", "vit")
    known = ("ant", "bee", "c\u0430t")
    with pytest.raises(MisalignedError, match=r"first 'c\\u0430t'; columns that are no class, 1 in all, first 'cat'"):
        read_scores(written(), "val", "logits", "vit", reading=Reading(known=known, listed=known))
