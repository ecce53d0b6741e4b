"""Why an id or a label of a submission is not one that is wanted, and what to do about it.

A cause is a form that leaves away what programs and people change (blanks, case, endings, leading
zeros): where two texts have the same form, that is what became of one of them. The first cause
that leads to just one wanted text is named. To add one: a function, a line in `ID_CAUSES` or `LABEL_CAUSES`.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from ensemble_kit.storage.submissions.findings import shown
from ensemble_kit.storage.submissions.sample_and_csv import stem

MANY: Final = 5000  # wanted texts; among more, nobody looks for the nearest
NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MISSING: Final = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>", "nat", "?"})
DTYPE: Final = "Read them as text: pandas.read_csv(FILE, dtype=str)."
ENDINGS: Final = "lack their ending, or have another"
FOLDERS: Final = "have a folder in front, or lack it"
LIST: Final = re.compile(r"[\[(]?\s*[\d.eE+-]+(\s*[,\s]\s*[\d.eE+-]+)+\s*[\])]?", re.ASCII)


class Cause(NamedTuple):
    """What is wrong, in words that follow 'ids' or 'labels', the remedy, and the form that leaves it away."""

    what: str
    remedy: str
    form: Callable[[str], str]


class Known:
    """The texts that are wanted, in order, and what others may have become of them."""

    def __init__(self, texts: Sequence[str], causes: Sequence[Cause]) -> None:
        """Take the texts, and the causes in the order in which they are tried."""
        self.order = tuple(texts)
        self.texts = frozenset(texts)
        self._causes = causes
        self._forms: dict[str, dict[str, str]] = {}

    def cause(self, text: str) -> tuple[Cause, str] | None:
        """Return what happened to the text, and which wanted text it was; None where nothing explains it."""
        for cause in self._causes:
            if cause.what not in self._forms:
                self._forms[cause.what] = _one_to_one(cause.form, self.order)
            if (wanted := self._forms[cause.what].get(cause.form(text))) is not None:
                return cause, wanted
        return None

    def nearest(self, text: str) -> str:
        """Return a question after the wanted text that looks most like it; empty where none does."""
        near = [] if len(self.order) > MANY else get_close_matches(text, self.order, n=1, cutoff=0.6)
        return f" (did you mean {shown(near[0])}?)" if near else ""


def label_cause(text: str, classes: Sequence[str]) -> tuple[str, str, str] | None:
    """Return what a label is instead of a class name, the remedy, and what it may mean; None: unclear.

    Example:
        >>> label_cause("2", ["ant", "bee", "cat"])[::2], label_cause("0.7", ["ant", "bee", "cat"])[0]
        (('are places of classes, not names', " (2 is 'cat')"), 'are probabilities, not names')
    """
    if text.strip().casefold() in MISSING:
        return "are missing", "Predict a class for every image.", ""
    if LIST.fullmatch(text.strip()):
        return "are scores of all classes", "Write the name of the class with the largest.", ""
    if not NUMBER.fullmatch(text.strip()):
        return None
    value = float(text)
    if value.is_integer() and 0 <= value < len(classes):
        meant = f" ({text.strip()} is {shown(classes[int(value)])})"
        return "are places of classes, not names", "Write classes[label] instead of label.", meant
    if 0 <= value <= 1:
        return "are probabilities, not names", "Write the name of the likeliest class.", ""
    return "are numbers, not names", "Write class names.", ""


def _one_to_one(form: Callable[[str], str], texts: Sequence[str]) -> dict[str, str]:
    """Return the texts by their form, without those that share one."""
    forms = [form(text) for text in texts]
    often = Counter(forms)
    return {one: text for one, text in zip(forms, texts, strict=True) if often[one] == 1}


def _latin(text: str) -> str:
    """Return text that was no UTF-8 as Latin-1 has it."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unquoted(text: str) -> str:
    return re.sub(r"^b(?=['\"])", "", text).strip("'\"`")


def _spaced(text: str) -> str:
    return re.sub(r"[\s_.-]+", " ", text.strip()).casefold()


def _slashed(text: str) -> str:
    return text.replace("\\", "/")


def _file(text: str) -> str:
    return _slashed(text).rpartition("/")[2]


def _number(text: str) -> str:
    """Return the one text of a number, `7.0` for `7`, `007` and `7.0`; any other text as it is."""
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        return text
    return repr(float(text))


def _no_zeros(text: str) -> str:
    return re.sub(r"^0+(?=\d)", "", _file(text))


_TEXT_CAUSES: Final = (
    Cause("have blanks around them", "Remove the blanks.", str.strip),
    Cause("are not UTF-8 but Latin-1", "Save the file as UTF-8.", _latin),
    Cause(
        "are in another Unicode form (composed or decomposed)",
        "Write them as the sample does: unicodedata.normalize.",
        lambda text: unicodedata.normalize("NFC", text),
    ),
    Cause("have full-width characters", "Write plain ones.", lambda text: unicodedata.normalize("NFKC", text)),
    Cause("have quotes in them", "Let a CSV writer set the quotes.", _unquoted),
    Cause("differ in case", "Write them as they are.", str.casefold),
)
ID_CAUSES: Final = (
    *_TEXT_CAUSES,
    Cause("are Windows paths", "Write them with '/'.", _slashed),
    Cause(FOLDERS, "Write the ids alone, as the sample has them.", _file),
    Cause("have lost their leading zeros", DTYPE, _no_zeros),
    Cause("were turned into numbers", DTYPE, _number),
    Cause(ENDINGS, "Write the ids as the sample has them.", lambda text: stem(_file(text))),
    Cause("have lost their leading zeros and their ending", DTYPE, lambda text: stem(_no_zeros(text))),
    Cause("were turned into numbers and have lost their ending", DTYPE, lambda text: _number(stem(_file(text)))),
)
LABEL_CAUSES: Final = (
    *_TEXT_CAUSES,
    Cause("are written as numbers with a point", "Write whole numbers: astype(int).", _number),
    Cause("have other blanks, dashes or underscores", "Write the names of the classes as they are.", _spaced),
)
