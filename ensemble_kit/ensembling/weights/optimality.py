"""Proof that no weights have more images right, by mixed-integer linear programming.

Along one member's weight the best is found by a sweep; over all members at once it takes
a solver. One yes-or-no number an image says whether the image is won, and HiGHS (in scipy)
finds weights that win the most, with a bound that no weights exceed. What is proven is
about wins by a margin, since a solver that computes in floating point cannot tell a hair's
breadth from a tie. Never sees labels or logits, only `Margins`.

HiGHS runs in a process of its own: some of its releases print to standard output whatever
they are told, and none can be interrupted while it is at work.
"""

import json
import math
import subprocess
import sys
import time
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Int

from ensemble_kit.ensembling.combining import normalised
from ensemble_kit.ensembling.weights.margins import Leads, Margins, right
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.types import Weights

EPSILON: Final = 1e-5  # ten times what HiGHS lets pass as zero
_GRACE_S: Final = 10.0  # for the other process to start, and to stop
_OPTIMAL, _TIME_LIMIT = 0, 1  # scipy's numbers
_WHOLE = 1e-6  # a count this close below a whole number is that number


class Certificate(NamedTuple):
    """The best weights known, and how many images any weights could have right.

    best: how many images these weights have right, counted as the blend itself decides, ties
        included.
    bound: no weights win more images by the margin; `best` where ties take that further.
    epsilon: the margin: in every pair of a won image, the label must be ahead by at least
        this part of the widest lead, either way, that any member has in that pair. In votes
        it is a share of them, so a win that needs a tie to be broken is not counted.
    seconds: how long the search and the proof took.
    """

    weights: Weights
    best: int
    bound: int
    epsilon: float
    seconds: float

    @property
    def gap(self) -> int:
        """How many more images might be right under weights that were not found; 0 is the proof that none are."""
        return self.bound - self.best


class _Answer(NamedTuple):
    """What the solver found: weights, and how many decided images any weights can win."""

    weights: list[float] | None = None
    bound: float | None = None


def certify(margins: Margins, seconds: float, known: Weights) -> Certificate:
    """Return the weights with the most images right, and a bound on what any weights have.

    Args:
        seconds: how long the solver may take; where that is too short, there is a gap.
        known: weights found by another search; they stand unless better ones are found.

    Raises:
        MisalignedError: there are more or fewer known weights than members.
        InvalidOptionError: the seconds are not above 0, or known
            weights are negative, not finite, or all 0.

    Example:
        >>> from ensemble_kit.ensembling.weights.margins import margins_of
        >>> cast = np.array([[[3.0, 0.0], [0.0, 2.0], [0.0, 1.0]], [[0.0, 2.0], [3.0, 0.0], [0.0, 1.0]]])
        >>> found = certify(margins_of(cast, np.array([0, 0, 0])), 5.0, np.array([1.0, 0.0]))
        >>> found.best, found.bound, found.weights.round(2)  # image 2 is lost by both
        (2, 2, array([0.5, 0.5]))

    Source: own; the program is that of the maximum feasible subsystem, Amaldi and Kann, "The
        complexity and approximability of finding maximum feasible subsystems of linear
        relations", Theoretical Computer Science 147, 1995.
    """
    started = time.monotonic()
    _check(margins, seconds, known)
    weights, best = known, _count(margins, known)
    bound = margins.always_right + len(margins.image)
    if best < bound:
        answer = _solve_apart(_relative(margins.lead), _image_of_margin(margins), seconds)
        if answer.bound is not None:
            bound = min(bound, margins.always_right + math.floor(answer.bound + _WHOLE))
        if answer.weights is not None and _count(margins, np.array(answer.weights)) > best:
            weights = np.array(answer.weights)
            best = _count(margins, weights)
    return Certificate(weights, best, max(bound, best), EPSILON, time.monotonic() - started)


def _check(margins: Margins, seconds: float, known: Weights) -> None:
    """Raise unless there is time for the solver, and weights to start from."""
    if not (math.isfinite(seconds) and seconds > 0):
        raise InvalidOptionError(f"Wanted a number of seconds above 0 for the proof, got {seconds}.")
    normalised(known, len(margins.lead))


