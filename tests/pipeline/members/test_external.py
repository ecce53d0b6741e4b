"""Scores that others made join by id and by class name: files as competitors keep them, and what is wrong with some."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pipeline.family_members import CLASSES, IDS, LABELS, NAMES, TEST, TRAIN, VAL, fold_member, rows_of, said
from scipy.special import softmax

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError, UnknownNameError
from ensemble_kit.storage.members.read import read_member

NO_VAL = {"splits": ("test", "oof")}
OOF = said(5, "oof", np.arange(TRAIN), 0.9)[0]
TEST_SCORES = said(5, "test", np.arange(TEST), 0.9)[0]
SHUFFLED = np.random.default_rng(3).permutation(TRAIN)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with a family of two folds, without val."""
    monkeypatch.chdir(tmp_path)
    for k in (1, 2):
        fold_member("cnn", 2, k, 1.2, **NO_VAL)


def write(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def scores_csv(
    path="oof.csv", ids=IDS["train"], logits=OOF, order=SHUFFLED, classes=(2, 0, 1), header="id", prefix="prob_"
):
    """Probabilities, rows and classes shuffled."""
    shares = softmax(logits.astype(float), axis=1)
    columns = [prefix + NAMES[place] for place in classes]
    return write(
        path, [header, *columns], [[ids[row], *(repr(float(shares[row, c])) for c in classes)] for row in order]
    )


def labels_csv(path="train.csv", header=("id", "target"), more=("other-1", "other-2"), labels=LABELS["train"]):
    """The labels of train, rows in another order, with more rows than are needed."""
    rows = [[IDS["train"][row], NAMES[labels[row]]] for row in reversed(range(TRAIN))]
    return write(path, header, [[one, NAMES[0]] for one in more] + rows)


def test_oof_and_test_in_any_order_join_the_folds_as_a_family_of_their_own():
    test = scores_csv("test.csv", IDS["test"], TEST_SCORES, np.arange(TEST)[::-1], (1, 2, 0))
    report = ek.members_add("vit", kind="probabilities", oof=scores_csv(), test=test, labels=labels_csv())
    assert (report.judged_on, report.val_images, report.test_images) == ("oof", TRAIN, TEST)
    assert report.val_accuracy == pytest.approx((OOF.argmax(axis=1) == LABELS["train"]).mean())
    assert report.taken == (
        "test: id 'id', 3 columns of classes, as 'prob_class-1' for 'class-1' (test.csv)",
        "oof: id 'id', 3 columns of classes, as 'prob_class-2' for 'class-2' (oof.csv)",
        "labels: id 'id', label 'target' (train.csv)",
    )
    blend = ek.blend(weights="cnn=1,vit=1", quiet=True)
    assert [(one.family, len(one.members)) for one in blend.numbers.families] == [("cnn", 2), ("vit", 1)]
    assert (blend.evaluated.judged_on, blend.evaluated.val_images) == ("oof", TRAIN)

    for k in (1, 2):  # the same said by folds gives the same figures
        one = fold_member("vat", 2, k, 0.9, **NO_VAL)
        assert one["oof"].shape == (1, len(rows_of(2, k)), CLASSES)
    held = {name: read_member(Path("predictions", name)) for name in ("vat-fold-1", "vat-fold-2")}
    vat = np.zeros((TRAIN, CLASSES))
    for k, member in enumerate(held.values(), start=1):
        vat[rows_of(2, k)] = member.split("oof").logits[0]
    scores_csv("vat.csv", logits=vat)
    ek.members_add("vet", kind="probabilities", oof="vat.csv", labels="train.csv")
    by_folds = ek.blend(["cnn", "vat"], weights="equal", name="folds", quiet=True)
    by_file = ek.blend(["cnn", "vet"], weights="equal", name="file", quiet=True)
    assert by_file.honest_accuracy == by_folds.honest_accuracy
    assert by_file.honest_interval == by_folds.honest_interval
    assert by_file.submission_path is None


def test_ids_with_another_ending_are_those_that_are_there_and_that_is_said():
    ids = {split: [f"{one}.jpg" for one in IDS[split]] for split in ("train", "test")}
    test = scores_csv("test.csv", ids["test"], TEST_SCORES, range(TEST))
    rows = [[one, NAMES[label]] for one, label in zip(ids["train"], LABELS["train"], strict=True)]
    labels = write("train.csv", ("id", "target"), rows)
    report = ek.members_add("vit", kind="probabilities", oof=scores_csv(ids=ids["train"]), test=test, labels=labels)
    first = IDS["train"][SHUFFLED[0]]
    assert report.taken[-2:] == (
        "test: 'test-000.jpg' is 'test-000' here, and so on",
        f"oof: '{first}.jpg' is '{first}' here, and so on",
    )
    there = read_member(Path("predictions/vit"))
    oof, order = there.split("oof"), [NAMES.index(one) for one in there.manifest.classes]
    assert there.split("test").ids == tuple(IDS["test"])
    found = softmax(oof.logits[0, oof.ids.index("train-007")].astype(float))
    np.testing.assert_allclose(found, softmax(OOF[7].astype(float))[order], rtol=1e-5)
    assert ek.blend(quiet=True).submission_path is not None


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".PNG"])
@pytest.mark.parametrize("where", ["scores", "labels"])
def test_labels_are_found_for_ids_with_another_ending(ending, where):
    with_ending, bare = [f"{one}{ending}" for one in IDS["train"]], list(IDS["train"])
    scored, labelled = (with_ending, bare) if where == "scores" else (bare, with_ending)
    rows = [[one, NAMES[label]] for one, label in zip(labelled, LABELS["train"], strict=True)]
    write("train.csv", ["id", "label"], [["other", NAMES[0]], *rows])
    report = ek.members_add("vit", kind="probabilities", oof=scores_csv(ids=scored), labels="train.csv")
    assert report.val_accuracy == pytest.approx((OOF.argmax(axis=1) == LABELS["train"]).mean())
    first = SHUFFLED[0]
    assert f"oof: the label of '{scored[first]}' is that of '{labelled[first]}', and so on (train.csv)" in report.taken
    write("train.csv", ["id", "label"], rows[1:])
    with pytest.raises(BadDataError, match=f"train.csv has no label for '{scored[0]}', which oof.csv has scores of"):
        ek.members_add("vat", kind="probabilities", oof="oof.csv", labels="train.csv")


