"""Which of the tables in a file are a network's weights: under whatever they were wrapped in, whole or not at all.

A trainer puts words in front of names (`module.`, `model.`, `student.`) and a table into tables (`state_dict`,
`model_ema`). Here no such word must be known: what stands in front of the network's own names is what was put there.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import torch

from models_zoo import efficientnet_lite
from models_zoo.contract import ZooError
from models_zoo.weight_files import State

INSERTED: Final = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module", "_forward_module", "module")
"""Words that wrappers of PyTorch put into names anywhere."""

AVERAGED: Final = frozenset({"ema", "teacher", "average", "averaged", "avg", "swa", "shadow", "mean"})
"""Words by which trainers call the moving average of weights that stands beside those of the last step."""

COUNTERS: Final = ("num_batches_tracked", "total_ops", "total_params", "n_averaged")
"""Ends of names that are no weights: old files lack the first, profilers and averages add the others."""

_FRONT: Final = "body."  # of the names in a checkpoint of ours


class Found(NamedTuple):
    """What may be the network's weights: a table's place, what stands in front of their names, and they by own names.

    beside: what stands in the same table under other names.
    votes: how many of the network's names are among theirs.
    """

    place: str
    front: str
    state: State
    beside: tuple[str, ...]
    votes: int

    def completed(self, unsaid: State) -> "Found":
        """Return it with what need not be in a file, where it is not."""
        return self._replace(state=unsaid | self.state)

    def named(self, name: str) -> str:
        """Return what one of the network's names is called in the file."""
        return f"{self.front}{name.removeprefix(_FRONT)}"

    @property
    def is_average(self) -> bool:
        """Whether they are called a moving average."""
        return not AVERAGED.isdisjoint(re.split(r"[._\-]", f"{self.place}.{self.front}".lower()))

    def __str__(self) -> str:
        """Return where they stand, as ` at 'state_dict', under 'model.'`; nothing where that is the file itself."""
        front = "" if self.front == _FRONT else self.front
        words = [*([f"at '{self.place}'"] if self.place else []), *([f"under '{front}'"] if front else [])]
        return f" {', '.join(words)}" if words else ""


def found_in(tables: Iterable[tuple[str, State]], own: Mapping[str, object], arch: str) -> list[Found]:
    """Return what may be a network's weights, that which has most of its names first.

    Args:
        own: the network's names, without `body.`.
    """
    found: list[Found] = []
    for place, table in tables:
        plain = _plain(table, own, arch)
        votes = Counter(front for name in plain for front in _fronts(name, own))
        found += [_cut(place, front, plain, count) for front, count in votes.items()]
    return sorted(found, key=lambda one: -one.votes)


def misfits(own: State, given: State, head: tuple[str, ...]) -> dict[str, list[str]]:
    """Return by kind the names that do not fit, but for the head's: missing, unknown, of another shape."""
    apart = {
        "missing": [name for name in own if name not in given],
        "unknown": [name for name in given if name not in own],
        "of another shape": [name for name in own if name in given and own[name].shape != given[name].shape],
    }
    return {kind: sorted(name for name in names if not name.startswith(head)) for kind, names in apart.items()}


def chosen(fitting: list[Found], path: str) -> Found:
    """Return the one that is meant of those that fit: the moving average where one stands beside the last step's.

    Raises:
        ZooError: several fit, and nothing says which is meant.
    """
    distinct: list[Found] = []
    for one in fitting:
        if not any(_equal(one.state, other.state) for other in distinct):
            distinct.append(one)
    averaged = [one for one in distinct if one.is_average]
    meant = averaged or distinct
    if len(meant) > 1:
        raise ZooError(
            f"'{path}' holds weights that fit this network in {len(meant)} places: "
            f"{';'.join(map(str, meant)).strip()}. Save the ones you mean alone."
        )
    return meant[0]


def _equal(one: State, other: State) -> bool:
    """Return whether two tables hold the same."""
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def _plain(table: State, own: Mapping[str, object], arch: str) -> State:
    """Return a table without inserted words and counters, under timm's names where the packages of Lite wrote it."""
    kept = {name: value for name, value in table.items() if name in own or not name.endswith(COUNTERS[1:])}
    inserted = [word for word in INSERTED if not any(word in name.split(".") for name in own)]
    words = re.compile(rf"(?<![^.])({'|'.join(inserted)})\.")
    plain = {words.sub("", name): value for name, value in kept.items()}
    plain = plain if len(plain) == len(kept) else kept
    return efficientnet_lite.renamed(plain, arch) if efficientnet_lite.are_ours(plain) else plain


def _fronts(name: str, own: Mapping[str, object]) -> list[str]:
    """Return what may have been put in front of a name: what is left where its end is one of the network's.

    Example:
        >>> _fronts("model.net.0.weight", {"0.weight": None})
        ['model.net.']
    """
    starts = [0, *(mark.end() for mark in re.finditer(r"\.", name))]
    return [name[:start] for start in starts if name[start:] in own]


def _cut(place: str, front: str, table: State, votes: int) -> Found:
    """Return the part of a table that has these words in front, its normalisation with it where it is one of ours."""
    state = {f"{_FRONT}{name.removeprefix(front)}": value for name, value in table.items() if name.startswith(front)}
    outer = front.removesuffix(_FRONT)
    normalised = {name: f"{outer}{name}" for name in ("mean", "std") if front != outer and f"{outer}{name}" in table}
    state |= {name: table[full] for name, full in normalised.items()}
    beside = tuple(name for name in table if not name.startswith(front) and name not in normalised.values())
    return Found(place, front, state, beside, votes)