def _count(margins: Margins, weights: Weights) -> int:
    """Return how many images the weights have right, as the blend itself decides."""
    return int(right(margins, weights[None])[0])


def _relative(lead: Leads) -> Leads:
    """Return the leads as parts of the widest lead, either way, that any member has in the pair."""
    widest = np.abs(lead).max(axis=0, initial=0.0)
    return lead / np.where(widest > 0, widest, 1.0)


def _image_of_margin(margins: Margins) -> Int[np.ndarray, " pairs"]:
    """Return the place, among the decided images, of each pair's image."""
    return np.concatenate([np.arange(width) for width in margins.widths])


def _solve_apart(lead: Leads, image: Int[np.ndarray, " pairs"], seconds: float) -> _Answer:
    """Return what `_solve` finds in a process of its own; nothing if that dies or hangs."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import _answer; _answer()"
    question = json.dumps({"lead": lead.tolist(), "image": image.tolist(), "seconds": seconds})
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=question,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=seconds + _GRACE_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return _Answer()
    replies = [line for line in done.stderr.splitlines() if line.startswith("{")]
    return _Answer(**json.loads(replies[-1])) if done.returncode == 0 and replies else _Answer()


def _answer() -> None:
    """Read a question from standard input, and write its answer where HiGHS writes nothing: to standard error."""
    question = json.load(sys.stdin)
    found = _solve(np.array(question["lead"]), np.array(question["image"]), question["seconds"])
    print(json.dumps(found._asdict()), file=sys.stderr)


def _solve(lead: Leads, image: Int[np.ndarray, " pairs"], seconds: float) -> _Answer:
    """Return weights that win as many images as can be found in the time, and the bound on that.

    Args:
        lead: as parts of the widest in each pair.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    members, decided = len(lead), int(image.max()) + 1
    a_win = np.repeat([0.0, 1.0], [members, decided])
    result = milp(
        -a_win,
        integrality=a_win,
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(_wins(lead, image), 0, np.inf), LinearConstraint(1 - a_win[None], 1, 1)],
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    if result.status not in (_OPTIMAL, _TIME_LIMIT) or result.mip_dual_bound is None:
        return _Answer()
    bound = -float(result.mip_dual_bound)
    if result.x is None:
        return _Answer(None, bound if math.isfinite(bound) else None)
    won = result.x[members:] > 0.5
    return _Answer(_centred(lead[:, won[image]], result.x[:members]).tolist(), bound)


def _wins(lead: Leads, image: Int[np.ndarray, " pairs"]) -> Any:
    """Return the rows, one a pair, that must not be negative: an image is won in all its pairs, or not claimed.

    Weights sum to 1, so `behind` is the most by which a pair can be lost: the least number
    that sets an image free that is not claimed.
    """
    from scipy.sparse import coo_array, csr_array, hstack

    behind = np.maximum(-lead.min(axis=0), 0.0)
    claims = coo_array((-(behind + EPSILON), (np.arange(len(image)), image)))
    return hstack([csr_array((lead + behind).T), claims], format="csr")


def _centred(lead: Leads, weights: Weights) -> Weights:
    """Return the weights whose narrowest margin in these pairs is the widest.

    The solver leaves its weights on the edge of what wins; these stand in the middle.
    """
    from scipy.optimize import linprog

    members, margins = lead.shape
    margin = np.hstack([-lead.T, np.ones((margins, 1))])  # last: the margin itself, which no pair may fall short of
    result = linprog(
        np.eye(members + 1)[-1] * -1,
        A_ub=margin,
        b_ub=np.zeros(margins),
        A_eq=1 - np.eye(members + 1)[-1:],
        b_eq=[1.0],
        bounds=[(0, 1)] * members + [(-1, 1)],
    )
    centred = np.maximum(weights if result.x is None else result.x[:members], 0.0)
    return normalised(centred, members)
