"""Which of the known names was meant by one that is not known.

The first of these kinds that finds any decides, so that a weaker likeness never stands beside a
stronger one:

    the same but for case and separators       EfficientNet-B0   efficientnet_b0
    what the same thing is called elsewhere    HorizontalFlip    hflip     (the caller's `aliases`)
    a known name begins so                     resnet            resnet18, resnet34, resnet50
    a word of a known name begins so           vote              majority-vote
    a slip of the pen                          gredy             greedy
    a known name with something behind it      sgd-momentum      sgd

Never guesses digits: who types resnet101 does not mean resnet18. No suggestion is better than one
that means something else.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

SHOWN: Final = 3  # suggestions in one message
_MANY: Final = 5000  # known names; among more, nobody looks for slips of the pen


def nearest(
    name: str, known: Iterable[str], aliases: Mapping[str, Sequence[str]] | None = None, most: int = SHOWN
) -> list[str]:
    """Return the known names that were probably meant, the best first; none where none is like it.

    Args:
        aliases: a known name -> what the same thing is called elsewhere.
        most: how many at most.

    Example:
        >>> nearest("resnet", ["mlp", "resnet18", "resnet34"]), nearest("HFlip", ["flips", "hflip", "vflip"])
        (['resnet18', 'resnet34'], ['hflip'])
    """
    names, form = list(dict.fromkeys(known)), _form(name)
    begun = re.compile(r"[\W_]*".join(map(re.escape, form)))
    slips = _fewest_slips(form, names) if len(names) <= _MANY else {}
    kinds: tuple[Callable[[str], int | None], ...] = (
        lambda one: 0 if _form(one) == form else None,
        lambda one: 0 if form in map(_form, (aliases or {}).get(one, ())) else None,
        lambda one: _more(begun, one),
        lambda one: min((more for end in _ends(one) if (more := _more(begun, end)) is not None), default=None),
        lambda one: slips.get(one),
        lambda one: -len(one) if len(_form(one)) > 1 and _form(one) in _beginnings(name) else None,
    )
    for likeness in kinds if form else ():
        far = {one: much for one in names if (much := likeness(one)) is not None}
        if far:
            return sorted(far, key=lambda one: (not _form(one).startswith(form), far[one]))[:most]
    return []


def did_you_mean(names: Sequence[str]) -> str:
    """Return the end of a sentence: a question after the names, or a full stop where there are none.

    Example:
        >>> did_you_mean(["flips", "hflip"]), did_you_mean([])
        ("; did you mean 'flips' or 'hflip'?", '.')
    """
    if not names:
        return "."
    *others, last = (f"'{name}'" for name in names)
    return f"; did you mean {' or '.join([', '.join(others), last] if others else [last])}?"


def _form(name: str) -> str:
    """Return a name in small letters and without separators."""
    return re.sub(r"[\W_]+", "", name.casefold())


def _more(begun: re.Pattern[str], known: str) -> int | None:
    """Return how many letters a known name has more than what it begins with; None where it does not.

    A number must be whole: resnet20 is no beginning of resnet200.
    """
    known = known.casefold()
    found = begun.match(known)
    if found is None or len(found[0]) < 2 or (found[0][-1].isdigit() and known[found.end() :][:1].isdigit()):
        return None
    return len(known) - found.end()


def _ends(name: str) -> list[str]:
    """Return what follows each separator of a name: of five-crop, crop."""
    return [name[mark.end() :] for mark in re.finditer(r"[\W_]+", name)]


def _beginnings(name: str) -> set[str]:
    """Return what a name begins with, up to each of its separators: of sgd-momentum, sgd."""
    return {_form(name[: mark.start()]) for mark in re.finditer(r"[\W_]+", name)}


def _fewest_slips(typed: str, names: Sequence[str]) -> dict[str, int]:
    """Return the names from which the typed one is the fewest slips of the pen away, with their number."""
    found = {one: slips for one in names if (slips := _slips(typed, _form(one))) is not None}
    return {one: slips for one, slips in found.items() if slips == min(found.values())}


def _slips(typed: str, known: str) -> int | None:
    """Return how many letters were left out, put in, changed or swapped; None for more than one in four.

    The first letter and all digits must be right: those change the meaning (hflip, vflip).
    """
    allowed = max(len(typed) // 4, 1)
    if min(len(typed), len(known)) < 3 or abs(len(typed) - len(known)) > allowed or typed[0] != known[0]:
        return None
    if re.findall("[0-9]", typed) != re.findall("[0-9]", known):
        return None
    return slips if (slips := _distance(typed, known)) <= allowed else None


def _distance(one: str, other: str) -> int:
    """Return the number of letters left out, put in, changed or swapped with the next between two texts."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, its in enumerate(other, start=1):
            swapped = i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its
            ways = [before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its)]
            row.append(min([*ways, last[j - 2] + 1] if swapped else ways))
    return row[-1]
