"""The ways to find weights, of members and of views. Imports nothing heavy."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from ensemble_kit.ensembling import weights
from ensemble_kit.tables import Entry

if TYPE_CHECKING:
    from ensemble_kit.ensembling.weights.evidence import Evidence, Weighing

WEIGHTS: Final[Mapping[str, Entry["Callable[[Evidence], Weighing]"]]] = {
    "auto": Entry("log loss, drawn to equal as far as val asks", lambda: weights.auto),
    "equal": Entry("every member counts the same", lambda: weights.equal),
    "log-loss": Entry("least cross-fitted log loss", lambda: weights.log_loss),
    "greedy": Entry("add the member that helps the metric most", lambda: weights.greedy),
    "accuracy": Entry("most right on val, searched exactly", lambda: weights.accuracy),
    "stacking": Entry("logistic regression on all logits", lambda: weights.stack),
}


VIEW_CHOICES: Final[Mapping[str, Entry["Callable[[Evidence], Weighing]"]]] = {
    "auto": Entry("log loss, drawn to identity as far as val asks", lambda: weights.auto),
    "equal": Entry("every view counts the same", lambda: weights.equal),
    "log-loss": Entry("least cross-fitted log loss", lambda: weights.log_loss),
    "greedy": Entry("add the view that helps accuracy most", lambda: weights.greedy),
    "accuracy": Entry("most right on val, searched exactly", lambda: weights.accuracy),
    "none": Entry("identity alone", lambda: weights.prior_only),
}
