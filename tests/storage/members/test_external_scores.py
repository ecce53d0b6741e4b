import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.storage.members.external_scores import read_scores
from ensemble_kit.storage.members.score_kinds import check_kind, doubt
from ensemble_kit.storage.members.score_tables import Reading
from ensemble_kit.texts import Reader

CLASSES = ("ant", "bee", "NA")
IDS = ("0001", "1e5", "NA", " x", "two\nlines")
LABELS = ("bee", "NA", "ant", "ant", "bee")
LOGITS = np.random.default_rng(0).normal(size=(5, 3)) * 3


@pytest.fixture
def csv_file(tmp_path):
    def write(scores=LOGITS, ids=IDS, classes=CLASSES, labels=LABELS, name="val.csv"):
        path = tmp_path / name
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["image_id", *classes, *(["label"] if labels is not None else [])])
            for row, image_id in enumerate(ids):
                end = [labels[row]] if labels is not None else []
                writer.writerow([image_id, *(f"{number:.17g}" for number in scores[row]), *end])
        return path

    return write


@pytest.fixture
def npz_file(tmp_path):
    def write(**changes):
        arrays = {
            "image_ids": np.array(IDS),
            "classes": np.array(CLASSES),
            "scores": LOGITS,
            "labels": np.array(LABELS),
            **changes,
        }
        path = tmp_path / "val.npz"
        np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
        return path

    return write


def test_logits_come_in_from_both_formats_by_name(csv_file, npz_file):
    for path in (csv_file(), npz_file(), npz_file(labels=np.array([1, 2, 0, 0, 1]))):
        got, clipped, *_ = read_scores(path, "val", "logits", "vit")
        assert (got.member, got.split, got.views, clipped) == ("vit", "val", ("identity",), 0)
        assert (got.ids, got.classes) == (IDS, CLASSES)
        assert got.labels.tolist() == [1, 2, 0, 0, 1]
        assert np.array_equal(got.logits, LOGITS.astype(np.float32)[None])


def test_probabilities_become_centred_logits_that_softmax_brings_back(csv_file):
    probabilities = softmax(LOGITS, axis=1)
    got, clipped, *_ = read_scores(csv_file(probabilities), "val", "probabilities", "vit")
    assert clipped == 0
    np.testing.assert_allclose(softmax(got.logits[0], axis=1), probabilities, atol=1e-6)
    np.testing.assert_allclose(got.logits[0].mean(axis=1), 0, atol=1e-5)


def test_probabilities_are_clipped_at_1e_7_and_counted(npz_file):
    probabilities = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5], [1 - 2e-7, 1e-7, 1e-7], [0, 1, 0]])
    got, clipped, *_ = read_scores(npz_file(scores=probabilities), "val", "probabilities", "vit")
    assert clipped == 5
    np.testing.assert_allclose(got.logits[0, 0, 0] - got.logits[0, 0, 1], np.log(1e7), rtol=1e-6)
    assert np.isfinite(got.logits).all()


def test_rounded_probabilities_pass_within_a_thousandth(csv_file):
    rounded = np.round(softmax(LOGITS, axis=1), 4)
    assert read_scores(csv_file(rounded), "val", "probabilities", "vit").predictions.logits.shape == (1, 5, 3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, 0.5, 0.1], r"row 2, '1e5': wanted probabilities .* with sum 1.1.*--kind logits"),
        ([0.5, 0.498, 0.0], r"row 2, '1e5': wanted probabilities"),
        ([1.5, -0.5, 0.0], r"row 2, '1e5': wanted probabilities .* got -0.5 to 1.5"),
    ],
)
def test_numbers_that_are_no_probabilities_are_refused(row, message, csv_file):
    scores = softmax(LOGITS, axis=1)
    scores[1] = row
    with pytest.raises(BadDataError, match=message):
        read_scores(csv_file(scores), "val", "probabilities", "vit")


def test_probabilities_called_logits_are_refused(npz_file):
    with pytest.raises(BadDataError, match="every row lies in .* sums to 1. Give --kind probabilities"):
        read_scores(npz_file(scores=softmax(LOGITS, axis=1)), "val", "logits", "vit")


