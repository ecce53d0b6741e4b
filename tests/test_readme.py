"""The README's consoles are run, and print what it shows."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- slow -->\n)?```console\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"[ +-]*\d+(\.\d+)?")


def consoles(slow):
    """(command, what it prints) of every console block, in order, grouped by block."""
    text = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "predictions/README.md").read_text(
        encoding="utf-8"
    )
    for marked, block in BLOCK.findall(text):
        if bool(marked) == slow:
            parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
            yield list(zip(parts[::2], parts[1::2], strict=True))


def run(command, folder):
    words = command.split()
    assert words[0] == "ek"
    done = subprocess.run(
        [sys.executable, "-m", "ensemble_kit", *words[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", list(consoles(slow=False)), ids=lambda block: block[0][0])
def test_a_console_prints_what_the_readme_shows(block, tmp_path):
    shutil.copytree(ROOT / "predictions" / "toy", tmp_path / "predictions" / "toy")
    for command, shown in block:
        assert run(command, tmp_path) == shown


@pytest.mark.slow
@pytest.mark.parametrize("block", list(consoles(slow=True)), ids=lambda block: block[0][0])
def test_a_long_console_prints_the_same_but_for_the_figures(block, tmp_path):
    for command, shown in block:
        assert NUMBER.sub("#", run(command, tmp_path)) == NUMBER.sub("#", shown)


def test_the_stranger_in_the_format_description_reads_a_member(tmp_path):
    text = (ROOT / "predictions" / "README.md").read_text(encoding="utf-8")
    script = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    shown = run("ek members --predictions predictions/toy --json", ROOT)
    said = {member["name"]: member["val_accuracy"] for member in json.loads(shown)["members"]}
    assert float(done.stdout) == pytest.approx(said["cnn"])
