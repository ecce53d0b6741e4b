"""What `ek doctor` prints: a line a finding, its remedy below, problems counted at the end."""

from ensemble_kit.reporting.terminal import wrapped
from ensemble_kit.results import Diagnosis, DoctorReport

SUBJECT, STATUS = 12, 9  # columns


def examined(report: DoctorReport) -> str:
    """Return what `ek doctor` prints."""
    lines = [line for one in report.diagnoses for line in _described(one)]
    problems, notes = (sum(one.status == status for one in report.diagnoses) for status in ("problem", "note"))
    return "\n".join([*lines, wrapped(f"{len(report.diagnoses)} findings; problems: {problems}, notes: {notes}.")])


def _described(one: Diagnosis) -> list[str]:
    """Return a finding and its remedy, wrapped at the width of the terminal."""
    margin = " " * (SUBJECT + STATUS)
    found = wrapped(one.found, margin, f"{one.subject:<{SUBJECT}}{one.status:<{STATUS}}")
    return [found, wrapped(one.remedy, f"{margin}   ", f"{margin}-> ")] if one.remedy else [found]