def test_one_row_that_is_no_probability_makes_them_logits(npz_file):
    scores = softmax(LOGITS, axis=1)
    scores[4] = [2, -1, 3]
    assert read_scores(npz_file(scores=scores), "val", "logits", "vit").clipped == 0


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e39])
def test_numbers_that_are_not_finite_are_refused(kind, number, csv_file, npz_file):
    scores = LOGITS.copy()
    scores[2, 1] = number
    for path in (csv_file(scores), npz_file(scores=scores)):
        with pytest.raises(BadDataError, match="row 3, 'NA', class 'bee': wanted a finite number"):
            read_scores(path, "val", kind, "vit")


def test_labels_must_be_there_on_val_and_may_be_on_test(csv_file, npz_file):
    with pytest.raises(BadDataError, match="val.csv has no labels; wanted them for val, as `label`"):
        read_scores(csv_file(labels=None), "val", "logits", "vit")
    with pytest.raises(BadDataError, match="val.npz has no labels; wanted them for val, as `labels`"):
        read_scores(npz_file(labels=None), "val", "logits", "vit")
    assert read_scores(csv_file(labels=None), "test", "logits", "vit").predictions.labels is None
    assert read_scores(csv_file(), "test", "logits", "vit").predictions.labels is not None
    with pytest.raises(BadDataError, match="has no labels; wanted them for test"):
        read_scores(csv_file(labels=None), "test", "logits", "vit", labelled=True)


def test_labels_in_a_csv_are_numbers_only_where_none_of_them_is_a_class(csv_file):
    numbered = csv_file(labels=("1", "2", "0", "0", "1"))
    assert read_scores(numbered, "val", "logits", "vit").predictions.labels.tolist() == [1, 2, 0, 0, 1]
    named = csv_file(classes=("2", "1", "7"), labels=("1", "2", "7", "7", "1"))
    assert read_scores(named, "val", "logits", "vit").predictions.labels.tolist() == [1, 0, 2, 2, 1]


@pytest.mark.parametrize("labels", [("1", "2", "0", "0", "1"), ("1.0", "2.0", "0.0", "0.0", "1.0"), (1, 2, 0, 0, 1)])
def test_labels_that_may_be_names_or_places_are_asked_for_and_taken_as_was_said(labels, csv_file, npz_file):
    """By hand: beside the classes 2, 1, 0 the label 1 is the middle one either way, and 2 the first or the last."""
    classes = ("2", "1", "0")
    for path in (
        csv_file(classes=classes, labels=labels),
        npz_file(classes=np.array(classes), labels=np.array(labels)),
    ):
        with pytest.raises(
            BadDataError, match=r"'2(\.0)?' is the class '2' by name, and '0' by place. As names the .* "
        ):
            read_scores(path, "val", "logits", "vit")
        for said, wanted in (("names", [1, 0, 2, 2, 1]), ("places", [1, 2, 0, 0, 1])):
            got = read_scores(path, "val", "logits", "vit", reading=Reading(labels_are=said)).predictions
            assert got.labels.tolist() == wanted
    mixed = csv_file(classes=("1", "2", "3"), labels=("0", "1", "2", "2", "1"))
    with pytest.raises(BadDataError, match="'0' is no class by name, and '1' by place.*--labels-are"):
        read_scores(mixed, "val", "logits", "vit")
    places = read_scores(mixed, "val", "logits", "vit", reading=Reading(labels_are="places")).predictions
    assert places.labels.tolist() == [0, 1, 2, 2, 1]
    with pytest.raises(BadDataError, match="row 1, '0001', has the label '0', which is none of its 3 classes"):
        read_scores(mixed, "val", "logits", "vit", reading=Reading(labels_are="names"))


@pytest.mark.parametrize("label", ["bird", "3", "-1", "1.0"])
def test_labels_that_are_no_class_are_refused(label, csv_file):
    labels = ("1", "2", "0", "0", label) if label == "3" else (*LABELS[:4], label)
    with pytest.raises(BadDataError, match=f"(?s)row 5, .*, has the label '?{label}'?, which is none"):
        read_scores(csv_file(labels=labels), "val", "logits", "vit")