@pytest.mark.parametrize("before", ["test/", "C:\\pics\\test\\"])
def test_ids_behind_a_folder_are_those_that_are_there(before):
    scores_csv(ids=[f"{before}{one}.png" for one in IDS["train"]])
    report = ek.members_add("vit", kind="probabilities", oof="oof.csv", labels=labels_csv())
    assert (
        f"oof: '{before}{IDS['train'][SHUFFLED[0]]}.png' is '{IDS['train'][SHUFFLED[0]]}' here, and so on"
        in report.taken
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (str.upper, r"ids differ in case: 'TRAIN-\d+' \(wanted 'train-\d+'\)"),
        (lambda one: f"{int(one[6:]) + 10**17:.5E}" if one.endswith("0") else one, "ids were rounded by a spreadsheet"),
    ],
)
def test_ids_that_another_program_changed_are_told_with_what_became_of_them(change, message):
    ids = [change(one) for one in IDS["train"]]
    rows = [[one, NAMES[label]] for one, label in zip(ids, LABELS["train"], strict=True)]
    labels = write("train.csv", ("id", "target"), dict(rows).items())
    rows = sorted({one: row for row, one in enumerate(ids)}.values())
    with pytest.raises(MisalignedError, match=f"oof of member 'vit', beside '.*': {message}"):
        ek.members_add("vit", kind="probabilities", oof=scores_csv(ids=ids, order=rows), labels=labels)


