"""What was handed in to the judge -> the desk at a look; scores that the judge told; what never arrived."""

import math
from pathlib import Path

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.border import command
from ensemble_kit.pipeline.submit import advice as desk
from ensemble_kit.reporting import say
from ensemble_kit.results import SubmissionsReport
from ensemble_kit.storage.submissions import log as desk_ledger
from ensemble_kit.storage.submissions import read_rules


@command
def submissions(submissions: str | Path = "submissions") -> SubmissionsReport:
    """Show what was handed in, what is left of the day's quota, and which two to end with.

    Raises:
        CorruptError: the ledger or the rules are damaged.
    """
    folder = Path(submissions)
    return desk.look_over(folder, read_rules(folder, say))


@command
def submissions_told(name: str, score: float, submissions: str | Path = "submissions") -> SubmissionsReport:
    """Enter the public score that the judge shows for a submission; told again, the last one counts.

    Args:
        name: as `submissions` shows it.
        score: a fraction, as 0.912.

    Raises:
        UnknownNameError: nothing was handed in under that name.
        InvalidOptionError: a score that is no fraction.
        CorruptError, LockedError, ResourceError: the ledger is damaged, or cannot be written.
    """
    if not (math.isfinite(score) and 0 <= score <= 1):
        hint = f"; {score:g} % is {score / 100:g}" if 1 < score <= 100 else ""
        raise InvalidOptionError(f"Wanted a score from 0 to 1, got {score:g}{hint}.")
    desk_ledger.tell(Path(submissions), name, score, desk.now())
    return _after(submissions)


@command
def submissions_withdraw(name: str, submissions: str | Path = "submissions") -> SubmissionsReport:
    """Enter that a submission never reached the judge, so that it counts for nothing; its CSV stays.

    Raises:
        UnknownNameError: nothing was handed in under that name.
        CorruptError, LockedError, ResourceError: the ledger is damaged, or cannot be written.
    """
    desk_ledger.withdraw(Path(submissions), name, desk.now())
    return _after(submissions)


_after = submissions
