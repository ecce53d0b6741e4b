"""Commands killed before a file operation: nothing is lost or left, and the same again ends as if undisturbed.

The commands, the killing and the comparison are those of `bench/faults.py`, which kills 200 times a command.
"""

import os
import sys
from pathlib import Path

import pytest

import ensemble_kit as ek

sys.path.insert(0, str(Path(ek.__file__).parents[1] / "bench"))
import faults_commands
import faults_kills

QUICK = ("members rename", "members rm", "members add", "blend", "submit", "soup")
SLOW = [one for one in faults_commands.COMMANDS if one not in (*QUICK, "auto", "export")]
POINTS = 7


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    ended = faults_kills.in_child(lambda: {"error": faults_commands.prepare(ek)}, folder)
    assert not ended["error"]
    return folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
@pytest.mark.parametrize("command", [*QUICK, *(pytest.param(one, marks=pytest.mark.slow) for one in SLOW)])
def test_a_killed_command_loses_and_leaves_nothing_and_its_rerun_ends_as_if_undisturbed(command, template, tmp_path):
    found = faults_kills.kill_all(command, ek, template, tmp_path, 2 * POINTS, seed=0)
    assert found["kills"] == 2 * POINTS
    assert found["examples"] == {}
