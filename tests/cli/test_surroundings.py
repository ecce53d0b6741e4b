"""A process that is allowed little, in surroundings that lack much: it works, or it says what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

resource = pytest.importorskip("resource")

WORKS = {
    "few open files": (["blend", "--quiet"], {resource.RLIMIT_NOFILE: 64}, {}),
    "no home": (["report", "small", "--quiet"], {}, {"HOME": None, "USER": None}),
    "a home that cannot be written": (["members"], {}, {"HOME": "/proc"}),
    "no folder for temporary files": (["members", "--verify"], {}, {"TMPDIR": "/nonexistent"}),
    "plain ASCII": (["members"], {}, {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "no asserts": (["blend", "--quiet"], {}, {"PYTHONOPTIMIZE": "1"}),
    "warnings that are errors": (["members"], {}, {"PYTHONWARNINGS": "error"}),
}
NEEDS = {
    "hardly an open file": (["members"], {resource.RLIMIT_NOFILE: 8}, r"Too many open files. Allow more open files"),
    "small files": (
        ["blend", "--quiet"],
        {resource.RLIMIT_FSIZE: 2048},
        "File too large. Allow larger files: ulimit -f",
    ),
    "little memory": (["predict", "--ckpt", "runs/cnn", "data/test"], {resource.RLIMIT_AS: 1 << 30}, "Out of memory"),
}


def typed(words, limits=(), changed=()):
    """Run a command in a process of its own, with limits and a changed environment (None: without the name)."""
    said = {**os.environ, "OMP_NUM_THREADS": "1", **dict(changed)}

    def limit():
        for which, most in dict(limits).items():
            resource.setrlimit(which, (most, resource.getrlimit(which)[1]))

    return subprocess.run(
        [sys.executable, "-m", "ensemble_kit", *words],
        env={name: value for name, value in said.items() if value is not None},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


@pytest.mark.parametrize(("words", "limits", "changed"), WORKS.values(), ids=WORKS)
def test_it_works_with_little(words, limits, changed, small):
    done = typed(words, limits, changed)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("words", "limits", "wanted"), NEEDS.values(), ids=NEEDS)
def test_what_it_needs_is_said_and_nothing_is_left_half_written(words, limits, wanted, small):
    before = {path for path in small.rglob("*") if not path.is_relative_to(small / ".ek")}
    done = typed(words, limits)
    assert done.returncode == 6, done.stderr
    assert wanted in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    after = {path for path in small.rglob("*") if not path.is_relative_to(small / ".ek")}
    assert {path.name for path in after - before} <= {".lock"}


def test_the_order_of_hashes_decides_nothing(small):
    found = []
    for seed in ("1", "2"):
        assert typed(["blend", "--quiet", "--name", "again"], changed={"PYTHONHASHSEED": seed}).returncode == 0
        found.append(Path("blends/again.json").read_bytes())
    assert found[0] == found[1]


@pytest.mark.slow
def test_training_that_has_used_up_its_cpu_time_is_saved_and_goes_on(small):
    words = [
        "train",
        "--data",
        "data",
        "--arch",
        "cnn",
        "--epochs",
        "100000",
        "--size",
        "16",
        "--name",
        "long",
        "--quiet",
    ]
    done = typed(words, {resource.RLIMIT_CPU: 20})
    assert done.returncode == 128 + 24
    assert "Saved. Go on:" in done.stderr
    assert list(Path("runs/long").glob("state-*.pt"))
