"""Commands killed at file operations and at random moments, by `bench/faults.py`, which can do so 200 times each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ensemble_kit as ek

ROOT = Path(ek.__file__).parents[1]
QUICK = ("members add", "members rename", "members rm", "soup", "blend", "submit")
SLOW = (
    *("train", "train --resume", "train --folds", "tta", "probe", "predict", "report", "find-lr", "show-augment"),
    *("data check", "demo-data", "submissions score", "submissions withdraw"),
)
UNHARMED = {"lost": 0, "left": 0, "refused": 0, "differs": 0}


def killed(commands, kills, folder):
    """Return what was found, by command."""
    words = ["--table", "kills", "--kills", str(kills), "--commands", ",".join(commands)]
    ran = subprocess.run(
        [sys.executable, "bench/faults.py", *words, "--examples", folder / "found.json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return {one["command"]: one for one in json.loads((folder / "found.json").read_text())["kills"]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
@pytest.mark.parametrize(("commands", "kills"), [(QUICK, 8), pytest.param(SLOW, 24, marks=pytest.mark.slow)])
def test_a_killed_command_loses_and_leaves_nothing_and_its_rerun_ends_as_if_undisturbed(commands, kills, tmp_path):
    found = killed(commands, kills, tmp_path)
    for command in commands:
        assert found[command]["kills"] == kills
        assert {what: found[command][what] for what in UNHARMED} == UNHARMED, found[command]["examples"]
