"""Tables fit the terminal; numbers print one way."""

from ensemble_kit.reporting.tables import interval, number, percent, points, table


def test_numbers_print_in_percent_and_points():
    assert percent(0.8345) == "83.5"
    assert percent(None) == percent(float("nan")) == "-"
    assert points(-0.0123) == "-1.2"
    assert interval((0.1, 0.25)) == "10.0 to 25.0"
    assert number(None, 2) == "-"
    assert number(1.005, 1) == "1.0"


def test_a_long_name_is_shortened_to_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = table(["member", "val %", "interval"], [["m" * 99, "71.0", "66.0 to 75.9"]]).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[-1].endswith("…   71.0  66.0 to 75.9")


def test_wide_characters_count_twice():
    lines = table(["member", "val %"], [["小丸子", "71.0"], ["cnn", "1.0"]]).splitlines()
    assert lines[2] == "小丸子   71.0"
    assert lines[3] == "cnn       1.0"
