"""Caruana's selection: add members one at a time, with replacement, whichever helps most."""

from typing import Final

import numpy as np

from ensemble_kit.ensembling.ballots import cast_prob, decide, softmax
from ensemble_kit.ensembling.weights import Evidence, Weighing, weigh
from ensemble_kit.metrics import METRICS, log_prob
from ensemble_kit.types import MemberLogits, Weights

GREEDY_ROUNDS: Final = 50


def greedy(evidence: Evidence) -> Weighing:
    """Add, with replacement, the member that gives the blend the best metric.

    From an empty start, 50 rounds; ties go to the member with the lowest index, and
    the earliest prefix with the best metric is kept. Log loss is that of the mean ballot
    of calibrated members, before the blend has a temperature.

    Source: Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
    """
    cast = evidence.ballot.cast(evidence.logits)
    confidence = cast_prob(evidence.logits) if evidence.ballot.unit == "votes" else None
    picks = np.zeros(len(cast))
    chosen: list[int] = []
    gains: list[float] = []
    for size in range(1, GREEDY_ROUNDS + 1):
        scores = _with_one_more(picks, cast) / size
        ties = None if confidence is None else _with_one_more(picks, confidence) / size
        rivals = _gains(evidence, scores, ties)
        best = int(np.argmax(rivals))
        picks[best] += 1
        chosen.append(best)
        gains.append(rivals[best])
    prefix = chosen[: int(np.argmax(gains)) + 1]
    return weigh(evidence, np.bincount(prefix, minlength=len(cast)) / len(prefix))


def _gains(evidence: Evidence, scores: MemberLogits, ties: MemberLogits | None) -> list[float]:
    """Return the metric of each blend that is tried, with the sign that makes more better."""
    rule, labels = METRICS[evidence.search.metric], evidence.labels
    if rule.reads == "predicted":
        return [rule.gain(rule.score(predicted, labels)) for predicted in decide(scores, ties)]
    chances = softmax(scores) if evidence.ballot.unit == "logits" else scores
    return [rule.gain(rule.score(log_prob(rival, labels), labels)) for rival in chances]


def _with_one_more(picks: Weights, cast: MemberLogits) -> MemberLogits:
    """Return, for each member, the sum of the ballots picked so far and its own."""
    sums: MemberLogits = np.tensordot(picks, cast, axes=1) + cast
    return sums