@pytest.mark.parametrize("label", ["", "nan"])
def test_a_label_that_is_missing_is_named_on_val_and_an_empty_column_of_test_is_none(label, csv_file):
    with pytest.raises(BadDataError, match="row 4, ' x', has no label, nor have 1 more; wanted one for every image"):
        read_scores(csv_file(labels=(*LABELS[:3], label, label)), "val", "logits", "vit")
    for empty in (label, "-1", "?"):
        assert read_scores(csv_file(labels=(empty,) * 5), "test", "logits", "vit").predictions.labels is None
    with pytest.raises(BadDataError, match="of a test set leave the column out"):
        read_scores(csv_file(labels=(*LABELS[:4], label)), "test", "logits", "vit")


@pytest.mark.parametrize("index", [3, -1])
def test_indices_outside_the_classes_are_refused(index, npz_file):
    with pytest.raises(BadDataError, match=f"row 4, ' x', has the label {index}, which is none of its 3"):
        read_scores(npz_file(labels=np.array([0, 1, 2, index, 0])), "val", "logits", "vit")


def test_groups_come_in_from_an_archive_as_text(npz_file):
    groups = ("0001", "NA", "NA", " x", "1e5")
    assert read_scores(npz_file(groups=np.array(groups)), "val", "logits", "vit").predictions.groups == groups
    assert read_scores(npz_file(), "val", "logits", "vit").predictions.groups is None


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.arange(5), "wanted `groups` as 5 names, got int64"),
        (np.array(["a", "b"]), r"wanted `groups` as 5 names, got <U1 \(2,\)"),
        (np.array(["a", "b", "", "a", "b"]), "the group of 'NA' is empty; wanted a name for every image"),
    ],
)
def test_groups_that_are_no_names_are_refused(groups, message, npz_file):
    with pytest.raises(BadDataError, match=message):
        read_scores(npz_file(groups=groups), "val", "logits", "vit")


