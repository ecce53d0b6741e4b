"""What was handed in -> the submission log; public scores that came back; what never arrived."""

import math
from typing import Unpack

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.submit import advice as advice
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import SubmissionsReport
from ensemble_kit.storage.submissions import log as log
from ensemble_kit.storage.submissions import read_rules
from ensemble_kit.workspace import SubmissionsOption, Workspace


@command
def submissions(
    **options: Unpack[SubmissionsOption],
) -> SubmissionsReport:
    """Show what was handed in, what is left of the day's quota, and which two to end with.

    Raises:
        CorruptError: the ledger or the rules are damaged.
    """
    folder = Workspace.of(options).submissions
    return advice.advise(folder, read_rules(folder, say))


@command
def submissions_score(
    name: str,
    score: float,
    **options: Unpack[SubmissionsOption],
) -> SubmissionsReport:
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
    log.enter_score(Workspace.of(options).submissions, name, score, advice.now())
    return submissions(**options)


@command
def submissions_withdraw(
    name: str,
    **options: Unpack[SubmissionsOption],
) -> SubmissionsReport:
    """Enter that a submission never reached the judge, so that it counts for nothing; its CSV stays.

    Raises:
        UnknownNameError: nothing was handed in under that name.
        CorruptError, LockedError, ResourceError: the ledger is damaged, or cannot be written.
    """
    log.withdraw(Workspace.of(options).submissions, name, advice.now())
    return submissions(**options)
