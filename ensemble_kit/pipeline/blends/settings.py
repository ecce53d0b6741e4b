"""How members are to be weighed: what was asked for, read once, checked once, saved with the blend."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ensemble_kit.ensembling.combining import METHODS
from ensemble_kit.ensembling.tuning import check_metric
from ensemble_kit.ensembling.weights import PLAIN, TEMPERATURES, WEIGHTS, Limits, Search, weight_method
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.members import Family, weighed
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.storage import Blend
from ensemble_kit.storage.members import Manifest
from ensemble_kit.tables import pick

STARTS = ("empty", "sorted")
TUNED_ON = (VAL, OOF)


class BlendSettings(NamedTuple):
    """A method, a way to find weights, and how these are searched for.

    weights: a name in `WEIGHTS`, or numbers by member.
    written: the weights as they are written down: a name, or cnn=1,vit=2.
    proof_s: seconds that may be spent to prove that no weights have more right; None: no proof.
    tune_on: the rows that decide: val, or oof, the folds of train that members held out.
    temperatures: a name in `TEMPERATURES`.
    """

    method: str
    weights: str | Mapping[str, float]
    written: str
    search: Search = PLAIN
    proof_s: float | None = None
    tune_on: str = VAL
    temperatures: str = "auto"

    def saved(self) -> dict[str, Any]:
        """Return what differs from the defaults, enough to search the same way again."""
        search, limits = self.search, self.search.limits
        said = {
            "start": search.start if search.start != PLAIN.start else None,
            "bags": search.bags or None,
            "max_members": limits.max_members,
            "max_ms": limits.max_ms,
            "certify_seconds": self.proof_s if weight_method(self.weights).provable else None,
            "tune_on": self.tune_on if self.tune_on != VAL else None,
            "temperatures": self.temperatures if self.temperatures != "auto" else None,
        }
        return {name: value for name, value in said.items() if value is not None}


def blend_settings(
    method: str,
    weights: str | Mapping[str, float],
    metric: str,
    given: Mapping[str, Any],
    costs: Mapping[str, float],
) -> BlendSettings:
    """Return the settings that were asked for.

    Args:
        given: start, bags, max_members, max_ms, certify_seconds, tune_on, temperatures, as far as they were given.
        costs: what an image takes (ms) by the name of what is weighed, as far as it was measured.

    Raises:
        UnknownNameError: a name that no table holds.
        InvalidOptionError: a part of NAME=1,... that cannot be read, a doubled name, a setting
            that cannot be, or one that the way does not read.
    """
    pick(METHODS, method, "method")
    check_metric(metric, method)
    numbers, written = _numbers(weights)
    start, bags = given.get("start", PLAIN.start), given.get("bags", PLAIN.bags)
    if start not in STARTS:
        raise InvalidOptionError(f"--start: wanted {' or '.join(STARTS)}, got '{start}'.")
    if bags < 0:
        raise InvalidOptionError(f"--bags: wanted 0 or more, got {bags}.")
    for name, value, default in (("start", start, PLAIN.start), ("bags", bags, PLAIN.bags)):
        if value != default and name not in weight_method(numbers).goes_by:
            those = " or ".join(way for way, line in WEIGHTS.items() if name in line.goes_by)
            raise InvalidOptionError(f"--{name} is read by --weights {those} alone, not by '{written}'.")
    proof_s = given.get("certify_seconds")
    if proof_s is not None and not proof_s > 0:
        raise InvalidOptionError(f"--certify-seconds: wanted more than 0, got {proof_s}.")
    tune_on = given.get("tune_on", VAL)
    if tune_on not in TUNED_ON:
        raise InvalidOptionError(f"--tune-on: wanted {' or '.join(TUNED_ON)}, got '{tune_on}'.")
    limits = Limits(given.get("max_members"), given.get("max_ms"), costs)
    temperatures = given.get("temperatures", "auto")
    pick(TEMPERATURES, temperatures, "way to find temperatures")
    return BlendSettings(method, numbers, written, Search(metric, start, bags, limits), proof_s, tune_on, temperatures)


def settings_of_saved(
    saved: Blend, costs: Mapping[str, float], families: Mapping[str, Sequence[str]] | None = None
) -> BlendSettings:
    """Return the way in which a saved blend was made.

    Args:
        costs: as `blend_settings` says.
        families: the members of each family, where families were weighed.

    Raises: as `blend_settings`.
    """
    weights = saved.requested_weights
    if families and not isinstance(weights, str):
        weights = {name: sum(weights[member] for member in members) for name, members in families.items()}
    return blend_settings(saved.method, weights, saved.metric, saved.settings, costs)


def with_method(settings: BlendSettings, method: str, weights: str, **search: Any) -> BlendSettings:
    """Return another method and way to find weights under the same limits."""
    changed = replace(PLAIN, metric=settings.search.metric, limits=settings.search.limits, **search)
    return settings._replace(method=method, weights=weights, written=weights, search=changed, proof_s=None)


def _numbers(weights: str | Mapping[str, float]) -> tuple[str | Mapping[str, float], str]:
    """Return how weights are found, a name or numbers, and how that is written down."""
    if isinstance(weights, Mapping):
        return weights, ",".join(f"{name}={weight:g}" for name, weight in weights.items())
    if not set("=,") & set(weights):
        pick(WEIGHTS, weights, "way to find weights")
        return weights, weights
    numbers: dict[str, float] = {}
    for part in weights.split(","):
        name, _, number = part.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not name or math.isnan(value) or name in numbers:
            raise InvalidOptionError(
                f"--weights: cannot use '{part}' in '{weights}'; wanted each member once, as in cnn=1,vit=2."
            )
        numbers[name] = value
    return numbers, weights


def settings_again(saved: Blend, manifests: Sequence[Manifest]) -> tuple[tuple[Family, ...], BlendSettings]:
    """Return the families that a saved blend weighs, none on val, and the way in which it was made.

    Raises:
        as `weighed` and `blend_settings`.
    """
    families, costs = weighed(saved.tuned_on, manifests)
    named = {family.name: [manifests[place].name for place in family.places] for family in families}
    return families, settings_of_saved(saved, costs, named)