def test_doubled_ids_and_classes_are_refused(csv_file, npz_file):
    ids = ("0001", "1e5", "NA", "1e5", "y")
    for path in (csv_file(ids=ids), npz_file(image_ids=np.array(ids))):
        with pytest.raises(BadDataError, match="image id '1e5' stands in places 2 and 4"):
            read_scores(path, "val", "logits", "vit")
    with pytest.raises(BadDataError, match="column 'ant' stands in places 2 and 4"):
        read_scores(csv_file(classes=("ant", "bee", "ant")), "val", "logits", "vit")
    with pytest.raises(BadDataError, match="class 'ant' stands in places 1 and 3"):
        read_scores(npz_file(classes=np.array(["ant", "bee", "ant"])), "val", "logits", "vit")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": None}, "has no array `scores`; it has: image_ids, classes, labels"),
        ({"image_ids": np.arange(5)}, r"wanted `image_ids` as one row of text, got int64 \(5,\)"),
        ({"classes": np.array([CLASSES])}, r"wanted `classes` as one row of text, got <U3 \(1, 3\)"),
        ({"image_ids": np.array(IDS, dtype=object)}, "is no .npz of plain arrays: Object arrays"),
        ({"scores": LOGITS.T}, r"wanted `scores` as numbers \(images, classes\) = \(5, 3\), got float64 \(3, 5\)"),
        ({"scores": LOGITS.astype(complex)}, "got complex128"),
        ({"labels": np.zeros(5, complex)}, "wanted `labels` as 5 class names or whole numbers, got complex128"),
        ({"labels": np.array([0, 1, 0.5, 1, 2])}, "row 3, 'NA', has the label 0.5, which is none of its 3 classes"),
        ({"labels": np.array([0, 1, np.nan, 1, np.nan])}, "row 3, 'NA', has no label, nor have 1 more; wanted one"),
        ({"labels": np.array(LABELS[:3])}, r"wanted `labels` as 5 .*, got <U3 \(3,\)"),
        ({"image_ids": np.array([], str), "scores": np.zeros((0, 3)), "labels": None}, "has no image id"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(changes, message, npz_file):
    with pytest.raises(BadDataError, match=message):
        read_scores(npz_file(**changes), "val", "logits", "vit")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,ant,bee,label\nx,1,2,ant\n", "has no column 'image_id', .* its columns are 'key', 'ant', 'bee', 'label'"),
        ("key;ant;bee\nx;1;2\n", "has no column 'image_id'.*'key', 'ant', 'bee'"),
        ("image_id;ant;bee;label\nx;1,5;2.5;ant\ny;1;2;bee\n", "wanted a number for 'x', class 'ant', got '1,5'"),
        ("image_id;ant;bee;label\nx;1.000,5;2;ant\ny;1;2;bee\n", "wanted a number for 'x', class 'ant', got '1.000,5'"),
        ('image_id,ant,bee,label\nx,"1,5",2,ant\ny,1,2,bee\n', "wanted a number for 'x', class 'ant', got '1,5'"),
        ("image_id,ant,bee,label\nx,1,,ant\ny,1,2,bee\n", "wanted a number for 'x', class 'bee', got ''"),
        ("image_id,ant,bee,label\nx,1,1_0,ant\ny,1,2,bee\n", "wanted a number for 'x', class 'bee', got '1_0'"),
        ("image_id,ant,bee,label\nx,1,nan,ant\ny,1,2,bee\n", "row 1, 'x', class 'bee': wanted a finite number"),
        ("image_id,ant,bee,label\nx,1,2\n", "row 1 after the header has 3 fields"),
        ("image_id,ant,,label\nx,1,2,ant\n", "column 3 is empty"),
        ("image_id,label\nx,ant\n", "has no class"),
        ("image_id,ant,bee,label\n", "has no image id"),
        ("", "is empty"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(text, message, tmp_path):
    (tmp_path / "val.csv").write_text(text)
    with pytest.raises(BadDataError, match=message):
        read_scores(tmp_path / "val.csv", "val", "logits", "vit")


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", ";"), ("utf-16", "\t"), ("cp1252", ";")])
def test_decimal_commas_are_read_and_said(encoding, mark, tmp_path):
    rows = [["Id", "cät", "dog ", "label"], ["x,1", "-1,5", "2", " dog"], ["y", "0,25", "1e-3", "cät"]]
    (tmp_path / "val.csv").write_bytes("\n".join(mark.join(row) for row in rows).encode(encoding))
    reader = Reader("cp1252")
    found = read_scores(tmp_path / "val.csv", "val", "logits", "vit", reading=Reading(reader=reader)).predictions
    assert (found.ids, found.classes, list(found.labels)) == (("x,1", "y"), ("cät", "dog"), [1, 0])
    np.testing.assert_array_equal(found.logits[0], np.float32([[-1.5, 2], [0.25, 0.001]]))
    said = " ".join(reader.remarks)
    for what in ("separated by", "decimal commas", "the column are left out: 'dog '", "the label are left out: ' dog'"):
        assert what in said


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path):
    (tmp_path / "val.csv").write_bytes(b"\xef\xbb\xbfimage_id,a,b,label\r\nx,1,2,a\r\n\r\ny,1,2,b\r\n")
    assert read_scores(tmp_path / "val.csv", "val", "logits", "vit").predictions.ids == ("x", "y")


@pytest.mark.parametrize("damage", [b"", b"not a zip", b"PK\x03\x04 cut off", b"\x93NUMPY"])
def test_files_that_are_no_archive_are_refused(damage, tmp_path):
    (tmp_path / "val.npz").write_bytes(damage)
    with pytest.raises(BadDataError, match=r"val.npz is no \.npz"):
        read_scores(tmp_path / "val.npz", "val", "logits", "vit")


def test_a_lone_array_is_no_archive(tmp_path):
    np.save(tmp_path / "val.npy", LOGITS)
    os.rename(tmp_path / "val.npy", tmp_path / "val.npz")
    with pytest.raises(BadDataError, match=r"val.npz is no .npz archive"):
        read_scores(tmp_path / "val.npz", "val", "logits", "vit")


def test_wrong_options_and_missing_files_are_named(tmp_path, csv_file):
    with pytest.raises(InvalidOptionError, match="of kind logits or probabilities or sigmoid, got 'scores'"):
        read_scores(csv_file(), "val", "scores", "vit")
    with pytest.raises(InvalidOptionError, match=r"a score file of .npz or .csv, got .*val.pkl"):
        read_scores(tmp_path / "val.pkl", "val", "logits", "vit")
    with pytest.raises(BadDataError, match=r"Cannot read .*none.csv: No such file"):
        read_scores(tmp_path / "none.csv", "val", "logits", "vit")


P = softmax(np.random.default_rng(1).normal(size=(53, 3)) * 2, axis=1)
MANY = {"ids": [f"{row:04d}" for row in range(53)], "labels": [CLASSES[row % 3] for row in range(53)]}


@pytest.mark.parametrize(
    "scores",
    [
        *[P.round(2), P.round(3), P.round(4), np.floor(P * 100) / 100, P.astype(np.float16).astype(float)],
        *[100 * P, (100 * P).round(), (100 * P).round(1)],
    ],
    ids=["2 digits", "3 digits", "4 digits", "cut off", "float16", "per cent", "whole per cent", "1 digit of per cent"],
)
def test_probabilities_in_any_form_are_refused_as_logits_and_taken_as_what_they_are(scores, csv_file):
    path = csv_file(scores, **MANY)
    with pytest.raises(BadDataError, match="wanted logits, but every row lies in .* and sums to .* Give --kind prob"):
        read_scores(path, "val", "logits", "vit")
    got = read_scores(path, "val", "probabilities", "vit").predictions.logits[0]
    some = scores.min(axis=1) > 0
    shares = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(got, axis=1)[some], shares[some], rtol=1e-4)


