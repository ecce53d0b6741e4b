"""Claim: who follows the data through a command, call by call, does not walk to and fro between rooms.

Runs a command of a checkout and notes its functions in the order of their first call, as a reader meets them; then
counts, for files, for rooms (folders) and for packages, how many are visited, how often, and how often one is returned
to that had been left. The data are drawn, so that two checkouts can be compared: `python bench/walk.py [CHECKOUT]`.
"""

import inspect
import os
import sys
import tempfile
import threading
from itertools import groupby
from pathlib import Path

COMMANDS = (
    "train --data data --arch cnn --epochs 1 --device cpu --quiet",
    "train --data data --arch mlp --epochs 1 --device cpu --quiet",
    "blend --quiet",
)
OURS = ("ensemble_kit", "models_zoo")
PART_OF = {"disk": "storage", "synthetic": "images"}  # as they were before they stood alone


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    sys.path.insert(0, str(root))
    import ensemble_kit
    from ensemble_kit.cli import ek

    print("| command | functions | files: returns | rooms: returns | packages: returns |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        ensemble_kit.demo_data("data", train=60, val=40, test=20, quiet=True)
        for command in COMMANDS:
            files = walked(root, ek, command.split())
            ways = [files, [path.parent for path in files], [package(path) for path in files]]
            print(f"| ek {command.split(' --')[0]} | {len(files)} | {' | '.join(map(returns, ways))} |")
        os.chdir(root)


def walked(root, ek, words):
    """The file of each function of ours that a command calls, in the order of their first calls."""
    first = {}

    def note(frame, event, _):
        code = frame.f_code
        is_function = event == "call" and code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")
        path = Path(code.co_filename)
        if is_function and path.is_relative_to(root) and path.relative_to(root).parts[0] in OURS:
            first.setdefault((path, code.co_qualname), path.relative_to(root))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        with open(os.devnull, "w") as nowhere:
            sys.stdout, kept = nowhere, sys.stdout
            ek(words, standalone_mode=False)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        sys.stdout = kept
    return list(first.values())


def package(path):
    name = path.parts[1] if len(path.parts) > 2 else path.parts[0]
    return PART_OF.get(name, name)


def returns(places):
    visits = [place for place, _ in groupby(places)]
    return f"{len(set(visits))} visited, {len(visits) - len(set(visits))}"


if __name__ == "__main__":
    main()