def test_ids_with_another_ending_of_which_one_is_missing_are_told_by_that_one():
    scores_csv(ids=[f"{one}.jpg" for one in IDS["train"]], order=range(1, TRAIN))
    labels_csv()
    with pytest.raises(MisalignedError, match="first missing image id: 'train-000'. ") as caught:
        ek.members_add("vit", kind="probabilities", oof="oof.csv", labels="train.csv")
    assert "first extra" not in str(caught.value)


@pytest.mark.parametrize(("times", "told"), [(8, True), (0.1, True), (2, False), (0.5, False)])
def test_scores_of_test_on_another_scale_are_told(times, told):
    """As a sum over eight views beside one view; a test set that is harder or easier is not spoken ill of."""
    for path, ids, logits in (("oof.npz", IDS["train"], OOF), ("test.npz", IDS["test"], times * OOF[:TEST])):
        np.savez(path, image_ids=np.array(ids), classes=np.array(NAMES), scores=logits)
    notes = ek.members_add("vit", kind="logits", oof="oof.npz", test="test.npz", labels=labels_csv()).notes
    spans = np.median(np.ptp(times * OOF[:TEST], axis=1)) / np.median(np.ptp(OOF, axis=1))
    said = [note for note in notes if f"test: the scores spread {spans:.2g} times as far as those of oof" in note]
    assert len(said) == len([note for note in notes if "times as far" in note]) == told


def test_an_npz_joins_too_and_labels_may_lie_in_the_scores():
    shares = softmax(OOF.astype(float), axis=1)[SHUFFLED][:, [2, 0, 1]]
    ids, classes = np.array(IDS["train"])[SHUFFLED], np.array(NAMES)[[2, 0, 1]]
    labels = np.array([NAMES[label] for label in LABELS["train"]])[SHUFFLED]
    np.savez("oof.npz", image_ids=ids, classes=classes, scores=shares, labels=labels)
    np.savez("bare.npz", image_ids=ids, classes=classes, scores=shares)
    first = ek.members_add("vit", kind="probabilities", oof="oof.npz")
    second = ek.members_add("vet", kind="probabilities", oof="bare.npz", labels=labels_csv())
    assert (
        first.val_log_loss
        == second.val_log_loss
        == pytest.approx(
            -np.log(softmax(OOF.astype(float), axis=1)[np.arange(TRAIN), LABELS["train"]]).mean(), rel=1e-5
        )
    )


@pytest.mark.parametrize("prefix", ["", "p_", "prob_", "class_"])
def test_numbered_columns_and_labels_index_the_list_of_classes(prefix):
    Path("classes.txt").write_text("\n".join(NAMES))
    shares = softmax(OOF.astype(float), axis=1)
    write("oof.csv", ["image", f"{prefix}2", f"{prefix}0", f"{prefix}1", "Category"],
          [[IDS["train"][row], *shares[row, [2, 0, 1]], LABELS["train"][row]] for row in SHUFFLED])  # fmt: skip
    report = ek.members_add("vit", kind="probabilities", oof="oof.csv", classes="classes.txt")
    assert report.val_accuracy == pytest.approx((OOF.argmax(axis=1) == LABELS["train"]).mean())
    write("train.csv", ["key", "digit"], [[IDS["train"][row], LABELS["train"][row]] for row in range(TRAIN)])
    scores_csv("named.csv")
    columns = {"id": "key", "label": "digit"}
    again = ek.members_add(
        "vet", kind="probabilities", oof="named.csv", labels="train.csv", column=columns, classes="classes.txt"
    )
    assert again.val_accuracy == report.val_accuracy
    with pytest.raises(
        MisalignedError, match="classes without a column, 3 in all, .*Say which class each number is: --classes FILE"
    ):
        ek.members_add("vot", kind="probabilities", oof="oof.csv")
    with pytest.raises(BadDataError, match="'train-000' has the label '., which .* --classes FILE|--classes FILE"):
        ek.members_add("vot", kind="probabilities", oof="named.csv", labels="train.csv", column=columns)


