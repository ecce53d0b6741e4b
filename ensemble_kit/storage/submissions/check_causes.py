"""Why an id or a label of a submission is not one that is wanted, and what to do about it.

A cause is a form that leaves away what programs and people change (blanks, case, endings, leading
zeros): where two texts have the same form, that is what became of one of them. The first cause
that leads to just one wanted text is named. To add one: a line in `ID_CAUSES` or `LABEL_CAUSES`.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache, partial
from math import isfinite, nan
from typing import Final, NamedTuple
from unicodedata import combining, normalize

from ensemble_kit.id_forms import base, is_rounded, stem
from ensemble_kit.storage.submissions.sample_and_csv import MISSING
from ensemble_kit.texts import bare

MANY: Final = 5000  # wanted texts; among more, nobody looks for the nearest
SHOWN: Final = 5  # of each kind of thing
LONGEST: Final = 60  # characters of a text that is shown
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
SCORES: Final = re.compile(r"[\[(]?\s*[\d.eE+-]+(\s*[,\s]\s*[\d.eE+-]+)+\s*[\])]?", re.ASCII)
AS_TEXT: Final = "Read them as text: pandas.read_csv(FILE, dtype=str)."
ROUNDED: Final = (
    "rounded by a spreadsheet, and their last digits are lost",
    "Write the file again, and open it as text alone.",
)
NO_CLASS: Final = "are no classes"
Explain = Callable[[str], "tuple[Cause, str] | None"]


class Cause(NamedTuple):
    """What is wrong, in words that follow 'ids' or 'labels', the remedy, and the form that leaves it away."""

    what: str
    remedy: str
    form: Callable[[str], str]


def explainer(wanted: Sequence[str], causes: Sequence[Cause]) -> Explain:
    """Return what tells what happened to a text, and which wanted one it was; None where nothing explains it."""

    @cache
    def by_form(form: Callable[[str], str]) -> dict[str, str]:
        forms = [form(text) for text in wanted]
        often = Counter(forms)
        return {one: text for one, text in zip(forms, wanted, strict=True) if often[one] == 1}

    def explain(text: str) -> tuple[Cause, str] | None:
        for cause in causes:
            if (meant := by_form(cause.form).get(cause.form(text))) is not None:
                return cause, meant
        return None

    return explain


def changed_id(given: str, wanted: Sequence[str]) -> str:
    """Return what became of an id on its way through another program, and the remedy; empty where nothing explains it.

    Example:
        >>> changed_id("7", ["0007", "0011"])
        "ids have lost their leading zeros: '7' (wanted '0007'). Read them as text: pandas.read_csv(FILE, dtype=str)."
    """
    if is_rounded(given):
        return f"ids were {ROUNDED[0]}: {shown(given)}. {ROUNDED[1]}"
    cause, meant = explainer(wanted, ID_CAUSES)(given) or (None, "")
    return "" if cause is None else f"ids {cause.what}: {shown(given)} (wanted {shown(meant)}). {cause.remedy}"


def wrong_label(text: str, classes: Sequence[str], is_last: bool) -> tuple[str, str, str]:
    """Return what stands in place of a class, the remedy, and what may be meant; the last row may be cut off.

    Example:
        >>> [wrong_label(text, ["ant", "bee", "cat"], False)[::2] for text in ("2", "0.7")]
        [('are places of classes, not names', " (2 is 'cat')"), ('are probabilities, not names', '')]
    """
    plain = text.strip()
    value = float(plain) if NUMBER.fullmatch(plain) else nan
    if plain.casefold() in MISSING:
        return "are missing", "Predict a class for every image.", ""
    if SCORES.fullmatch(plain):
        return "are scores of all classes", "Write the name of the class with the largest.", ""
    if value.is_integer() and 0 <= value < len(classes):
        meant = f" ({plain} is {shown(classes[int(value)])})"
        return "are places of classes, not names", "Write classes[label] instead of label.", meant
    if 0 <= value <= 1:
        return "are probabilities, not names", "Write the name of the likeliest class.", ""
    if NUMBER.fullmatch(plain):
        return "are numbers, not names", "Write class names.", ""
    if is_last and any(name.startswith(text) for name in classes):
        return "are cut off at the end of the file", "Write the file again.", ""
    near = get_close_matches(text, classes, n=1) if len(classes) <= MANY else []
    return NO_CLASS, f"Classes are {few(classes)}.", f" (did you mean {shown(near[0])}?)" if near else ""


def shown(text: str) -> str:
    """Return the text in quotes, marks that cannot be seen escaped, cut where it is long.

    Example:
        >>> print(shown("a" + chr(9) + "b"), shown("x" * 99)[-6:])
        'a\\tb' xxx...
    """
    said = ascii(text) if any(not mark.isprintable() or combining(mark) for mark in text) else repr(text)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3]}..."


def few(texts: Sequence[str]) -> str:
    """Return the first texts as they are shown."""
    return ", ".join(map(shown, texts[:SHOWN])) + (", ..." if len(texts) > SHOWN else "")


def _no_zeros(text: str) -> str:
    return re.sub(r"^0+(?=\d)", "", base(text))


def _number(text: str) -> str:
    """Return the one text of a number, `7.0` for `7`, `007` and `7.0`; any other text as it is."""
    return repr(float(text)) if NUMBER.fullmatch(text) and isfinite(float(text)) else text


_COMPOSED: Final = "are in another Unicode form (composed or decomposed)"
BLANKS: Final = Cause("have blanks around them", "Remove the blanks.", bare)
_TEXT_CAUSES: Final = (
    BLANKS,
    Cause(_COMPOSED, "Write them as the sample does: unicodedata.normalize.", partial(normalize, "NFC")),
    Cause("have full-width characters", "Write plain ones.", partial(normalize, "NFKC")),
    Cause(
        "have quotes in them",
        "Let a CSV writer set the quotes.",
        lambda text: re.sub(r"^b(?=['\"])", "", text).strip("'\"`"),
    ),
    Cause("differ in case", "Write them as they are.", str.casefold),
)
FOLDERS: Final = Cause("have a folder in front, or lack it", "Write the ids alone, as the sample has them.", base)
ENDINGS: Final = Cause(
    "lack their ending, or have another", "Write the ids as the sample has them.", lambda text: stem(base(text))
)
ID_CAUSES: Final = (
    *_TEXT_CAUSES,
    Cause("are Windows paths", "Write them with '/'.", lambda text: text.replace("\\", "/")),
    FOLDERS,
    Cause("have lost their leading zeros", AS_TEXT, _no_zeros),
    Cause("were turned into numbers", AS_TEXT, _number),
    ENDINGS,
    Cause("have lost their leading zeros and their ending", AS_TEXT, lambda text: stem(_no_zeros(text))),
    Cause("were turned into numbers and have lost their ending", AS_TEXT, lambda text: _number(stem(base(text)))),
)
LABEL_CAUSES: Final = (
    *_TEXT_CAUSES,
    Cause("are written as numbers with a point", "Write whole numbers: astype(int).", _number),
    Cause(
        "have other blanks, dashes or underscores",
        "Write the names of the classes as they are.",
        lambda text: re.sub(r"[\s_.-]+", " ", text.strip()).casefold(),
    ),
)
