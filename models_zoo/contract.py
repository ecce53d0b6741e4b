"""What the zoo's table is made of, and what a builder is asked for and gives back.

Light: no torch, no numpy, nothing of any other package. A builder takes a `Wanted` and
returns a `Body` (see `models_zoo.body`); everything around it is done once, for all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from models_zoo.names import did_you_mean, nearest

if TYPE_CHECKING:
    from models_zoo.body import Body


class ZooError(ValueError):
    """No such architecture, option or weights, or ones that do not fit the images."""


class UnreachableError(ZooError):
    """Weights that come over the network, and there is none, or it does not have them."""


class Option(NamedTuple):
    """One option of an architecture: a number from `low` to `high`, or one of `choices`.

    unset: what the default means, where it is a number that stands for none.
    """

    help: str
    default: int | float | str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    unset: str = ""

    def __str__(self) -> str:
        """Return the range in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        noun = "a whole number" if isinstance(self.default, int) else "a number"
        return f"{noun} from {self.low:g} to {self.high:g}"


class Architecture(NamedTuple):
    """One line of the zoo.

    builder: fetches the function that builds it, as `lambda: models_zoo.cnn.build`; only then its module is imported.
    smallest_px: the smallest side of an image that it takes.
    pretrained: whether weights can be had by name.
    """

    help: str
    builder: "Callable[[], Callable[[Wanted], Body]]"
    smallest_px: int
    options: Mapping[str, Option] = {}
    pretrained: bool = False


@dataclass(frozen=True)
class Wanted:
    """What a builder is asked for; options are complete and checked."""

    arch: str
    classes: int
    size_px: int
    dropout: float
    options: Mapping[str, int | float | str]
    pretrained: bool = False

    def number(self, option: str) -> int:
        """Return an option that is a whole number."""
        return int(self.options[option])


def unknown(kind: str, name: str, known: Iterable[str], near: Sequence[str] | None = None) -> ZooError:
    """Return the error for a name that is not known, with those that were probably meant.

    Args:
        near: what was probably meant; None: those of `known` that are like it.

    Example:
        >>> print(unknown("architecture", "cn", ["cnn", "mlp"]))
        No architecture is named 'cn'; did you mean 'cnn'? Known: cnn, mlp.
    """
    names = sorted(known)
    hint = did_you_mean(nearest(name, names) if near is None else near)
    listed = ", ".join(names) if len(names) <= 20 else f"{len(names)} names"
    return ZooError(f"No {kind} is named '{name}'{hint} Known: {listed or 'none'}.")


def complete(arch: str, row: Architecture, given: Mapping[str, object]) -> dict[str, int | float | str]:
    """Return every option of the row, those given (also as text) in place of the defaults.

    Raises:
        ZooError: an option that the row does not have, or a value outside its range.

    Example:
        >>> row = Architecture("", dict, 1, {"width": Option("channels", 32, 1, 512)})
        >>> complete("cnn", row, {"width": "64"})
        {'width': 64}
    """
    for name in given:
        if name not in row.options:
            raise unknown(f"option of '{arch}'", name, row.options)
    return {
        name: _value(arch, name, option, given[name]) if name in given else option.default
        for name, option in row.options.items()
    }


def _value(arch: str, name: str, option: Option, given: object) -> int | float | str:
    """Return one value in the option's own type, if it is in its range."""
    try:
        value = type(option.default)(str(given))
    except ValueError:
        value = None
    fits = value in option.choices if option.choices else _within(value, option)
    if value is None or not fits:
        raise ZooError(f"Option '{name}' of '{arch}' is {given!r}; wanted {option}.")
    return value


def _within(value: object, option: Option) -> bool:
    """Return whether a number is in the option's range; NaN is not."""
    return isinstance(value, int | float) and option.low <= value <= option.high
