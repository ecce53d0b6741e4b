"""What candidates cost is measured in what their runs compute in."""

from pathlib import Path

import pytest
import torch

import ensemble_kit as ek
from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.pipeline.auto import measure
from ensemble_kit.pipeline.auto.budget import Budget
from ensemble_kit.pipeline.auto.portfolio import Candidate
from ensemble_kit.pipeline.inputs import open_images
from ensemble_kit.pipeline.runs import computing
from ensemble_kit.storage.members import read_manifest
from ensemble_kit.storage.runs import Spent
from ensemble_kit.training import Computing
from ensemble_kit.training.timing import Quickest
from ensemble_kit.workspace import Workspace

ODD = Computing("bfloat16", "contiguous")
SMALL = Candidate("small", "cnn", "strong", 3, 2, 17, arch_option={"width": 5, "depth": 2})


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return what `_cost` computes in, where so many minutes are given and `quickest` may be asked so often."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    ek.demo_data("data", train=31, val=13, test=5, size=16, quiet=True)
    context, workspace = RunContext(quiet=True, device="cpu"), Workspace.of({})
    decoded = open_images(Source(data=Path("data")), None, workspace.cache, context)
    work = measure.Work("auto", Source(data=Path("data")), 0, False, False, workspace, context, False)
    seen, quick = [], []
    monkeypatch.setattr(computing, "RUN_GFLOP", 0.0)
    monkeypatch.setattr(computing, "STEPS", 0)
    monkeypatch.setattr("ensemble_kit.training.quickest", lambda *given: quick.append(1) or Quickest(ODD, {ODD: 0.5}))
    monkeypatch.setattr("ensemble_kit.training.seconds_per_image", lambda *_, computing: seen.append(computing) or 1)

    def ask(minutes):
        measure._cost(SMALL, work, decoded, False, Budget(tmp_path / "budget.json", Spent({}), 60 * minutes, 0.0))
        return seen.pop(), len(quick)

    return ask


def test_a_candidate_is_timed_in_what_its_run_computes_in_and_the_run_measures_nothing_again(asked):
    assert asked(30) == (ODD, 1)
    threads = torch.get_num_threads()
    how = {"arch": SMALL.arch, "arch_option": SMALL.arch_option, "recipe": "strong", "size": 16, "flip": False}
    ek.train("data", name="run", **how, epochs=1, threads=threads, device="cpu", minutes=10, quiet=True)
    assert read_manifest(Path("predictions/run")).training["computing"] == ODD._asdict()
    assert asked(30) == (ODD, 1)


def test_a_budget_of_short_members_is_not_spent_on_it(asked):
    assert asked(2) == (Computing("float32", "channels_last"), 0)
