"""Where a run stands in its schedule: as far as its steps are, or its clock, whichever is further.

So a run that the clock ends before its last step still ends with the smallest learning rate, however fast
or slow the machine becomes on the way. Never decides what happens at a place; `schedules` does.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """The course of a run.

    steps: of the whole schedule.
    time_gone: the share of the run's time that is over; 1: all of it. Always 0 where no clock runs.
    begun: where in the schedule the clock started, in steps.
    """

    steps: int
    time_gone: Callable[[], float]
    begun: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.time_gone() >= 1

    def expected(self, step: int) -> int:
        """Return how many steps there will be in all, at the pace of the first so many; without a clock, all.

        Example:
            >>> Pace(40, lambda: 0.5).expected(10), Pace(40, lambda: 0.0).expected(10)
            (20, 40)
        """
        return round(step * self.steps / self.place(step))

    def place(self, step: int) -> float:
        """Return where in the schedule the step is that comes after so many; without a clock, that number.

        Example:
            >>> Pace(40, lambda: 0.5).place(10), Pace(40, lambda: 0.25).place(10), Pace(40, lambda: 9.0).place(10)
            (20.0, 10.0, 39.0)
        """
        due = self.begun + (self.steps - self.begun) * self.time_gone()
        return max(float(step), min(due, self.steps - 1.0))
