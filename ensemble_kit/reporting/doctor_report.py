"""What `ek doctor` prints: a line a finding, its remedy below, problems counted at the end."""

import shutil
import textwrap

from ensemble_kit.results import Diagnosis, DoctorReport

SUBJECT, STATUS = 12, 9  # columns


def examined(report: DoctorReport) -> str:
    """Return what `ek doctor` prints."""
    lines = [line for one in report.diagnoses for line in _lines(one)]
    problems, notes = (sum(one.status == status for one in report.diagnoses) for status in ("problem", "note"))
    return "\n".join([*lines, f"{len(report.diagnoses)} findings; problems: {problems}, notes: {notes}."])


def _lines(one: Diagnosis) -> list[str]:
    """Return a finding and its remedy, wrapped at the width of the terminal."""
    width, margin = shutil.get_terminal_size((80, 24)).columns, " " * (SUBJECT + STATUS)
    first = f"{one.subject:<{SUBJECT}}{one.status:<{STATUS}}"
    lines = textwrap.wrap(one.found, width, initial_indent=first, subsequent_indent=margin, break_on_hyphens=False)
    if one.remedy:
        arrow = f"{margin}-> "
        lines += textwrap.wrap(
            one.remedy, width, initial_indent=arrow, subsequent_indent=" " * len(arrow), break_on_hyphens=False
        )
    return lines
