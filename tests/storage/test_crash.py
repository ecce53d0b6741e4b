import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_writers.py")


@pytest.fixture
def folder(tmp_path):
    """Return a folder on a memory disk where there is one: what matters here are calls, not platters."""
    if not os.path.isdir("/dev/shm"):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def seen_by_killer(how, what, folder):
    """Run the script in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), how, what, str(folder), "11"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout)
    if "refused" in seen:
        pytest.skip("this machine lets no process trace another (ptrace is refused)")
    return seen


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ptrace is Linux's")
@pytest.mark.parametrize(
    "what",
    [
        "write",
        "views",
        "blend",
        pytest.param("replace", marks=pytest.mark.slow),
        pytest.param("remove", marks=pytest.mark.slow),
        pytest.param("rename", marks=pytest.mark.slow),
    ],
)
def test_a_kill_between_any_two_system_calls_leaves_the_old_or_the_new_whole(what, folder):
    seen = seen_by_killer("every", what, folder)
    assert seen["kills"] > 60
    assert 0 < seen["new"] < seen["kills"]
    assert seen["finished"] == 1


@pytest.mark.parametrize("what", ["write", "views", "blend"])
def test_a_kill_at_a_hundred_random_moments_leaves_the_old_or_the_new_whole(what, folder):
    assert seen_by_killer("random", what, folder)["kills"] == 34
