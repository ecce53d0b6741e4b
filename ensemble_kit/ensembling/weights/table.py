"""The ways to find weights, of members and of views. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Final

from ensemble_kit.tables import Entry

WEIGHTS: Final[Mapping[str, Entry]] = {
    "auto": Entry("log loss, drawn to equal as far as val asks", "ensemble_kit.ensembling.weights.logloss:auto"),
    "equal": Entry("every member counts the same", "ensemble_kit.ensembling.weights.evidence:equal"),
    "log-loss": Entry("least cross-fitted log loss", "ensemble_kit.ensembling.weights.logloss:log_loss"),
    "greedy": Entry("add the member that helps the metric most", "ensemble_kit.ensembling.weights.greedy:greedy"),
    "accuracy": Entry("most right on val, searched exactly", "ensemble_kit.ensembling.weights.accuracy:accuracy"),
    "stacking": Entry("logistic regression on all logits", "ensemble_kit.ensembling.weights.stacking:stack"),
}


VIEW_CHOICES: Final[Mapping[str, Entry]] = {
    "auto": Entry("log loss, drawn to identity as far as val asks", "ensemble_kit.ensembling.weights.logloss:auto"),
    "equal": Entry("every view counts the same", "ensemble_kit.ensembling.weights.evidence:equal"),
    "log-loss": Entry("least cross-fitted log loss", "ensemble_kit.ensembling.weights.logloss:log_loss"),
    "greedy": Entry("add the view that helps accuracy most", "ensemble_kit.ensembling.weights.greedy:greedy"),
    "accuracy": Entry("most right on val, searched exactly", "ensemble_kit.ensembling.weights.accuracy:accuracy"),
    "none": Entry("identity alone", "ensemble_kit.ensembling.weights.evidence:prior_only"),
}
