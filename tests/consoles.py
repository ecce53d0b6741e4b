"""Consoles in our pages: what is typed after `$`, and what is shown below it."""

import re
import subprocess
import sys

BLOCK = re.compile(r"(<!-- slow -->\n)?```console\n(.*?)```", re.DOTALL)
NUMBER = re.compile(r"[ +-]*\d+(\.\d+)?")


def consoles(page, slow=None):
    """(command, what it shows) of every console of a page, a list a block; slow: of those so marked, or not, alone."""
    for marked, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if slow is None or bool(marked) == slow:
            parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
            yield list(zip(parts[::2], parts[1::2], strict=True))


def run(command, folder):
    """Run a command of `ek`; return what it prints on standard output."""
    words = command.split()
    assert words[0] == "ek"
    done = subprocess.run(
        [sys.executable, "-m", "ensemble_kit", *words[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_figures(text):
    """Return a text in which every number, with the blanks that align it, is #."""
    return NUMBER.sub("#", text)


def agree(said, shown):
    """Whether what was said is what is shown, but for figures; a line `...` stands for any lines."""
    parts = [re.escape(without_figures(part)) for part in re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE)]
    return re.fullmatch(r"(?:.*\n)*?".join(parts), without_figures(said)) is not None