def test_groups_come_from_the_file_of_labels_or_from_the_ids():
    rows = [
        [one, NAMES[label], f"g{place // 5}"]
        for place, (one, label) in enumerate(zip(IDS["train"], LABELS["train"], strict=True))
    ]
    write("train.csv", ["id", "label", "group"], rows)
    ek.members_add("vit", kind="probabilities", oof=scores_csv(), labels="train.csv")
    oof = read_member(Path("predictions/vit")).split("oof")
    assert dict(zip(oof.ids, oof.groups, strict=True)) == {row[0]: row[2] for row in rows}
    ek.members_add("vet", kind="probabilities", oof="oof.csv", labels=labels_csv(), group_from="train-(..)")
    oof = read_member(Path("predictions/vet")).split("oof")
    assert oof.groups == tuple(image_id[6:8] for image_id in oof.ids)
    assert ek.blend(["cnn", "vit"], weights="equal", quiet=True).evaluated.groups == -(-TRAIN // 5)


def test_val_and_oof_together_are_evaluated_on_val_and_labels_of_train_do_not_touch_val():
    fold_member("cnn", 2, 1, 1.2)
    fold_member("cnn", 2, 2, 1.2)
    random = np.random.default_rng(0).normal(size=(VAL, CLASSES))
    shares = softmax(random, axis=1)
    write("val.csv", ["id", *NAMES, "label"],
          [[IDS["val"][row], *shares[row], NAMES[LABELS["val"][row]]] for row in range(VAL)])  # fmt: skip
    report = ek.members_add("vit", kind="probabilities", oof=scores_csv(), val="val.csv", labels=labels_csv())
    assert (report.judged_on, report.val_images) == ("val", VAL)
    assert report.val_accuracy == pytest.approx((random.argmax(axis=1) == LABELS["val"]).mean())
    blend = ek.blend(tune_on="oof", weights="equal", quiet=True)
    procedure, there = blend.procedure, blend.evaluated
    assert (procedure.tuned_on, there.judged_on, there.tuned_images, there.val_images) == ("oof", "val", TRAIN, VAL)


def changed(ids=IDS["train"], **other):
    return lambda: scores_csv(ids=ids, **other)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (changed(["new-000", *IDS["train"][1:]]), BadDataError, "train.csv has no label for 'new-000', which oof.csv"),
        (
            changed(order=range(TRAIN - 1)),
            MisalignedError,
            f"has {TRAIN - 1} oof images.*missing image id: 'train-210'",
        ),
        (changed(["train-001", *IDS["train"][1:]]), BadDataError, "image id 'train-001' stands in places"),
        (changed(classes=(0, 1)), MisalignedError, "classes without a column, 1 in all, first 'class-2'. Wanted"),
        (changed(logits=np.where(np.arange(TRAIN)[:, None] == 7, np.nan, OOF)), BadDataError, "'train-007', class"),
        (changed(header="key"), BadDataError, "has no column 'image_id', .* holds the id: --column id=NAME"),
        (changed(prefix="x"), MisalignedError, None),
    ],
)
def test_scores_that_do_not_fit_are_refused_with_the_first_that_is_wrong(make, error, message):
    make()
    labels_csv()
    if message is None:  # a prefix for all is taken off; for some it is not
        ek.members_add("vit", kind="probabilities", oof="oof.csv", labels="train.csv")
        text = Path("oof.csv").read_text().replace("xclass-0", "class-0")
        Path("oof.csv").write_text(text)
        message = "first 'class-1'"
    with pytest.raises(error, match=message):
        ek.members_add("vat", kind="probabilities", oof="oof.csv", labels="train.csv")
    assert not Path("predictions/vat").exists()


