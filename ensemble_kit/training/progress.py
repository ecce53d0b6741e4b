"""Where a training run stands: all that the next step depends on, to be written down and taken up again.

A snapshot is a mapping of tensors and plain numbers, on the CPU, cut loose from the run; a
run that takes it up goes on bit for bit, because its random numbers come from (seed, epoch,
step) and never from a generator that moves on. Never reads or writes files.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.training.averaging import RunningMean
from ensemble_kit.versions import made_elsewhere

Snapshot = dict[str, Any]


@dataclass(frozen=True)
class Epoch:
    """One row of the history; losses are mean cross entropies in nats."""

    epoch: int  # from 1
    train_loss: float  # as trained: with smoothing, mixing and augmentation
    val_loss: float | None  # None where val was not measured
    val_accuracy: float | None
    lr: float  # at the epoch's last step
    seconds: float  # of its steps alone, without measuring on val
    images_per_s: float
    val_score: float | None = None  # in the metric that the run goes by


@dataclass(frozen=True, eq=False)
class Best:
    """The epoch with the best score so far; its weights only where they are to be kept."""

    epoch: int  # from 1
    gain: float  # more is better
    state: dict[str, Tensor]


@dataclass(eq=False)
class Progress:
    """A run between two steps.

    epoch: the one under way, from 0; step: how many of its steps are done.
    seconds, losses: what those steps took, and their losses, on the device.
    place: of the last step in the schedule, see `Pace`; cycle: how many of its cycles are over;
        measured: how often val was, of the times that are due.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    mean: RunningMean | None
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    losses: list[Float[Tensor, ""]] = field(default_factory=list)
    history: list[Epoch] = field(default_factory=list)
    best: Best | None = None
    place: float = 0.0
    cycle: int = 0
    measured: int = 0

    @property
    def scored(self) -> nn.Module:
        """The module whose weights count: the running mean where there is one."""
        return self.module if self.mean is None else self.mean.module

    def snapshot(self) -> Snapshot:
        """Return a copy of all there is; `torch.load(weights_only=True)` gives it back from a file.

        Raises:
            InvalidOptionError: the loss stopped being a number; such a run is not worth keeping.
        """
        self.check_losses()
        best = self.best
        return {
            "module": state_of(self.module),
            "optimizer": _copied(self.optimizer.state_dict()),
            "mean": None if self.mean is None else state_of(self.mean.module),
            "epoch": self.epoch,
            "step": self.step,
            "place": self.place,
            "cycle": self.cycle,
            "measured": self.measured,
            "seconds": self.seconds,
            "losses": torch.stack(self.losses).cpu() if self.losses else torch.zeros(0),
            "history": [asdict(row) for row in self.history],
            "best": None if best is None else {"epoch": best.epoch, "gain": best.gain, "state": dict(best.state)},
        }

    def take_up(self, snapshot: Mapping[str, Any], device: torch.device) -> None:
        """Go on from a snapshot of a run of the same recipe, module and data.

        Raises:
            BadDataError: another version of ensemble_kit or torch took it, and it does not fit.
        """
        try:
            self._take_up(snapshot, device)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "loading state_dict" not in str(error):
                raise
            why = f"it does not fit what is trained here ({' '.join(str(error).split())[:200]})."
            raise made_elsewhere("The state of the unfinished run", f"{why} Begin anew with --replace.") from error

    def _take_up(self, snapshot: Mapping[str, Any], device: torch.device) -> None:
        self.module.load_state_dict(snapshot["module"])
        self.optimizer.load_state_dict(snapshot["optimizer"])
        if self.mean is not None:
            self.mean.module.load_state_dict(snapshot["mean"])
        self.epoch, self.step, self.seconds = snapshot["epoch"], snapshot["step"], snapshot["seconds"]
        # earlier versions knew no clock, so their place is that of their steps
        self.place, self.cycle, self.measured = (snapshot.get(name, 0) for name in ("place", "cycle", "measured"))
        self.losses = list(snapshot["losses"].to(device).unbind())
        self.history = [Epoch(**row) for row in snapshot["history"]]
        self.best = None if snapshot["best"] is None else Best(**snapshot["best"])

    def check_losses(self, since: int = 0) -> None:
        """Raise where a loss of this epoch is no number; waits for the device.

        Args:
            since: the first step to check, from 0.

        Raises:
            InvalidOptionError: one is not; the message names the step and the remedy.
        """
        if self.step == since:
            return
        finite = torch.isfinite(torch.stack(self.losses[since:]))
        if not bool(finite.all()):
            step = since + int((~finite).nonzero()[0])
            raise InvalidOptionError(
                f"The training loss is {float(self.losses[step])} at step {step + 1} of epoch {self.epoch + 1} "
                f"(learning rate {self.optimizer.param_groups[0]['lr']:.3g}); wanted a finite number. "
                "Lower --lr, or add --warmup-epochs."
            )

    def end_epoch(self, row: Epoch) -> None:
        """Put a row into the history and begin the next epoch."""
        self.history.append(row)
        self.epoch, self.step, self.seconds, self.losses = self.epoch + 1, 0, 0.0, []


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the weights on the CPU, in plain memory order."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in module.state_dict().items()}


def _copied(value: Any) -> Any:
    """Return plain data with every tensor copied to the CPU; memory order stays, fused steps rely on it."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, (list, tuple)) else value
