"""The report on a data set: ten lines a section, the worst first, 80 columns."""

from pathlib import Path

import pytest

from ensemble_kit.reporting.data import checked
from ensemble_kit.results.data import DataReport, Finding, Shift, SplitFacts

LONG = "a_class_with_a_very_long_name/and_a_image_with_a_longer_one"


def report(findings=(), shifts=(), smallest=5, **more):
    names = [f"class{i:02}" for i in range(13)]
    train = SplitFacts(
        "train",
        1300,
        {name: 10 * i + smallest for i, name in enumerate(names)},
        {"PNG": 1300},
        {"RGB": 1300},
        (3, 41, 2000),
    )
    test = SplitFacts("test", 7, {}, {"PNG": 2, "JPEG": 5}, {"L": 7}, None)
    counts = {"unreadable": 0, "leaks": 0, "duplicates": 0, "conflicts": 0, "csv": None, "sheet": None} | more
    return DataReport(
        "data", tuple(names), (train, test), 0, 6, findings=tuple(findings), shifts=tuple(shifts), **counts
    )


def test_a_clean_report_says_so():
    text = checked(report())
    assert text.endswith("Nothing stands in the way: no leaks, no unreadable files.")
    assert "data: 1,307 images, 13 classes" in text
    assert "formats: PNG 1,302, JPEG 5" in text


def test_the_rarest_classes_come_first_and_the_rest_is_counted():
    lines = checked(report()).splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("class, rarest first"))
    assert lines[place + 2].split() == ["class00", "5"]
    assert lines[place + 12] == "and 3 more classes"
    assert "In train, the largest class, class12, is 25.0 times the smallest, class00." in " ".join(lines)


def test_a_class_without_images_is_named():
    assert "Train has no image of: class00." in checked(report(smallest=0))


@pytest.mark.parametrize("written", [None, Path("found.csv")])
def test_a_long_list_is_cut_at_ten_and_says_where_the_rest_is(written):
    pairs = [Finding("same bytes", "val", f"{LONG}{i}", "x" * 40, "train", f"{LONG}{i}", "y" * 40) for i in range(17)]
    bad = [Finding("unreadable", "train", f"{LONG}{i}", "x", detail=f"truncated {i} " * 12) for i in range(12)]
    text = checked(report([*bad, *pairs], unreadable=12, leaks=17, conflicts=17, csv=written))
    hint = "" if written else " (--csv FILE lists all)"
    assert f"and 2 more files{hint}" in text
    assert text.count(f"and 7 more pairs{hint}\n") == 2  # leaks, and two labels
    assert max(map(len, text.splitlines())) <= 80
    assert "To put right first: 12 unreadable files and 17 leaks." in text


def test_what_is_shifted_comes_before_what_cannot_be_told():
    shifts = [
        Shift("contrast", "test", 0.2, 0.2, "no shift seen"),
        Shift("shorter side", "test", 41.26, 50.0, "too few to tell"),
        Shift("share of 'class01'", "val", 0.1, 0.25, "shifted"),
    ]
    lines = [" ".join(line.split()) for line in checked(report(shifts=shifts)).splitlines()]
    places = [
        lines.index(line)
        for line in (
            "val: share of 'class01' 10.0 % 25.0 % shifted",
            "test: shorter side 41.3 px 50.0 px too few to tell",
            "test: contrast 0.200 0.200 no shift seen",
        )
    ]
    assert places == sorted(places)


def test_one_is_written_in_the_singular():
    text = checked(report([Finding("near", "test", "a", None, "train", "b", "x", 3)], leaks=1))
    assert "Leaks: 1 image or group in two splits" in text
    assert "To put right first: 1 leak." in text


def test_leaks_say_what_they_can_be_worth_an_image_once_and_groups_not_at_all():
    found = [
        Finding("same pixels", "test", "a", None, "train", "b", "x"),
        Finding("near", "test", "a", None, "train", "c", "x", 3),
        Finding("near", "test", "d", None, "train", "b", "x", 3),
        Finding("near", "test", "e", None, "val", "f", "x", 3),
        Finding("group", "test", "g", None, "train", "h", "x"),
        Finding("near", "train", "i", "x", "train", "j", "x", 3),
    ]
    text = " ".join(checked(report(found, leaks=5, duplicates=1)).split())
    assert "2 of 7 images of test are in train too: they can raise the accuracy on test by 28.6 points at most." in text
    assert text.count("in train too") == 1


def test_where_no_image_is_in_train_too_nothing_is_said_of_its_worth():
    found = [Finding("near", "test", "e", None, "val", "f", "x", 3)]
    assert "in train too" not in checked(report(found, leaks=1))
