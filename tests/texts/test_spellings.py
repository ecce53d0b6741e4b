"""Which names are one, which may be, and that two names never look alike where both are shown."""

import unicodedata

import pytest

from ensemble_kit.texts.spellings import bare, near, same, spelled

E = "\u00e9", "e\u0301"
ONE = [
    ("cat", " cat"),
    ("cat", "cat\t"),
    ("cat", "cat\u00a0"),
    ("cat", "\ufeffcat"),
    (f"Pok{E[0]}mon", f"Pok{E[1]}mon"),
]
DOUBTFUL = [
    *[("cat", "Cat"), ("cat", "CAT "), ("straße", "STRASSE"), ("fire truck", "fire_truck"), ("a-b", "a  b")],
    *[("0", "0.0"), ("0", "00"), ("7", "007"), ("7", "7."), ("0.5", "0.50"), ("cat", "ｃａｔ"), ("ca\u200bt", "cat")],
    *[("a\u2013b", "a-b"), ("rock\u2019n", "rock'n"), ("\u22121", "-1")],
]
APART = [
    ("0", "0.5"),
    ("1", "10"),
    ("-1", "1"),
    ("a", "b"),
    ("v1.0", "v1.00"),
    ("12345678901234567", "12345678901234568"),
]


@pytest.mark.parametrize(("one", "other"), ONE, ids=ascii)
def test_blanks_and_unicode_forms_leave_no_doubt(one, other):
    assert same(one) == same(other)
    assert near(one) == near(other)


@pytest.mark.parametrize(("one", "other"), DOUBTFUL, ids=ascii)
def test_capitals_dashes_and_numbers_leave_doubt(one, other):
    assert same(one) != same(other)
    assert near(one) == near(other)


@pytest.mark.parametrize(("one", "other"), APART, ids=ascii)
def test_other_names_are_apart(one, other):
    assert near(one) != near(other)


@pytest.mark.parametrize(("one", "other"), [*ONE, *DOUBTFUL, ("cat", "c\u0430t")], ids=ascii)
def test_two_names_never_look_alike(one, other):
    shown = [unicodedata.normalize("NFKC", spelled(name)) if name.isascii() else spelled(name) for name in (one, other)]
    assert shown[0] != shown[1]
    assert not any(unicodedata.category(mark) in ("Cf", "Zs", "Mn") for mark in "".join(shown) if mark != " ")


def test_blanks_inside_a_name_stay():
    assert bare(" fire  truck\u3000") == "fire  truck"
