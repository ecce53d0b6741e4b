"""Tables and sentences fit the terminal; numbers print one way."""

import os
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from ensemble_kit.reporting.terminal.plain import sayable
from ensemble_kit.reporting.terminal.tables import interval, number, percent, points, table, wrapped

NAMES = st.text(
    st.one_of(
        st.sampled_from("ab-_,'\"<>ß日本語か\u0301\u0308ë…─\n\t\x1b\u2028"),
        st.sampled_from(["👍", "🎉", "é"]),
        st.characters(codec="utf-8"),
    ),
    max_size=60,
)


@pytest.fixture(scope="module")
def set_columns():
    """Set the width of the terminal; after the module it is as before."""
    before = os.environ["COLUMNS"]
    yield lambda columns: os.environ.update(COLUMNS=str(columns))
    os.environ["COLUMNS"] = before


@st.composite
def grids(draw):
    """Header, rows and how many columns stand to the left."""
    width = draw(st.integers(1, 7))
    header = draw(st.lists(NAMES.map(lambda name: name[:12]), min_size=width, max_size=width))
    figures = st.floats(-1e3, 1e3).map("{:.1f}".format)
    rows = draw(st.lists(st.tuples(NAMES, *[figures] * (width - 1)), max_size=5))
    return header, rows, draw(st.integers(0, width))


def test_numbers_print_in_percent_and_points():
    assert percent(0.8345) == "83.5"
    assert percent(None) == percent(float("nan")) == "-"
    assert points(-0.0123) == "-1.2"
    assert interval((0.1, 0.25)) == "10.0 to 25.0"
    assert number(None, 2) == "-"
    assert number(1.005, 1) == "1.0"


def test_a_long_name_loses_its_middle_so_that_its_ends_tell_it_apart(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    rows = [["m" * 99 + "-1", "71.0", "66.0 to 75.9"], ["m" * 99 + "-2", "7.0", "6.0 to 7.9"]]
    lines = table(["member", "val %", "interval"], rows).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[-2] == "mmmmmmmmm…mmmmmmm-1   71.0  66.0 to 75.9"
    assert lines[-1] == "mmmmmmmmm…mmmmmmm-2    7.0    6.0 to 7.9"


def test_columns_that_do_not_fit_stand_below_each_with_the_first_one(monkeypatch):
    monkeypatch.setenv("COLUMNS", "22")
    rows = [["cnn", "71.0", "0.272", "3"], ["mlp", "9.5", "1.9", "11"]]
    shown = table(["member", "val %", "log loss", "views"], rows)
    assert shown == (
        "member  val %\n"
        "─────────────\n"
        "cnn      71.0\n"
        "mlp       9.5\n"
        "\n"
        "member  log loss\n"
        "────────────────\n"
        "cnn        0.272\n"
        "mlp          1.9\n"
        "\n"
        "member  views\n"
        "─────────────\n"
        "cnn         3\n"
        "mlp        11"
    )


def test_wide_characters_count_twice():
    lines = table(["member", "val %"], [["小丸子", "71.0"], ["cnn", "1.0"]]).splitlines()
    assert lines[2] == "小丸子   71.0"
    assert lines[3] == "cnn       1.0"


def test_a_name_cannot_break_a_line_or_speak_to_the_terminal():
    lines = table(["member"], [["a\nb\x1b[31mred"]]).splitlines()
    assert lines[2:] == [r"a\nb\x1b[31mred"]
    assert wrapped("class 'a\x1b[2J'") == r"class 'a\x1b[2J'"


@settings(deadline=None, max_examples=300)
@given(grids(), st.integers(20, 200))
def test_every_table_fits_every_terminal_and_keeps_every_figure(set_columns, grid, columns):
    header, rows, left = grid
    set_columns(columns)
    shown = table(header, rows, left)
    assert max(map(cell_len, shown.splitlines()), default=0) <= columns
    for line in shown.splitlines():
        assert not [sign for sign in line if unicodedata.category(sign) in ("Cc", "Zl", "Zp")]
    assert all(figure in shown for row in rows for figure in row[1:])


@settings(deadline=None)
@given(st.lists(NAMES, max_size=30), st.integers(20, 200))
def test_a_sentence_fits_every_terminal_but_for_words_that_are_wider(set_columns, words, columns):
    set_columns(columns)
    text = " ".join(words)
    shown = wrapped(text, indent="  ")
    for line in shown.splitlines():
        assert cell_len(line) <= min(columns, 100) or len(line.split()) <= 1
    assert shown.split() == sayable(text).split()


@pytest.mark.parametrize("columns", range(20, 60))
def test_a_figure_stays_with_its_sign(set_columns, columns):
    set_columns(columns)
    shown = wrapped("They differ by 3.1 points (95 %: 1.0 to 5.2; p = 0.004), or by 7.0 % where p < 0.001 was found.")
    for whole in ("95 %:", "p = 0.004),", "7.0 %", "p < 0.001"):
        assert whole in shown


def test_nothing_in_percent_is_minus_zero():
    assert (percent(-0.0), percent(-1e-9), percent(-0.006)) == ("0.0", "0.0", "-0.6")
