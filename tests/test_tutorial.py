"""The tutorial's consoles are run one after the other, and say what it shows but for the figures."""

from pathlib import Path

import pytest
from consoles import agree, consoles, run

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"


@pytest.mark.slow
def test_the_tutorial_can_be_followed_from_its_first_line_to_its_last(tmp_path):
    for block in consoles(TUTORIAL):
        for command, shown in block:
            said = run(command, tmp_path)
            assert agree(said, shown), f"$ {command}\n{said}"


@pytest.mark.parametrize(
    ("said", "shown", "wanted"),
    [
        ("val 71.0 %\n", "val 9.5 %\n", True),
        ("val 71.0 %\n", "test 71.0 %\n", False),
        ("a 1\nb\nc\nd 2\n", "a 3\n...\nd 4\n", True),
        ("a 1\nd 2\n", "a 3\n...\nd 4\n", True),
        ("a 1\nb\n", "a 1\n...\nd 4\n", False),
        ("a\nb\nc\n", "...\nb\n...\n", True),
        ("a\nb\n", "a\n", False),
    ],
)
def test_three_dots_stand_for_any_lines(said, shown, wanted):
    assert agree(said, shown) == wanted
