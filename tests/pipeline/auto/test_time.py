"""How much of a budget is used, on a simulated machine: never more than all, and at least 96 % of it."""

import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

import ensemble_kit as ek
from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.pipeline.auto import budget as budgets
from ensemble_kit.pipeline.auto import plan_and_train as auto_work
from ensemble_kit.pipeline.auto.budget import Budget
from ensemble_kit.pipeline.auto.measure import Taken, Work
from ensemble_kit.pipeline.auto.portfolio import Candidate, Cost
from ensemble_kit.results import AutoStepReport, TrainReport
from ensemble_kit.storage.runs import Spent
from ensemble_kit.workspace import Workspace

DEEP = {"arch": "cnn-deep", "recipe": "strong", "epochs": 40, "least_epochs": 16, "largest_px": 28}
TUNED = {"arch": "timm:tf_efficientnet_lite0", "recipe": "finetune-far", "epochs": 12, "least_epochs": 5}
FIELD = [
    Candidate("deep", **DEEP),
    Candidate("tuned", **TUNED, largest_px=128),
    *(Candidate("deep", **DEEP, seed=seed) for seed in range(1, 9)),
]
BLENDING_S = 0.8


class Machine:
    """Work takes seconds, more where the machine is slower; training ends by its clock."""

    def __init__(self, tmp_path, patch, seconds, true, speed):
        self.now, self.true, self.speed, self.took = 0.0, true, speed, None
        patch.setattr(budgets, "time", self)
        self.budget = Budget(tmp_path / "budget.json", Spent({}), seconds, 0.0)
        self.members = {}
        self.patch = patch
        for name in ("train", "tta", "taken_by", "_evaluated"):
            patch.setattr(auto_work, name, getattr(self, name.strip("_")))
        patch.setattr(auto_work, "wanted_here", lambda *given: FIELD)
        patch.setattr(auto_work, "checkpoint_of", lambda work, name: f"runs/{name}")
        self.work = Work(
            "auto", Source(), 0, True, True, Workspace.of({"runs": tmp_path}), RunContext(quiet=True), skip_bad=False
        )

    def perf_counter(self):
        return self.now

    def do(self, work_s):
        """Let so much work be done, a twentieth of a second at a time."""
        while work_s > 0:
            work_s -= 0.05 * self.speed(self.now)
            self.now += 0.05

    def train(self, name, minutes, epochs, arch, **given):
        cost, begun, done = self.true[arch], self.now, 0.0
        while self.now < begun + 60 * minutes and done < epochs:
            done += 0.05 * self.speed(self.now) / cost.epoch_s
            self.now += 0.05
        steps_s = self.now - begun
        self.do(cost.view_s + cost.once_s)
        view_s = cost.view_s / self.speed(self.now)
        self.members[name] = [arch, 1, done]
        self.took = Taken(steps_s, steps_s / done, view_s)
        return TrainReport(None, None, "", 28, 1, steps_s, ())

    def taken_by(self, work, decoded, name):
        return self.took

    def tta(self, folder, views, **given):
        arch, there, _ = self.members[folder.name]
        wanted = len(views.split(","))
        assert wanted > there
        self.members[folder.name][1] = wanted
        self.do((wanted - there) * self.true[arch].view_s + 0.8)

    def evaluated(self, work, name, budget):
        begun = self.now
        self.do(BLENDING_S * len(self.members) ** 0.5)
        budget.spent.found["blending_s"] = self.now - begun + auto_work.WRITING_S
        return AutoStepReport(
            name, "", False, 28, "", self.members[name][2], 1.0, self.members[name][1], 0.5, 0.5, (0.4, 0.6), None
        )

    def run(self, measured):
        kinds = {auto_work.kind_of(one): vars(measured[one.arch]) for one in FIELD}
        self.budget.spent.found |= {"costs": kinds, "flips": {"flip": True}, "near": None, "replace": False}
        decoded = SimpleNamespace(size_px=28)
        self.do(10)  # to read the images, and to measure
        while (name := auto_work.next_step(self.work, decoded, self.budget)) is not None:
            auto_work.try_member(self.work, decoded, name, self.budget)
        auto_work.add_views_to_last(self.work, self.budget)
        self.do(1.3 * BLENDING_S * len(self.members) ** 0.5 + 0.5)
        return self.now / self.budget.seconds


def steady(now):
    return 1.0


SPEEDS = {
    "steady": lambda seconds: steady,
    "half from the middle on": lambda seconds: lambda now: 1.0 if now < seconds / 2 else 0.5,
    "twice from the middle on": lambda seconds: lambda now: 1.0 if now < seconds / 2 else 2.0,
    "half for a while": lambda seconds: lambda now: 0.5 if 0.3 < now / seconds < 0.6 else 1.0,
    "half at the very end": lambda seconds: lambda now: 1.0 if now < 0.97 * seconds else 0.5,
}


@pytest.mark.parametrize("off", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("minutes", [5, 10, 20])
@pytest.mark.parametrize("slower", [1.0, 3.0])
def test_nearly_all_of_the_time_is_used_and_never_more(tmp_path, monkeypatch, minutes, speed, off, slower):
    seconds = 60.0 * minutes
    true = {
        "cnn-deep": Cost(5.0 * slower, 0.25 * slower, 3.0),
        "timm:tf_efficientnet_lite0": Cost(14.0 * slower, 0.8 * slower, 4.0),
    }
    measured = {arch: Cost(off * cost.epoch_s, off * cost.view_s, 4.0) for arch, cost in true.items()}
    machine = Machine(tmp_path, monkeypatch, seconds, true, SPEEDS[speed](seconds))
    used = machine.run(measured)
    assert 0.96 <= used <= 1.0, [
        (name, round(epochs, 1), views) for name, (_, views, epochs) in machine.members.items()
    ]
    assert len(machine.members) >= (3 if slower == 1 and minutes > 5 and off <= 1 else 1)


@pytest.mark.slow
def test_so_it_is_beside_processes_that_begin_midway(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ek.demo_data("data", train=600, val=100, test=100, size=28, quiet=True)
    others = []

    def compete():
        others.extend(subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count()))

    timer = threading.Timer(70, compete)
    timer.start()
    begun = time.perf_counter()
    try:
        report = ek.auto("data", 2.5, quiet=True, threads=1, pretrained=False)
    finally:
        timer.cancel()
        for other in others:
            other.kill()
    assert 0.96 <= (time.perf_counter() - begun) / 150 <= 1.0
    assert len(report.steps) >= 2
