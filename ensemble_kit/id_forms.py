"""Ids as different programs write them: with and without folder and ending, or rounded away by a spreadsheet.

Never decides that two ids are one; whoever matches by a form looks that nothing is left over or doubled.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from ensemble_kit.texts import bare

_ROUNDED: Final = re.compile(r"[+-]?\d([.,]\d+)?E\+\d{2,3}(\.\w{1,5})?")


def stem(image_id: str) -> str:
    """Return the id without its last ending: `a/b.c.png` is `a/b.c`."""
    return os.path.splitext(image_id)[0]


def base(image_id: str) -> str:
    r"""Return the id without its folders, also those of Windows: `a/b.c.png` and `C:\a\b.c.png` are `b.c.png`."""
    return image_id.replace("\\", "/").rpartition("/")[2]


_PLAIN_FORMS: Final[Sequence[tuple[Callable[[str], str], Callable[[str], str]]]] = (
    (str, str),
    (str, stem),
    (stem, stem),
    (str, base),
    (str, lambda image_id: stem(base(image_id))),
    (base, str),
    (lambda image_id: stem(base(image_id)), stem),
)
FORMS: Final = (
    *_PLAIN_FORMS,
    *((lambda image_id, form=theirs: form(bare(image_id)), ours) for theirs, ours in _PLAIN_FORMS),
)
"""In which form others' ids, and ours, may be the same, the likeliest first; without blanks around theirs last.

Never without the folders of both: `val/1.png` is not `test/1.png`.
"""


def matched(theirs: Collection[str], ours: Sequence[str]) -> dict[str, str]:
    """Return which of theirs each of our ids is, in the form in which most are one; ids that may be two are left out.

    Example:
        >>> matched(["01", "02", "03"], ["02.png", "01.png", "x.png"])
        {'02.png': '02', '01.png': '01'}
    """
    best: dict[str, str] = {}
    for form_theirs, form_ours in FORMS:
        by_form: dict[str, list[str]] = {}
        for one in theirs:
            by_form.setdefault(form_theirs(one), []).append(one)
        often = Counter(map(form_ours, ours))
        found = {one: by_form.get(form_ours(one), []) for one in ours if often[form_ours(one)] == 1}
        clear = {one: same[0] for one, same in found.items() if len(same) == 1}
        best = max(best, clear, key=len)
        if len(best) == len(ours):
            break
    return best


def is_rounded(image_id: str) -> bool:
    """Return whether an id is a long number as Excel shows it, its last digits lost.

    Example:
        >>> [is_rounded(one) for one in ("1.00000E+18", "1E+18", "1.23457E+17.jpg", "1e5", "0001", "E+18")]
        [True, True, True, False, False, False]
    """
    return bool(_ROUNDED.fullmatch(image_id))
