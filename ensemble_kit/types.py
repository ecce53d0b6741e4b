"""The data that travels between the rooms: frozen, aligned, axes always in one order.

The axes are members | views, images, classes. Labels are indices into `classes`.
`align` is the one place where members meet: always by image id and by class name,
never by position. Nothing here reads a file or knows a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import lt
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.errors import MisalignedError
from ensemble_kit.texts import spelled

ViewLogits = Float[np.ndarray, "views images classes"]
MemberLogits = Float[np.ndarray, "members images classes"]
Scores = Float[np.ndarray, "images classes"]
Weights = Float[np.ndarray, " members"]
Labels = Int[np.ndarray, " images"]
IDENTITY: Final = "identity"  # the view that changes nothing: the first of every member
PooledLogits = Float[np.ndarray, "_ images classes"]  # members of one pool differ in their views


@dataclass(frozen=True, eq=False)
class Predictions:
    """One member's logits on one split, every view of every image.

    logits: unnormalised log-probabilities (nats), float32 or float16, maybe memory-mapped.
    labels: indices into classes; None on an unlabelled split.
    groups: one group name an image; None where there are no groups.
    """

    member: str
    split: str
    views: tuple[str, ...]
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    logits: ViewLogits
    labels: Labels | None = None
    groups: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """Aligned members on one split; `logits[m]` is (views of m, images, classes).

    part_of: of how many images these are the ones that a fold tunes on; None: of no fold, all of them.
    """

    members: tuple[str, ...]
    views: tuple[tuple[str, ...], ...]
    logits: tuple[PooledLogits, ...]
    ids: tuple[str, ...]
    classes: tuple[str, ...]
    labels: Labels | None = None
    groups: tuple[str, ...] | None = None
    part_of: int | None = None

    def rows(self, index: Int[np.ndarray, " some"]) -> "Pool":
        """Return the same members on some of the images, in the order of `index`."""
        return replace(
            self,
            logits=tuple(logits[:, index] for logits in self.logits),
            ids=tuple(self.ids[i] for i in index),
            labels=None if self.labels is None else self.labels[index],
            groups=None if self.groups is None else tuple(self.groups[i] for i in index),
        )

    def fold(self, seen: Int[np.ndarray, " some"]) -> "Pool":
        """Return the images that a fold tunes on, as part of all of these: see `statistics.why_not_fitted`."""
        return replace(self.rows(seen), part_of=self.part_of or len(self.ids))


@dataclass(frozen=True, eq=False)
class Stack:
    """Scores that read every vote of every member: a logistic regression on all of them.

    scores[image] = sum over members m of votes[m, image] @ coefficients[m], + intercepts.

    coefficients: what each class of a member's vote (second axis) adds to each class of
        the scores (third axis).
    intercepts: what each class has before any member is heard.
    """

    coefficients: Float[np.ndarray, "members classes classes"]
    intercepts: Float[np.ndarray, " classes"]


@dataclass(frozen=True, eq=False)
class Tuned:
    """The numbers of a blend: enough to turn a pool into scores.

    view_weights: one array (views of m,) a member, each summing to 1.
    temperatures: one number > 0 a member.
    weights: one number >= 0 a member, summing to 1.
    blend_temperature: probabilities are softmax(scores / blend_temperature).
    ridge: the ridge strength that was chosen; None where none was.
    stack: turns calibrated votes into scores instead of the weights, which then only tell
        each member's share; None where weights do.
    """

    method: str
    view_weights: tuple[Float[np.ndarray, " _"], ...]
    temperatures: Weights
    weights: Weights
    blend_temperature: float = 1.0
    ridge: float | None = None
    stack: Stack | None = None


def align(members: Sequence[Predictions]) -> Pool:
    """Return the members as one pool, in the image and class order of the first.

    The same set of ids or classes in another order is re-ordered, which copies the member's
    logits into memory; in the order of the first they stay mapped. Anything else is an error.

    Raises:
        MisalignedError: no members, a doubled name, id or class, or members whose splits,
            ids, classes, labels or groups differ; names the members and the first differences.

    Example:
        >>> one = Predictions("a", "val", ("identity",), ("x", "y"), ("cat", "dog"), np.eye(2)[None])
        >>> two = replace(one, member="b", ids=("y", "x"), logits=one.logits[:, ::-1])
        >>> bool((align([one, two]).logits[1] == one.logits).all())
        True
    """
    if not members:
        raise MisalignedError("Wanted at least one member to align, got none.")
    names = tuple(member.member for member in members)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise MisalignedError(f"Member '{doubled[0]}' was named twice; name each member once.")
    checked: set[int] = set()
    for member in members:
        _check_distinct(member, checked)
    first = members[0]
    placed = [first, *(_place(member, first) for member in members[1:])]
    return Pool(
        members=names,
        views=tuple(member.views for member in placed),
        logits=tuple(member.logits for member in placed),
        ids=first.ids,
        classes=first.classes,
        labels=first.labels,
        groups=next((member.groups for member in placed if member.groups is not None), None),
    )


def _check_distinct(member: Predictions, checked: set[int]) -> None:
    """Raise where an image id or a class stands twice, since nothing could be placed by it.

    `checked` knows the tuples that were looked at already: members may share theirs.
    """
    for word, names in (("image id", member.ids), ("class", member.classes)):
        if id(names) in checked:
            continue
        checked.add(id(names))
        if not are_distinct(names):
            doubled = _first_doubled(names)
            raise MisalignedError(
                f"member '{member.member}' has the {word} {doubled!r} twice on {member.split}; wanted each once. "
                "Correct its scores and add it again."
            )


def are_distinct(names: Sequence[str]) -> bool:
    """Say whether no name stands twice; quickest in rising order, as folders give a million of them."""
    return all(map(lt, names, names[1:])) or len(set(names)) == len(names)


def _first_doubled(names: Sequence[str]) -> str | None:
    """Return the first name that stood before already."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _place(member: Predictions, first: Predictions) -> Predictions:
    """Return the member in the row and class order of the first."""
    if member.split != first.split:
        raise MisalignedError(
            f"member '{member.member}' brings its {member.split} logits, "
            f"'{first.member}' its {first.split} logits; align one split at a time."
        )
    _check_same(member, first, "ids", "image id", "Rerun `ek tta` or re-import it on the same images.")
    _check_same(member, first, "classes", "class", "Members of one pool share one list of classes.")
    rows, columns = order_of(first.ids, member.ids), order_of(first.classes, member.classes)
    logits = member.logits
    if rows is not None:
        logits = logits[:, rows]
    if columns is not None:
        logits = logits[:, :, columns]
    placed = replace(
        member,
        ids=first.ids,
        classes=first.classes,
        logits=logits,
        labels=_placed_labels(member, rows, first),
        groups=member.groups if rows is None or member.groups is None else tuple(member.groups[i] for i in rows),
    )
    _check_truth(placed, first)
    return placed


