"""Families: the folds of one network, which are weighed as one where their `oof` logits are tuned on.

Says which members are a family, and that all its folds are there. A member that was brought with what it
says of all training images is a family of its own. Reads manifests alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import NamedTuple

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.members.cost import costs_of
from ensemble_kit.splits import OOF, VAL
from ensemble_kit.storage.members import Manifest
from ensemble_kit.tables import pick


class Family(NamedTuple):
    """A name, and the places of its members among those that are blended, in the order of their folds."""

    name: str
    places: tuple[int, ...]


def members_of(names: Sequence[str], there: Mapping[str, Manifest]) -> list[str]:
    """Return the members of these names; the name of a family stands for all that are in it.

    Args:
        there: every member that there is, by name.

    Raises:
        UnknownNameError: a name of neither a member nor a family.

    Example:
        >>> there = {f"cnn-fold-{k}": Manifest(f"cnn-fold-{k}", "cnn", "trained", ("a",), family="cnn") for k in (1, 2)}
        >>> members_of(["cnn"], there)
        ['cnn-fold-1', 'cnn-fold-2']
    """
    families = {manifest.family for manifest in there.values() if manifest.family is not None}
    found: list[str] = []
    for name in names:
        if name in there or name not in families:
            pick(dict.fromkeys([*there, *sorted(families)]), name, "member")
            found.append(name)
        else:
            found += [member for member, manifest in there.items() if manifest.family == name]
    return found


def families_of(manifests: Sequence[Manifest]) -> tuple[Family, ...]:
    """Return the families of the members, in the order of their first.

    A family that has several members a fold (snapshots, seeds) is one family for each that
    stands in every fold, called as they are but for the fold.

    Raises:
        InvalidOptionError: members without `oof` logits, or a fold that is missing or stands twice.
    """
    bare = [manifest.name for manifest in manifests if OOF not in manifest.files or not _folds(manifest)]
    if bare:
        unjudged = [manifest.name for manifest in manifests if VAL not in manifest.files]
        val = (
            f"; val will not do, for there is none of {', '.join(map(repr, unjudged))}"
            if unjudged
            else ", or tune on val"
        )
        raise InvalidOptionError(
            f"On oof: no held-out fold of train was kept for {', '.join(map(repr, bare))}. Train "
            f"{'it' if len(bare) == 1 else 'them'} by folds, as ek train --folds 5 --name NAME, or name the families "
            f"to blend{val}."
        )
    places: dict[str, list[int]] = {}
    for name, inside in _named(manifests):
        places.setdefault(name, []).extend(inside)
    return tuple(_whole(name, inside, manifests) for name, inside in places.items())


def costs_of_families(families: Sequence[Family], manifests: Sequence[Manifest]) -> dict[str, float]:
    """Return what each family takes per image (ms), by name, where all its members were measured."""
    costs = costs_of(manifests)
    names = {family.name: [manifests[place].name for place in family.places] for family in families}
    return {
        name: sum(costs[member] for member in members)
        for name, members in names.items()
        if all(member in costs for member in members)
    }


def _folds(manifest: Manifest) -> int:
    """Return of how many folds the member's is one; 0: of none."""
    return int(manifest.training.get("folds") or _whole_train(manifest)) if _fold(manifest) else 0


def _fold(manifest: Manifest) -> int:
    return int(manifest.training.get("fold") or _whole_train(manifest))


def _whole_train(manifest: Manifest) -> int:
    """Return 1 for scores that were brought: they are of all folds together, as of one; else 0."""
    return int(manifest.source == "imported")


def _named(manifests: Sequence[Manifest]) -> Iterator[tuple[str, list[int]]]:
    """Yield the name of a family and places of members of it."""
    inside: dict[str, list[int]] = {}
    for place, manifest in enumerate(manifests):
        inside.setdefault(manifest.family or _stem(manifest), []).append(place)
    for name, places in inside.items():
        folds = [_fold(manifests[place]) for place in places]
        if len(set(folds)) == len(folds):
            yield name, places
        else:
            yield from ((_stem(manifests[place]), [place]) for place in places)


def _stem(manifest: Manifest) -> str:
    """Return the member's name without its fold: cnn-fold-2-cycle-1 is cnn-cycle-1."""
    return manifest.name.replace(f"-fold-{manifest.training.get('fold')}", "", 1)


def _whole(name: str, places: Sequence[int], manifests: Sequence[Manifest]) -> Family:
    """Return a family that has each of its folds once.

    Raises:
        InvalidOptionError: it has not.
    """
    of_fold: dict[int, int] = {}
    folds = _folds(manifests[places[0]])
    for place in places:
        one = manifests[place]
        if _fold(one) in of_fold or _folds(one) != folds:
            other = manifests[of_fold.get(_fold(one), places[0])].name
            raise InvalidOptionError(
                f"On oof: '{other}' and '{one.name}' of family '{name}' are fold {_fold(one)} twice, or of "
                "other numbers of folds. Name the members to blend, one a fold."
            )
        of_fold[_fold(one)] = place
    missing = [fold for fold in range(1, folds + 1) if fold not in of_fold]
    if missing:
        raise InvalidOptionError(
            f"On oof: family '{name}' lacks fold {', '.join(map(str, missing))} of {folds}, so its training "
            f"images are not covered. Train it as the others: ek train --folds {folds} --fold {missing[0]} "
            f"--name {quote(name)}; or name the family, which stands for all its members."
        )
    return Family(name, tuple(of_fold[fold] for fold in range(1, folds + 1)))
