"""Every note has one sentence, every code that is handed over has a note."""

import re
import string
from pathlib import Path

import pytest

import ensemble_kit
from ensemble_kit.reporting.terminal.notes import NOTES, note

ROOT = Path(ensemble_kit.__file__).parent


def test_the_codes_that_are_handed_over_are_those_of_the_table():
    paths = (path for room in ("pipeline", "storage") for path in (ROOT / room).rglob("*.py"))
    sources = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert set(re.findall(r'\bnote\(\s*"([a-z-]+)"', sources)) <= set(NOTES)
    sources += (ROOT / "reporting/terminal/notes.py").read_text(encoding="utf-8").partition("def note(")[2]
    assert [code for code in NOTES if f'"{code}"' not in sources] == []


@pytest.mark.parametrize("code", NOTES)
def test_a_note_is_a_sentence_with_everything_that_it_names(code):
    fields = {field for _, field, _, _ in string.Formatter().parse(NOTES[code]) if field}
    said = note(code, **{field: f"<{field}>" for field in fields})
    assert all(f"<{field}>" in said for field in fields)
    assert "{" not in said
    assert said[-1] in ".>"


def test_names_are_joined_by_commas():
    assert note("chosen-on-val", members=["cnn", "vit"]).endswith("chosen on this val: cnn, vit.")