def order_of(ours: Sequence[str], theirs: Sequence[str]) -> Int[np.ndarray, " places"] | None:
    """Return where each of ours stands among theirs, which hold the same; None where all stand in place.

    Example:
        >>> order_of(("x", "y", "z"), ("z", "x", "y"))
        array([1, 2, 0])
    """
    if theirs is ours or theirs == ours:
        return None
    place = {name: i for i, name in enumerate(theirs)}
    return np.array([place[name] for name in ours], dtype=np.int64)


def _check_same(member: Predictions, first: Predictions, axis: str, word: str, remedy: str) -> None:
    """Raise unless the member has the entries of the first, in whatever order."""
    theirs, ours = getattr(member, axis), getattr(first, axis)
    if theirs is ours or theirs == ours:
        return
    there, known = set(theirs), set(ours)
    missing = [name for name in ours if name not in there]
    extra = [name for name in theirs if name not in known]
    if missing or extra:
        parts = []
        if missing:
            parts.append(f"first missing {word}: {spelled(missing[0])}")
        if extra:
            parts.append(f"first extra {word}: {spelled(extra[0])}")
        counted = "images" if axis == "ids" else "classes"
        raise MisalignedError(
            f"member '{member.member}' has {len(theirs)} {member.split} {counted}, "
            f"'{first.member}' has {len(ours)}; {'; '.join(parts)}. {remedy}"
        )


def _placed_labels(member: Predictions, rows: Int[np.ndarray, " places"] | None, first: Predictions) -> Labels | None:
    """Return the member's labels in the first's order of rows and classes."""
    if member.labels is None:
        return None
    labels = member.labels if rows is None else member.labels[rows]
    renumber = np.array([first.classes.index(name) for name in member.classes], dtype=labels.dtype)
    placed: Labels = renumber[labels]
    return placed


def _check_truth(member: Predictions, first: Predictions) -> None:
    """Raise unless labels and groups, where both have them, are the same."""
    if (member.labels is None) != (first.labels is None):
        bare = member if member.labels is None else first
        raise MisalignedError(f"member '{bare.member}' has no {bare.split} labels; re-import it with them.")
    if member.labels is not None and first.labels is not None:
        wrong = np.flatnonzero(member.labels != first.labels)
        if len(wrong):
            row = int(wrong[0])
            raise MisalignedError(
                f"members '{member.member}' and '{first.member}' disagree about {len(wrong)} "
                f"{first.split} labels; first: {first.ids[row]!r} is "
                f"'{first.classes[member.labels[row]]}' in '{member.member}' and "
                f"'{first.classes[first.labels[row]]}' in '{first.member}'. Correct one of them."
            )
    if member.groups is not None and first.groups is not None and member.groups != first.groups:
        row = next(i for i, pair in enumerate(zip(member.groups, first.groups, strict=True)) if pair[0] != pair[1])
        raise MisalignedError(
            f"members '{member.member}' and '{first.member}' disagree about groups; first: "
            f"{first.ids[row]!r} is in {member.groups[row]!r} and in {first.groups[row]!r}."
        )
