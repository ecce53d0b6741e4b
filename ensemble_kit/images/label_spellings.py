"""One class, one spelling: labels of train, val and the list of classes that are spelled in two ways.

Blanks around a label, and composed and decomposed letters (`é`), leave no doubt: they become one class, and that is
said. Two labels that differ in capitals, in dashes, or as the numbers `0` and `0.0` may be two classes or one: they are
refused, unless `--classes` lists both. Never changes an id. To compare in another way: `texts.near`.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.splits import Listing
from ensemble_kit.labels import whole_number
from ensemble_kit.texts import around, bare, near, same, spelled

Listings = Mapping[str, Listing | None]


def one_spelling(
    found: Listings, listed: Sequence[str], places: Mapping[str, str], remarks: list[str]
) -> dict[str, Listing | None]:
    """Return the listings with one spelling a class.

    Args:
        found: by split, train first; listings without labels stay as they are.
        listed: the classes, where they are listed.
        places: the folder or CSV of each split, for messages.
        remarks: what was changed is added to it.

    Raises:
        BadDataError: two labels may be two classes or one; shows both.
    """
    counts = {split: Counter(one.names) for split, one in found.items() if one is not None and one.names is not None}
    chosen = _chosen(counts, listed)
    for split, names in counts.items():
        for name in names:
            if name != chosen[same(name)]:
                is_bare = bare(name) != chosen[same(name)]
                what = "is in another Unicode form" if is_bare else f"has {around(name)} around it"
                read = f"it is read as {spelled(chosen[same(name)])}"
                remarks.append(f"'{places[split]}': the class {spelled(name)} {what}; {read}.")
    _refuse_doubtful(counts, chosen, listed, places)
    return {split: None if one is None else _spelled_so(one, chosen) for split, one in found.items()}


def _spelled_so(listing: Listing, chosen: Mapping[str, str]) -> Listing:
    """Return a listing with its labels in the spelling that was chosen."""
    if listing.names is None:
        return listing
    return replace(listing, names=tuple(chosen[same(name)] for name in listing.names))


def _chosen(counts: Mapping[str, Collection[str]], listed: Sequence[str]) -> dict[str, str]:
    """Return the one spelling of each form: as it is listed, else as the first split alone has it, else composed."""
    chosen = {same(name): name for name in listed}
    for names in counts.values():
        spellings: dict[str, set[str]] = {}
        for name in names:
            spellings.setdefault(same(name), set()).add(bare(name))
        for form, ways in spellings.items():
            chosen.setdefault(form, ways.pop() if len(ways) == 1 else form)
    return chosen


def _refuse_doubtful(
    counts: Mapping[str, Counter[str]], chosen: Mapping[str, str], listed: Sequence[str], places: Mapping[str, str]
) -> None:
    """Raise on labels that may be one class or two."""
    first: dict[str, tuple[str, str]] = {near(name): (name, "") for name in reversed(listed)}
    for split, names in counts.items():
        for name in names:
            label = chosen[same(name)]
            twin, where = first.setdefault(near(label), (label, split))
            is_place = bool(listed) and whole_number(label) is not None  # which `labels` reads, or refuses
            if twin != label and label not in listed and not is_place:
                of_list = "the list of classes" if not where else _counted(twin, counts[where], places[where])
                raise BadDataError(
                    f"Two labels may be one class: {spelled(twin)} ({of_list}) and {spelled(label)} "
                    f"({_counted(label, names, places[split])}). Spell them alike; or, if they are two classes, list "
                    "all classes by --classes FILE, a name a line."
                )


def _counted(label: str, names: Mapping[str, int], place: str) -> str:
    """Return how many images have a label, and where."""
    count = sum(many for name, many in names.items() if same(name) == same(label))
    return f"{count} image{'' if count == 1 else 's'} in '{place}'"
