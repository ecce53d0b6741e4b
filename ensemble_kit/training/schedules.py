"""The course of the learning rate: a factor in [0, 1] for every step of a run.

A schedule is a function of progress alone, so that a resumed run continues exactly.
Never touches an optimiser. To add one: write the function, add a line to SCHEDULES.
"""

import math

from ensemble_kit.tables import pick
from ensemble_kit.training.tables import SCHEDULES


def constant(progress: float) -> float:
    """Return 1 at every progress."""
    return 1.0


def cosine(progress: float) -> float:
    """Return half a cosine from 1 at progress 0 to 0 at progress 1.

    Example:
        >>> [round(cosine(progress), 3) for progress in (0.0, 0.5, 1.0)]
        [1.0, 0.5, 0.0]

    Source: Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts.
    """
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def factor(schedule: str, step: float, steps: int, warmup_steps: int, cycles: int = 1) -> float:
    """Return what the highest learning rate is multiplied by at a step.

    Args:
        step: from 0 to steps - 1, counted over the whole run; between two where a clock is ahead.
        warmup_steps: the factor rises in equal stairs up to 1 over this many steps, once.
        cycles: how often the schedule begins anew; they divide `steps`.

    Raises:
        UnknownNameError: no schedule has that name.

    Example:
        >>> [factor("constant", step, 7, 2) for step in range(4)]
        [0.5, 1.0, 1.0, 1.0]

    Source: restarts as in Loshchilov and Hutter, "SGDR", ICLR 2017.
    """
    course = pick(SCHEDULES, schedule, "schedule").load()
    if step < warmup_steps:
        return min(1.0, (step + 1) / warmup_steps)
    length = steps // cycles
    into, begun = step % length, warmup_steps if step < length else 0
    return float(course((into - begun) / max(1, length - begun)))