def test_a_rounded_0_is_a_quarter_of_a_step(csv_file):
    """By hand: 0.99 beside two that round to 0.00 are logits log 0.99, log 0.0025."""
    for scale in (1, 100):
        scores = np.array([[0.99, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.98, 0.01, 0.01], [0, 1, 0]]) * scale
        got, clipped, *_ = read_scores(csv_file(scores.round(2)), "val", "probabilities", "vit")
        assert clipped == 5
        np.testing.assert_allclose(got.logits[0, 0, 0] - got.logits[0, 0, 1], np.log(0.99 / 0.0025), rtol=1e-6)


@pytest.mark.parametrize("trees", [1, 4, 5, 10, 20, 100])
def test_a_0_among_shares_of_votes_is_0_and_they_come_back_as_they_were(trees, csv_file):
    """As of a forest or of neighbours: all rows sum to 1, so nothing was rounded, though 0.05 has two digits."""
    votes = np.random.default_rng(2).multinomial(trees, P) / trees
    got = read_scores(csv_file(votes, **MANY), "val", "probabilities", "vit").predictions.logits[0]
    np.testing.assert_allclose(softmax(got.astype(np.float64), axis=1), votes, atol=1e-6)


@pytest.mark.parametrize("name", ["val.tsv", "val.TSV", "val.txt"])
def test_a_table_may_end_in_tsv_or_txt(name, csv_file, tmp_path):
    text = csv_file(ids=("a", "b", "c", "d", "e")).read_text()
    (tmp_path / name).write_text(text.replace(",", "\t") if "t" in name.casefold() else text)
    got = read_scores(tmp_path / name, "val", "logits", "vit").predictions
    np.testing.assert_array_equal(got.logits[0], LOGITS.astype(np.float32))


def test_arrays_of_other_names_are_told_with_those_names(tmp_path):
    np.savez(tmp_path / "val.npz", LOGITS, y=np.arange(5))
    with pytest.raises(BadDataError, match="no array `image_ids`; it has: y, arr_0. Write one by numpy.savez"):
        read_scores(tmp_path / "val.npz", "val", "logits", "vit")


def test_ids_that_a_spreadsheet_rounded_are_told_so(csv_file):
    ids = ("1.00000E+18", "1.00001E+18", "1.00000E+18", "x", "y")
    with pytest.raises(BadDataError, match="'1.00000E.18' stands in places 1 and 3: a spreadsheet rounded"):
        read_scores(csv_file(ids=ids), "val", "logits", "vit")


def test_negative_log_probabilities_are_refused_and_log_probabilities_are_logits(csv_file):
    with pytest.raises(BadDataError, match="negative log-probabilities: .* Change their sign"):
        read_scores(csv_file(-np.log(P), **MANY), "val", "logits", "vit")
    assert read_scores(csv_file(np.log(P), **MANY), "val", "logits", "vit").doubt == ""


