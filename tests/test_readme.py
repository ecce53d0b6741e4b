"""The README's consoles are run, and print what it shows."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from consoles import consoles, run, without_figures

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "predictions" / "README.md")


def blocks(slow):
    return [block for page in PAGES for block in consoles(page, slow)]


@pytest.mark.parametrize("block", blocks(slow=False), ids=lambda block: block[0][0])
def test_a_console_prints_what_the_readme_shows(block, tmp_path):
    shutil.copytree(ROOT / "predictions" / "toy", tmp_path / "predictions" / "toy")
    for command, shown in block:
        assert run(command, tmp_path) == shown


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks(slow=True), ids=lambda block: block[0][0])
def test_a_long_console_prints_the_same_but_for_the_figures(block, tmp_path):
    for command, shown in block:
        assert without_figures(run(command, tmp_path)) == without_figures(shown)


def test_the_stranger_in_the_format_description_reads_a_member(tmp_path):
    text = (ROOT / "predictions" / "README.md").read_text(encoding="utf-8")
    script = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    shown = run("ek members --predictions predictions/toy --json", ROOT)
    said = {member["name"]: member["val_accuracy"] for member in json.loads(shown)["members"]}
    assert float(done.stdout) == pytest.approx(said["cnn"])