def test_two_missing_classes_are_named_where_logits_could_be_anything():
    write("oof.csv", ["id", NAMES[0], NAMES[1]], [[one, 3.0, -2.5] for one in IDS["train"]])
    with pytest.raises(MisalignedError, match="classes without a column, 1 in all, first 'class-2'"):
        ek.members_add("vit", kind="logits", oof="oof.csv", labels=labels_csv())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda: labels_csv(more=("train-003",)), "image id 'train-003' stands in places 1 and"),
        (lambda: labels_csv(header=("width", "what")), "has no column 'image_id', .* --column id=NAME"),
        (lambda: labels_csv(header=("image", "file")), "the id may be in 'image' or in 'file'. .*--column id=image"),
        (lambda: write("train.csv", ["id", "label"], [[one, "dodo"] for one in IDS["train"]]), "'dodo', which is none"),
        (lambda: write("train.csv", ["id", "label"], [[one, ""] for one in IDS["train"]]), "label of .* is empty"),
        (lambda: "nowhere.csv", "Cannot read nowhere.csv: No such file.* Check --labels"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(labels, message):
    with pytest.raises(BadDataError, match=message):
        ek.members_add("vit", kind="probabilities", oof=scores_csv(), labels=labels())


def test_labels_that_contradict_those_in_the_scores_or_the_members_are_refused():
    wrong = (LABELS["train"] + (np.arange(TRAIN) == 5)) % CLASSES
    with pytest.raises(MisalignedError, match="disagree about 1 oof labels; first: 'train-005'"):
        ek.members_add("vit", kind="probabilities", oof=scores_csv(), labels=labels_csv(labels=wrong))
    shares = softmax(OOF.astype(float), axis=1)
    write("both.csv", ["id", *NAMES, "label"],
          [[IDS["train"][row], *shares[row], NAMES[LABELS["train"][row]]] for row in range(TRAIN)])  # fmt: skip
    with pytest.raises(BadDataError, match="both.csv and train.csv differ in 1 labels, first 'train-005'"):
        ek.members_add("vit", kind="probabilities", oof="both.csv", labels="train.csv")


def test_what_does_not_go_together_is_refused():
    with pytest.raises(InvalidOptionError, match="--val FILE, --oof FILE, or both"):
        ek.members_add("vit", kind="probabilities", test=scores_csv("test.csv", IDS["test"], TEST_SCORES, range(TEST)))
    with pytest.raises(InvalidOptionError, match="'cnn' is a family of members"):
        ek.members_add("cnn", kind="probabilities", oof=scores_csv(), labels=labels_csv())
    with pytest.raises(UnknownNameError, match="column of a CSV"):
        ek.members_add("vit", kind="probabilities", oof="oof.csv", labels="train.csv", column={"shape": "file"})
    with pytest.raises(BadDataError, match="has no labels; wanted them for oof.*--labels FILE"):
        ek.members_add("vit", kind="probabilities", oof="oof.csv")


def test_the_command_line_says_the_same():
    scores_csv(header="Key")
    labels_csv(header=("Key", "what"))
    words = "members add vit --kind probabilities --oof oof.csv --labels train.csv --column id=Key --column label=what"
    done = CliRunner().invoke(command, words.split())
    assert done.exit_code == 0, done.output
    said_ = " ".join(done.stdout.split())
    assert "Member 'vit': oof accuracy" in said_
    assert "oof: id 'Key', 3 columns of classes, as 'prob_class-2' for 'class-2' (oof.csv)" in said_
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_classes_may_be_called_as_columns_of_another_kind_are():
    """A class 'class' beside members that have it is a class, no column of labels."""
    names = ("group", "class", "id")
    shares = softmax(OOF.astype(float), axis=1)
    write("oof.csv", ["image_id", *names, "label"],
          [[IDS["train"][row], *shares[row], names[LABELS["train"][row]]] for row in range(TRAIN)])  # fmt: skip
    Path("classes.txt").write_text("\n".join(names))
    report = ek.members_add("one", kind="probabilities", oof="oof.csv", classes="classes.txt", predictions="elsewhere")
    assert report.val_accuracy == pytest.approx((OOF.argmax(axis=1) == LABELS["train"]).mean())
    again = ek.members_add("two", kind="probabilities", oof="oof.csv", predictions="elsewhere")
    assert again.val_accuracy == report.val_accuracy
