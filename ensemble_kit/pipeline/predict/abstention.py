"""From which probability on a blend's answer stands: given, or found on val for a wanted accuracy."""

import numpy as np

from ensemble_kit.ensembling.evaluation import Split, held_out, repeats_of
from ensemble_kit.ensembling.selective import abstention, answer, fewest
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.blends import small_enough
from ensemble_kit.pipeline.predict.predictor import Predictor
from ensemble_kit.reporting.terminal import IMAGES, say
from ensemble_kit.results import AbstentionReport


def check_abstention(below: float | None, accuracy: float | None, early_exit: float | None) -> None:
    """Raise unless it is clear when to abstain.

    Raises:
        InvalidOptionError: numbers that are no shares, both of them, or an accuracy in a cascade.
    """
    for option, value in (("--abstain-below", below), ("--accuracy", accuracy)):
        if value is not None and not 0 < value < 1:
            raise InvalidOptionError(f"{option} is {value}; wanted a share above 0 and below 1, as 0.9.")
    if below is not None and accuracy is not None:
        raise InvalidOptionError("--accuracy finds what --abstain-below gives; give one of the two.")
    if accuracy is not None and early_exit is not None:
        raise InvalidOptionError(
            "--accuracy is found for the probabilities of the whole blend, and --early-exit gives those of the members "
            "that were asked; give one of the two."
        )


def abstention_report(
    predictor: Predictor, below: float | None, accuracy: float | None, quiet: bool
) -> AbstentionReport | None:
    """Return when to abstain; None: never.

    Raises:
        InvalidOptionError: a very large set of images, of which not all classes are read.
    """
    if accuracy is None:
        return None if below is None else AbstentionReport(below)
    confidence, correct, groups = _cross_fitted(predictor, quiet)
    found = abstention(confidence, correct, groups, accuracy)
    answered = np.isfinite(found.threshold)
    return AbstentionReport(
        threshold=found.threshold,
        wanted_accuracy=accuracy,
        coverage=found.coverage,
        coverage_interval=found.coverage_interval,
        accuracy=found.accuracy if answered else None,
        accuracy_interval=found.accuracy_interval if answered else None,
        accuracy_at_least=found.at_least if answered else None,
        fewest=fewest(accuracy),
        judged_on=predictor.evaluation.split,
        val_images=confidence.shape[1],
    )


def _cross_fitted(predictor: Predictor, quiet: bool) -> tuple[np.ndarray, np.ndarray, tuple[str, ...] | None]:
    """Return the winners' probabilities, and whether they are right, by blends that did not see the images."""
    val = predictor.evaluation.pool
    repeats = repeats_of(len(val.ids))
    say(f"Cross-fitting on {len(val.ids)} {IMAGES[predictor.evaluation.split]}, 5 folds x {repeats} ...", quiet)
    small = small_enough(val, "accuracy", "auto" if predictor.tuned.stack is None else "stacking")

    def say_of(split: Split) -> dict[str, np.ndarray]:
        counted, held = predictor.counted_as(predictor.procedure(small.fold(split.seen))), val.rows(split.held)
        found = answer(counted.pool(held), counted.tuned)
        confidence = found.probabilities[np.arange(len(split.held)), found.winners]
        return {"confidence": confidence, "correct": found.winners == held.labels}

    said = held_out(small.ids, small.labels, small.groups, say_of, repeats=repeats)
    return said["confidence"], said["correct"], val.groups
