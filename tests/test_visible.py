"""What a person gets to see of a name: nothing that moves the cursor, breaks the line or turns others round."""

import ast
import dataclasses
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ensemble_kit
from ensemble_kit import errors
from ensemble_kit.pipeline.entry.signals import Stopped
from ensemble_kit.results.json_text import as_json
from ensemble_kit.visible import all_visible, visible

ROOT = Path(ensemble_kit.__file__).parent
ODD = "".join(
    map(chr, [*range(32), *range(127, 160), 0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x202F), 0xFEFF, 0xE0041])
)
ODD_TEXT = st.text(st.one_of(st.sampled_from(ODD), st.characters()))


@dataclass(frozen=True)
class Report:
    path: Path
    names: tuple[str, ...]
    shares: dict[str, float]
    kind: str | None = None


@given(ODD_TEXT)
def test_what_is_shown_is_one_line_without_anything_that_acts(name):
    shown = visible(name)
    assert len(shown.splitlines()) <= 1
    acting = {mark for mark in shown if unicodedata.category(mark)[0] == "C" and unicodedata.category(mark) != "Co"}
    assert acting <= {"\u200c", "\u200d"}
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "name", ["Zoë 日本", "👩\u200d👩\u200d👧", "می\u200cخواهم", r"C:\new\x1b", "=1+1", "[b]<b>{x}%s$x$"]
)
def test_what_does_no_harm_stays(name):
    assert visible(name) == name


@given(ODD_TEXT)
def test_json_that_is_printed_acts_on_nothing_and_is_exact(name):
    said = as_json(Report(Path("x"), (name,), {name: 0.5}))
    assert visible(said.replace("\n", "")) == said.replace("\n", "")
    told = json.loads(said)
    assert (told["names"], list(told["shares"])) == ([name], [name])


def test_every_name_in_a_report_is_made_visible_wherever_it_stands():
    shown = all_visible(Report(Path("a\x1b"), ("b\n", "c"), {"d\u202e": 0.5}))
    assert shown == Report(Path(r"a\x1b"), (r"b\n", "c"), {r"d\u202e": 0.5})


@pytest.mark.parametrize("make", [errors.BadDataError, errors.CorruptError, lambda *lines: Stopped(15, *lines)])
def test_a_message_has_the_lines_that_it_was_given_and_no_other(make):
    assert str(make("First:", "'a\nSTRAY\x1b[31m'", "last.")) == "First:\n'a\\nSTRAY\\x1b[31m'\nlast."
    assert str(make()) == ""


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_message_of_several_lines_is_given_line_by_line(path):
    """A line break inside an argument would be shown as one that came in with a name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = node.exc if isinstance(node, ast.Raise) else node
        if isinstance(called, ast.Call) and (called is not node or getattr(called.func, "id", "") == "say"):
            texts = [one.value for one in ast.walk(called) if isinstance(one, ast.Constant)]
            assert not [text for text in texts if isinstance(text, str) and "\n" in text], f"line {node.lineno}"


def test_a_report_whose_fields_follow_from_others_is_shown_too():
    @dataclasses.dataclass(frozen=True)
    class Report:
        name: str
        twice: str = dataclasses.field(init=False)

        def __post_init__(self):
            object.__setattr__(self, "twice", self.name * 2)

    assert all_visible(Report("a\n")).name == r"a\n"
    assert all_visible(Report("a\n")).twice == r"a\na\n"
