"""The room as a whole."""

import subprocess
import sys

import pytest

from ensemble_kit.training.tables import OPTIMIZERS, SCHEDULES


def test_tables_and_recipes_load_without_torch():
    code = "import sys, ensemble_kit.training.recipes; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("entry", [*OPTIMIZERS.values(), *SCHEDULES.values()])
def test_every_line_points_to_a_function(entry):
    assert callable(entry.load())
    assert entry.help
