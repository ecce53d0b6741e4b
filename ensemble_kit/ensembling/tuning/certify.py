"""A blend beside the proof of how many images any weights could have right.

Joins the tuned numbers of a blend, which know views and temperatures, and the certificate,
which knows pairs alone. A better blend, where the solver meets one, takes its place.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ensemble_kit.ensembling.combining import cast_prob, voting_of
from ensemble_kit.ensembling.tuning.prepare import ViewChoice, prepare
from ensemble_kit.ensembling.weights import (
    NO_LIMITS,
    Certificate,
    Evidence,
    Limits,
    certify,
    choose_members,
    margins_of,
    right,
    weigh,
)
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.types import Pool, Tuned


class Proven(NamedTuple):
    """A blend, and the certificate of how many images any weights could have right."""

    tuned: Tuned
    certificate: Certificate


def prove(
    pool: Pool,
    tuned: Tuned,
    view_choices: Sequence[ViewChoice],
    seconds: float,
    limits: Limits = NO_LIMITS,
    temperatures: str = "auto",
) -> Proven:
    """Return the blend with the most images of the pool right that was found, and how many any weights could have.

    The blend itself comes back unless other weights have more right. Views and temperatures
    stay; members that the limits leave out stay out.

    Raises:
        InvalidOptionError: the blend is a stack, which has no weights; or scipy is missing.
    """
    if tuned.stack is not None:
        raise InvalidOptionError("A stack has no weights to be proven the best; take --weights accuracy.")
    voting, prepared = voting_of(tuned.method), prepare(pool, view_choices, temperatures)
    may = choose_members(prepared.logits, prepared.labels, limits, pool.members)
    logits = prepared.logits[may]
    even = np.full(len(may), 1.0 / len(may))
    ties = cast_prob(logits) if voting.unit == "votes" else None
    margins = margins_of(voting.cast(logits), prepared.labels, ties)
    certificate = certify(margins, seconds, tuned.weights[may])
    if certificate.best == int(right(margins, tuned.weights[may])):
        return Proven(tuned, certificate)
    found = weigh(Evidence(voting, logits, prepared.labels, prepared.fold, prepared.groups, even), certificate.weights)
    every = np.zeros(len(tuned.weights))
    every[may] = found.weights
    found_temperature = 1.0 if temperatures == "none" else found.blend_temperature
    return Proven(replace(tuned, weights=every, blend_temperature=found_temperature, ridge=None), certificate)
