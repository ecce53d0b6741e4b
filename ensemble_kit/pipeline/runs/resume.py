"""A run on its way: its state on disk, how far it is, what to type to go on with it.

A state holds a snapshot of the training loop and the facts it belongs to: the plan, the
fingerprints of the images, the checkpoint of the member that it is to replace. Never
decides whether a state may be taken up; `claim` does.
"""

import json
import re
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ensemble_kit.pipeline.entry import Notice, Stopped
from ensemble_kit.pipeline.models import PATHS, Plan
from ensemble_kit.storage.runs import resume_state as states
from ensemble_kit.storage.runs import write_config
from ensemble_kit.training import Recipe

# what runs of earlier versions did, whose plans do not say so
_DEFAULTS = {one.name: one.default for kind in (Recipe, Plan) for one in fields(kind) if one.default is not MISSING}
SHA256 = re.compile("[0-9a-f]{64}")
DEFAULT_FOLDERS = {"runs": Path("runs"), "predictions": Path("predictions")}


@dataclass
class Saver:
    """Writes the state of a run now and then, and when a signal asks to stop.

    config: the options that go on with the run, see `config_of`.
    save_every_s: seconds between two states; 0: after every step.
    train_s: seconds of training before this process took over.
    """

    folder: Path
    config: Mapping[str, Any]
    facts: Mapping[str, Any]
    go_on: str
    save_every_s: float
    train_s: float
    notice: Notice
    started: float = field(default_factory=time.perf_counter)
    step: Any = None
    _saved_step: int = 0
    _saved_at: float = field(default_factory=time.perf_counter)

    @property
    def steps_done(self) -> int:
        """How many steps the run has taken, over all epochs."""
        return 0 if self.step is None else (self.step.epoch - 1) * self.step.steps + self.step.step

    def pause(self, take_snapshot: Callable[[], Mapping[str, Any]]) -> None:
        """Save where it is time to, and leave where a signal came.

        Raises:
            Stopped: a signal came; the state is on disk.
            ResourceError: it cannot be written.
        """
        due = time.perf_counter() - self._saved_at >= self.save_every_s or self.notice.signal is not None
        if due and self.steps_done > self._saved_step:
            train_s = self.train_s + time.perf_counter() - self.started
            state = {"facts": {**self.facts, "train_s": train_s}, "snapshot": dict(take_snapshot())}
            if not self._saved_step:
                write_config(self.folder, self.config, states.UNFINISHED_NAME)
            states.write_state(self.folder, self.steps_done, state)
            self._saved_step, self._saved_at = self.steps_done, time.perf_counter()
        self.leave_if_asked()

    def leave_if_asked(self) -> None:
        """Raise where a signal came.

        Raises:
            Stopped: one did.
        """
        if self.notice.signal is None:
            return
        where = "before its next step"
        if self.step is not None:
            where = f"at step {self.steps_done} of {self.step.epochs * self.step.steps} (epoch {self.step.epoch})"
        raise Stopped(self.notice.signal, f"Stopped {where}. Saved. Go on:", f"  {self.go_on}")


def facts_of(plan: Plan, fingerprints: Mapping[str, str], standing: str | None) -> dict[str, Any]:
    """Return what a state says of its run, as plain data.

    Args:
        standing: the checkpoint of the member that stands under the name, see `claim`.
    """
    facts = {"plan": asdict(plan), "fingerprints": dict(fingerprints), "standing": standing}
    return dict(json.loads(json.dumps(facts)))


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Return where two plans differ, a line an option; empty where they do not.

    Where the images lie is passed over: the fingerprints say whether they are the same.

    Example:
        >>> differences({"hyperparameters": {"epochs": 20}}, {"hyperparameters": {"epochs": 5}})
        ['  epochs: 20 there, 5 here']
    """
    old, new = _asked(there), _asked(here)
    return [
        f"  {name}: {_said(old.get(name))} there, {_said(new.get(name))} here"
        for name in {**new, **old}
        if old.get(name) != new.get(name)
    ]


def _said(value: Any) -> str:
    """Return a value of an option as it is typed."""
    if value is None or value in ({}, [], ()):
        return "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_said(one)}" for name, one in value.items())
    if isinstance(value, str) and SHA256.fullmatch(value):
        return value[:12]
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def go_on(folder: Path, predictions: Path) -> str:
    """Return the command that goes on with the unfinished run of a folder.

    Example:
        >>> go_on(Path("runs/cnn"), Path("predictions"))
        'ek train --config runs/cnn/unfinished.yaml --resume'
    """
    words = ["ek", "train", "--config", (folder / states.UNFINISHED_NAME).as_posix(), "--resume"]
    for option, given in (("runs", folder.parent), ("predictions", predictions)):
        if given != DEFAULT_FOLDERS[option]:
            words += [f"--{option}", given.as_posix()]
    return shlex.join(words)


def _asked(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan flat, without its name and without what the fingerprints cover."""
    flat = {**_DEFAULTS, **plan.get("source", {}), **plan.get("hyperparameters", {}), **plan}
    left_out = {"name", "source", "hyperparameters", "kept_epoch", "in_time", "computing", "unlabelled_images", *PATHS}
    left_out -= {"weights"}
    plain: dict[str, Any] = json.loads(json.dumps(flat))
    return {name: value for name, value in plain.items() if name not in left_out and value is not None}
