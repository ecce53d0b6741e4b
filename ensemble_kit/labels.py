"""Labels beside class names: whether `10` is the class called 10, or the eleventh of the list.

A label that is a whole number has two readings where class names are whole numbers too. Where both are possible and
differ nothing is guessed: the error says what to type. `1.0` and `01` are the class `1` where no other class is.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Int

from ensemble_kit.errors import BadDataError
from ensemble_kit.tables import pick
from ensemble_kit.texts import same

READINGS: Final = {"names": "of classes", "places": "in the list of classes, from 0"}
"""What labels may be."""
NONE: Final = -1
_WHOLE: Final = re.compile(r"([+-]?\d{1,18})(\.0*)?", re.ASCII)


def label_indices(
    labels: Sequence[object],
    classes: Sequence[str],
    where: Path | str,
    labels_are: str | None = None,
    order: Sequence[str] = (),
    predicted: Int[np.ndarray, " images"] | None = None,
) -> Int[np.ndarray, " images"]:
    """Return the place of each label in `classes`; NONE where it is no class.

    Args:
        labels: text or numbers, as they were found.
        where: the file that holds them, for the message.
        labels_are: "names", "places", or None: what only they can be.
        order: the list that places count in; empty: `classes`.
        predicted: the class that was predicted for each image; then the message says how many each reading has right.

    Raises:
        UnknownNameError: another word than those in `READINGS`.
        BadDataError: names and places are both possible, and differ.

    Example:
        >>> label_indices(["1", "0"], ["dog", "cat"], "val.csv", order=["cat", "dog"])
        array([0, 1])
        >>> label_indices(["1.0", "10"], ["1", "10", "2"], "val.csv", "names")
        array([0, 1])
    """
    names, places = _as_names(labels, classes), _as_places(labels, classes, order or classes)
    if labels_are is not None:
        pick(READINGS, labels_are, "reading of labels")
        return names if labels_are == "names" else places
    differ = np.flatnonzero(names != places)
    if len(differ) and (names != NONE).any() and (places != NONE).all():
        first = int(differ[0])
        by_name = "no class" if names[first] == NONE else f"the class {classes[names[first]]!r}"
        by_place, shares = classes[places[first]], _shares(names, places, predicted)
        raise BadDataError(
            f"{where}: labels and class names are whole numbers, so the labels may be names of classes or places in "
            f"their list: {str(labels[first])!r} is {by_name} by name, and {by_place!r} by place.{shares} "
            "Say which: --labels-are names, or --labels-are places."
        )
    return names if (names == NONE).sum() <= (places == NONE).sum() else places


def whole_number(text: str) -> int | None:
    """Return the whole number that a text is; None: it is none.

    Example:
        >>> [whole_number(text) for text in ("7", "07", "7.0", "-1", "7.5", "1e3", "")]
        [7, 7, 7, -1, None, None, None]
    """
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else None


def _as_names(labels: Sequence[object], classes: Sequence[str]) -> Int[np.ndarray, " images"]:
    """Return the class that each label names: as it is spelled, else by its number where only one class has that."""
    named = {same(name): place for place, name in enumerate(classes)}
    named |= {name: place for place, name in enumerate(classes)}
    numbers = Counter(map(whole_number, classes))
    valued = {number: place for place, name in enumerate(classes) if numbers[number := whole_number(name)] == 1}
    valued.pop(None, None)
    texts = {label: str(label) for label in dict.fromkeys(labels)}
    texts = {label: text if text in named else same(text) for label, text in texts.items()}
    found = {label: named.get(text, valued.get(whole_number(text), NONE)) for label, text in texts.items()}
    return np.array([found[label] for label in labels], dtype=np.int64)


def _as_places(labels: Sequence[object], classes: Sequence[str], order: Sequence[str]) -> Int[np.ndarray, " images"]:
    """Return the class that each label counts to in `order`."""
    named = {name: place for place, name in enumerate(classes)}
    counted: dict[int | None, int] = {number: named.get(name, NONE) for number, name in enumerate(order)}
    found = {label: counted.get(whole_number(str(label)), NONE) for label in dict.fromkeys(labels)}
    return np.array([found[label] for label in labels], dtype=np.int64)


def _shares(
    names: Int[np.ndarray, " images"],
    places: Int[np.ndarray, " images"],
    predicted: Int[np.ndarray, " images"] | None,
) -> str:
    """Return how many images are predicted right under each reading, in words."""
    if predicted is None:
        return ""
    by_name, by_place = (float(100 * (reading == predicted).mean()) for reading in (names, places))
    return f" As names the scores are right for {by_name:.1f} % of the images, as places for {by_place:.1f} %."