def test_a_sigmoid_a_class_is_doubted_as_logits_and_brings_its_logits_back(csv_file):
    path = csv_file(expit(LOGITS))
    assert read_scores(path, "val", "logits", "vit").doubt == "logits-in-unit"
    got, clipped, *_ = read_scores(path, "val", "sigmoid", "vit")
    np.testing.assert_allclose(got.logits[0], LOGITS - LOGITS.mean(axis=1, keepdims=True), atol=1e-4)
    assert clipped == 0
    assert read_scores(csv_file(np.eye(5, 3)), "val", "sigmoid", "vit").clipped == 15
    with pytest.raises(BadDataError, match="--kind sigmoid if each class has a sigmoid"):
        read_scores(csv_file(expit(LOGITS)), "val", "probabilities", "vit")
    with pytest.raises(BadDataError, match="each in .0, 1., got -.*Give --kind logits"):
        read_scores(csv_file(), "val", "sigmoid", "vit")
    with pytest.raises(BadDataError, match="every row sums to 1. Give --kind probabilities"):
        read_scores(csv_file(P, **MANY), "val", "sigmoid", "vit")


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        *[(total * P, "logits-of-one-sum") for total in (3, 255, 1000)],
        (np.rint(255 * P), "logits-of-one-sum"),
        (np.random.default_rng(2).multinomial(7, P), "logits-of-one-sum"),
        (100 * expit(7 * (P - P.mean(axis=0))), "logits-in-unit"),
        (np.vstack([np.zeros((1, 3)), P[1:]]), "logits-mostly-probabilities"),
        (np.vstack([np.ones((1, 3)), P[1:]]), "logits-mostly-probabilities"),
    ],
)
def test_probabilities_in_another_unit_votes_and_all_but_one_row_are_told(scores, code, csv_file):
    assert read_scores(csv_file(scores, **MANY), "val", "logits", "vit").doubt == code


def test_rows_of_probabilities_among_logits_are_told(csv_file):
    scores = P.copy()
    scores[4] = [2, -1, 3]
    assert read_scores(csv_file(scores, **MANY), "val", "logits", "vit").doubt == "logits-mostly-probabilities"


TOY = [
    np.load(path, allow_pickle=False)[0].astype(float)
    for path in (Path(__file__).parents[3] / "predictions/toy").glob("*/val-*.npy")
]


@pytest.mark.parametrize("scale", [1, 0.005, 100, 1e4])
def test_logits_of_networks_are_logits_without_a_word_on_any_scale(scale):
    assert len(TOY) == 4
    for logits in TOY:
        ids, classes = [str(row) for row in range(len(logits))], [str(place) for place in range(logits.shape[1])]
        for form in (logits, logits.round(2), logits - logits.max(axis=1, keepdims=True)):
            check_kind(form * scale, "logits", ids, classes, Path("val.npz"))
            assert doubt(form * scale, "logits") == ""


@pytest.mark.parametrize("classes", [2, 3, 10, 101])
@pytest.mark.parametrize("digits", [2, 4, 17])
@pytest.mark.parametrize("scale", [1, 0.005, 100])
def test_cosine_similarities_are_never_refused(classes, digits, scale):
    random = np.random.default_rng(classes)
    for size in (7, 512):
        images, texts = (np.abs(random.normal(size=(some, size))) for some in (61, classes))
        images, texts = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (images, texts))
        scores = (images @ texts.T * scale).round(digits)
        names = [str(place) for place in range(classes)]
        check_kind(scores, "logits", [str(row) for row in range(61)], names, Path("val.npz"))
        assert doubt(scores, "logits") in ("", "logits-in-unit")


@pytest.mark.parametrize(
    ("number", "why"), [(-np.inf, "probability of 0.*numpy.maximum"), (np.nan, "not computed"), (1e39, "overflowed")]
)
def test_what_is_not_finite_is_told_with_its_cause_and_remedy(number, why, csv_file):
    scores = LOGITS.copy()
    scores[2, 1] = number
    with pytest.raises(BadDataError, match=f"wanted a finite number .*{why}"):
        read_scores(csv_file(scores), "val", "logits", "vit")
