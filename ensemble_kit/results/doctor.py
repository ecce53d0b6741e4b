"""What `ek doctor` found out about a machine and a folder."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """One line of `ek doctor`: what was checked, how it is, and what to do about it.

    status: ok, note (works, but could be better) or problem.
    remedy: what to do; None where nothing need be done.
    """

    subject: str
    status: str
    found: str
    remedy: str | None = None


@dataclass(frozen=True)
class DoctorReport:
    """What `ek doctor` found; with a problem the command exits 6."""

    diagnoses: tuple[Diagnosis, ...]

    @property
    def well(self) -> bool:
        """Whether there is no problem; notes do not count."""
        return all(one.status != "problem" for one in self.diagnoses)
