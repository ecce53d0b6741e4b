"""From what people type to steps: one grammar, read piece by piece, every complaint with its place.

    verb fields*        crop@0.875:tl    shift@0.1:left:reflect    grid:3@0.75

A field is a mark (`@` or `:`) and a word. What each verb takes stands in `VERBS`, what each set
takes in `sets.SETS`; the same reader serves both. Numbers are spelled with six digits, and
are read as they would be spelled, so that equal spelling is equal meaning. Never touches pixels.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.views.primitives import GREY, Tone
from ensemble_kit.inference.views.steps import DIRECTIONS, EDGE, MODES, PLACES, Crop, Scale, Shift, Step, normal
from ensemble_kit.inference.views.turns import TURNS
from ensemble_kit.tables import pick
from ensemble_kit.types import IDENTITY

TONES: Final[Mapping[str, tuple[float, float]]] = {
    "brightness": (0.5, 2),
    "contrast": (0.5, 2),
    "saturation": (0, 2),  # 0 is grey
    "gamma": (0.5, 2),
    "sharpness": (0.5, 2),
}
NUMBER: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
SHOWN: Final = 120  # characters of a text that a message repeats


class Piece(NamedTuple):
    """A part of a text that knows where it stands: `at` counts characters from 1."""

    text: str
    whole: str
    at: int = 1
    mark: str = ""

    def split(self, marks: str) -> "list[Piece]":
        """Return the pieces between the marks, stripped, each with the mark before it."""
        found = re.finditer(rf"(^|[{marks}])\s*([^{marks}]*)", self.text)
        return [Piece(one[2].strip(), self.whole, self.at + one.start(2), one[1]) for one in found]

    def refused(self, wanted: str) -> InvalidOptionError:
        """Return the error that says what came, where, and what was wanted."""
        came = f"'{shortened(self.text)}'" if self.text else "Nothing"
        return InvalidOptionError(f"{came} at {self.place()}: wanted {wanted}.")

    def place(self) -> str:
        """Return where the piece stands, in words."""
        return f"character {self.at} of '{shortened(self.whole)}'"


class Field(NamedTuple):
    """What may follow a verb: its mark, what is wanted in words, how it is read (None: refused)."""

    mark: str
    wanted: str
    read: Callable[[str], Any]
    default: Any = None


class Form(NamedTuple):
    """How a verb is written, and what its fields make: a step, or the names of a set."""

    example: str
    make: Callable[..., Any]
    fields: tuple[Field, ...] = ()
    is_set: bool = False


def read_steps(view: Piece, forms: Mapping[str, Form]) -> tuple[Step, ...]:
    """Return the steps of one view in normal order.

    Raises:
        InvalidOptionError: a step that cannot be read, or a set among steps.
        UnknownNameError: a verb that no form has.
    """
    return normal(_read_step(step, forms) for step in view.split("*"))


def find_form(piece: Piece, forms: Mapping[str, Form]) -> Form:
    """Return the form of the verb that a piece begins with.

    Raises:
        InvalidOptionError: there is no verb.
        UnknownNameError: a verb that no form has.
    """
    verb = piece.split("@:")[0]
    if not verb.text:
        raise verb.refused("a view, such as hflip or crop@0.875:tl")
    if verb.text in forms:
        return forms[verb.text]
    return pick(forms, shortened(verb.text), f"view or set (at {verb.place()})")


def fill_form(form: Form, piece: Piece) -> Any:
    """Return what the fields of a piece make.

    Raises:
        InvalidOptionError: fields that are missing, too many, or cannot be read.
    """
    end = Piece("", piece.whole, piece.at + len(piece.text))
    pairs = zip_longest(form.fields, piece.split("@:")[1:])
    return form.make(*(_read_field(want, came, form, end) for want, came in pairs))


def spelled(steps: tuple[Step, ...]) -> str:
    """Return the name of a view of these steps."""
    return "*".join(step.spelled() for step in steps) or IDENTITY


def shortened(text: str) -> str:
    """Return the text fit to be shown: unprintable characters escaped, without its middle where it is long."""
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} ... {text[-SHOWN // 2 :]}"
    return repr(shown)[1:-1]


def number(mark: str, low: float, high: float, default: float | None = None) -> Field:
    """Return a field that takes a number from low to high."""
    return Field(mark, f"'{mark}' and a number from {low:g} to {high:g}", partial(_number, low, high), default)


def whole(mark: str, low: int, high: int) -> Field:
    """Return a field that takes a whole number from low to high."""
    return Field(mark, f"'{mark}' and a whole number from {low} to {high}", partial(_whole, low, high))


def ratio(default: float | None = None) -> Field:
    """Return a field that takes the ratio of a crop."""
    return Field("@", "'@' and a number above 0 and at most 1", lambda text: _number(0, 1, text) or None, default)


def _read_step(step: Piece, forms: Mapping[str, Form]) -> Step:
    form = find_form(step, forms)
    if form.is_set:
        raise step.refused("a view; a set stands alone in a list, not joined by '*'")
    made: Step = fill_form(form, step)
    return made


def _read_field(want: Field | None, came: Piece | None, form: Form, end: Piece) -> Any:
    if want is None:
        came = came or end
        raise came.refused(f"no '{came.mark}' there, as in {form.example}")
    if came is None and want.default is not None:
        return want.default
    value = want.read(came.text) if came and came.mark == want.mark else None
    if value is None:
        raise (came or end).refused(f"{want.wanted}, as in {form.example}")
    return value


def _number(low: float, high: float, text: str) -> float | None:
    """Read a number as it would be spelled; None where it is none, or outside (nan is)."""
    value = float(f"{float(text):.6g}") if NUMBER.fullmatch(text) else float("nan")
    return value if low <= value <= high else None


def _whole(low: int, high: int, text: str) -> int | None:
    value = int(text) if re.fullmatch("[0-9]{1,12}", text) else low - 1
    return value if low <= value <= high else None


def _place(text: str) -> tuple[float, float] | None:
    if text in PLACES:
        return PLACES[text]
    y, x = (_number(0, 1, part) for part in (text.split("x") if text.count("x") == 1 else ("", "")))
    return None if y is None or x is None else (y, x)


PLACE: Final = Field(":", f"':' and one of {', '.join(PLACES)} or two fractions YxX such as 0.25x0.75", _place)
DIRECTION: Final = Field(":", f"':' and one of {', '.join(DIRECTIONS)}", DIRECTIONS.get)
MODE: Final = Field(":", f"':' and one of {', '.join(MODES)}", lambda text: text if text in MODES else None, EDGE)
VERBS: Final[Mapping[str, Form]] = {
    **{name: Form(name, lambda turn=turn: turn) for name, turn in TURNS.items()},
    "crop": Form("crop@0.875:tl", lambda side, place: Crop(side, *place), (ratio(), PLACE)),
    "scale": Form("scale@1.15", Scale, (number("@", 0.5, 2), MODE)),
    "shift": Form(
        "shift@0.1:left",
        lambda amount, direction, mode: Shift(amount, direction[0], direction[1], mode),
        (number("@", 0, 0.5), DIRECTION, MODE),
    ),
    **{tone: Form(f"{tone}@1.1", partial(Tone, tone), (number("@", *ends),)) for tone, ends in TONES.items()},
    GREY: Form(GREY, partial(Tone, "saturation", 0.0)),
}
