"""The ways to find weights, of members and of views. Imports nothing heavy.

To add one: a function from `Evidence` to `Weighing` in a module of this room, shown in the room's stub, and a line
here, which says all that the rest of the kit has to know of it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ensemble_kit.ensembling import weights
from ensemble_kit.tables import Entry

if TYPE_CHECKING:
    from ensemble_kit.ensembling.weights.evidence import Evidence, Weighing
    from ensemble_kit.types import Labels, MemberLogits, Weights


class WeightMethod(NamedTuple):
    """One line of `WEIGHTS`.

    reach: fetches the function, as `lambda: weights.equal`; only then its module is imported.
    goes_by: the fields of `Search` that it is handed, beside the limits; settings in which blends differ count as
        another trial only where they are named here.
    provable: whether `prove` can tell how far its weights are from the best ones.
    stacks: whether it gives a `Stack`, which reads all logits instead of weighing members: of logit-sum alone, of
        every class, and of more images.
    """

    help: str
    reach: "Callable[[], Callable[[Evidence], Weighing]]"
    goes_by: tuple[Literal["metric", "start", "bags"], ...] = ()
    provable: bool = False
    stacks: bool = False

    def load(self) -> "Callable[[Evidence], Weighing]":
        """Import and return the function."""
        return self.reach()


WEIGHTS: Final[Mapping[str, WeightMethod]] = {
    "auto": WeightMethod("log loss, shrunk towards weights by what each knows", lambda: weights.auto),
    "equal": WeightMethod("every member counts the same", lambda: weights.equal),
    "log-loss": WeightMethod("least cross-fitted log loss", lambda: weights.log_loss),
    "greedy": WeightMethod(
        "add the member that helps the metric most", lambda: weights.greedy, goes_by=("metric", "start", "bags")
    ),
    "accuracy": WeightMethod("most right on val, searched exactly", lambda: weights.accuracy, provable=True),
    "stacking": WeightMethod("logistic regression on all logits", lambda: weights.stack, stacks=True),
}


VIEW_CHOICES: Final[Mapping[str, Entry["Callable[[Evidence], Weighing]"]]] = {
    "auto": Entry("log loss, shrunk towards identity alone", lambda: weights.auto),
    "equal": Entry("every view counts the same", lambda: weights.equal),
    "log-loss": Entry("least cross-fitted log loss", lambda: weights.log_loss),
    "greedy": Entry("add the view that helps accuracy most", lambda: weights.greedy),
    "accuracy": Entry("most right on val, searched exactly", lambda: weights.accuracy),
    "none": Entry("identity alone", lambda: weights.prior_only),
}


TEMPERATURES: Final[Mapping[str, Entry["Callable[[MemberLogits, Labels], Weights]"]]] = {
    "auto": Entry("fitted, for each member and for the blend", lambda: weights.fit_temperatures),
    "none": Entry("all 1: logits as they are", lambda: weights.no_temperatures),
}


def weight_method(named: str | Mapping[str, float]) -> WeightMethod:
    """Return the line of a way to find weights; numbers, as `{"cnn": 1}` or as written `cnn=1`, are a way too.

    Example:
        >>> weight_method("greedy").goes_by, weight_method("cnn=1,vit=2").help
        (('metric', 'start', 'bags'), 'numbers by member')
    """
    return WEIGHTS.get(named, _GIVEN) if isinstance(named, str) else _GIVEN


_GIVEN: Final = WeightMethod("numbers by member", lambda: weights.prior_only)  # the numbers are the prior
