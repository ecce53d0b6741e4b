"""Which column of a CSV holds what: image ids, paths, labels, groups, under the names that people give them.

A column is found by what was said (`--column`), else by our own name, else by the one column that bears
another usual name; of two columns the one that is left over is what is missing. Where two columns
could be meant nothing is guessed: the error names both, and what to type. Case, blanks, `-` and `_`
do not matter. Never looks at a row. To accept another spelling: a word in `SPELLINGS`.
"""

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ensemble_kit.errors import BadDataError
from ensemble_kit.splits import SPLITS
from ensemble_kit.tables import pick

OWN: Final[Mapping[str, str]] = {"id": "image_id", "path": "path", "label": "label", "group": "group"}
"""What a column may tell about an image, and what it is called here."""
_USUAL: Final = {
    "id": "image_id id img_id id_code picture_id photo_id",
    "file": "filename file_name file fname image img image_name img_name image_file image_filename name picture "
    "picture_name photo",
    "path": "path filepath file_path image_path img_path",
    "label": "label labels label_name category category_name class class_name class_label target y",
    "group": "group group_id",
}
SPELLINGS: Final[Mapping[str, Sequence[str]]] = {kind: names.split() for kind, names in _USUAL.items()}
"""The usual names of each; the name of a file is an id where nothing is a better one."""
_WORDS: Final = {"id": "id", "imageid": "id", "path": "path", "label": "label", "group": "group"}
_SCOPED: Final = re.compile(rf"({'|'.join(SPLITS)})\.(?=(image_?)?id$|path$|label$|group$)")
_IMAGE: Final = re.compile(r"\.(png|jpe?g|bmp|gif|tiff?|webp)$", re.IGNORECASE)
_INDEX: Final = re.compile(r"(Unnamed: \d+|index)?")


class Columns(NamedTuple):
    """Where columns stand, by what they hold, and which of them were guessed."""

    places: dict[str, int]
    guessed: tuple[str, ...]

    def taken(self, header: Sequence[str]) -> list[str]:
        """Return what was guessed, in words."""
        return [f"{key} from the column {header[self.places[key]]!r}" for key in self.guessed]


def find_columns(
    header: Sequence[str],
    said: Mapping[str, str],
    path: Path,
    wanted: Collection[str],
    must: Collection[str] | None = None,
    split: str = "",
) -> Columns:
    """Return where the columns stand; those that are not there are left out.

    Args:
        said: pairs of a key of `OWN` (or our name for it) and a column, either way round.
        path: of the CSV, for the message.
        wanted: keys of `OWN` that are looked for.
        must: those that have to be there where they were said; None: all that are wanted.
        split: whose CSV it is, where there are several, for the message.

    Raises:
        BadDataError: two columns could be meant, or a column that was said is not there.
        UnknownNameError: a pair without a key of `OWN`.

    Example:
        >>> find_columns(["Filename", "width", "Class"], {}, Path("train.csv"), ["id", "label"]).places
        {'id': 0, 'label': 2}
    """
    taken = _said(header, said, path, wanted if must is None else must, split)
    places = {key: place for key, place in taken.items() if key in wanted}
    guessed = []
    for key in wanted:
        if key not in places and (place := _named(header, key, path, split)) is not None:
            places[key] = place
            guessed += [key] if header[place] != OWN[key] else []
    left = [place for place in columns_left(header, places) if not _is_known(header[place])]
    missing = [key for key in ("id", "label") if key in wanted and key not in places]
    if len(left) == len(missing) == 1 and len(columns_left(header, {})) <= 2:
        places[missing[0]] = left[0]
        guessed += missing
    return Columns(places, tuple(guessed))


def check_said(said: Mapping[str, str]) -> None:
    """Raise unless each pair names something that a column may hold.

    Raises:
        UnknownNameError: neither side of a pair is a key of `OWN`, or our name for one.
    """
    for left, right in said.items():
        if not {_form(_SCOPED.sub("", left)), _form(right)} & _WORDS.keys():
            pick(OWN, left, "column of a CSV")


def said_of(said: Mapping[str, str], split: str) -> dict[str, str]:
    """Return what was said of the CSV of one split: of it alone, as "val.label", else of all.

    Example:
        >>> said_of({"label": "Category", "id": "Id", "val.label": "kind"}, "val")
        {'id': 'Id', 'label': 'kind'}
    """
    alone = {left: _SCOPED.match(left) for left in said}
    ours = {_SCOPED.sub("", left): said[left] for left, scope in alone.items() if scope and scope[1] == split}
    keys = {_WORDS.get(_form(left)) for left in ours}
    of_all = {left: said[left] for left, scope in alone.items() if not scope}
    kept = {a: b for a, b in of_all.items() if keys.isdisjoint({_WORDS.get(_form(a)), _WORDS.get(_form(b))} - {None})}
    return {**kept, **ours}


def splits_said(said: Mapping[str, str]) -> set[str]:
    """Return the splits whose CSVs something was said of alone."""
    return {scope[1] for left in said if (scope := _SCOPED.match(left))}


def columns_left(header: Sequence[str], places: Mapping[str, int]) -> list[int]:
    """Return the columns that hold none of these, without the index that pandas writes."""
    used = places.values()
    return [place for place, name in enumerate(header) if place not in used and not _INDEX.fullmatch(name)]


def place_of_files(header: Sequence[str], path: Path, split: str = "") -> int | None:
    """Return the one column of file names, if there is one."""
    return _one(header, "path", _spelled(header, "file"), path, split)


def missing_column(header: Sequence[str], key: str, path: Path, split: str = "") -> BadDataError:
    """Return the error for a column that cannot be found."""
    shown = ", ".join(map(repr, header))[:200]
    if any(_IMAGE.search(name) for name in header):
        return BadDataError(
            f"'{path}' seems to have no header: its first line is {shown}. Write one above it, as image_id,label."
        )
    index = next((name for name in header[:1] if key == "id" and name and _INDEX.fullmatch(name)), "")
    first = f", or --column {shlex.quote(f'{_scoped(key, split)}={index}')} for the index" if index else ""
    return BadDataError(
        f"'{path}' has no column {OWN[key]!r}, nor one of another usual name; its columns are "
        f"{shown}. Say which of them holds the {key}: --column {_scoped(key, split)}=NAME{first}."
    )


def _scoped(key: str, split: str) -> str:
    return f"{split}.{key}" if split else key


def _said(
    header: Sequence[str], said: Mapping[str, str], path: Path, must: Collection[str], split: str
) -> dict[str, int]:
    """Return the columns that were said."""
    check_said(said)
    places: dict[str, int] = {}
    absent: dict[str, str] = {}
    for left, right in said.items():
        ways = ((_WORDS.get(_form(left)), right), (_WORDS.get(_form(right)), left))
        readings = [(key, name) for key, name in ways if key is not None]
        found = {(key, place) for key, name in readings if (place := _place(header, name)) is not None}
        if len(found) > 1:
            raise _two_readings(path, f"{left}={right}", {header[place]: key for key, place in sorted(found)})
        for key, place in found:
            if places.setdefault(key, place) != place:
                raise _two_meant(path, key, [header[places[key]], header[place]], split)
        absent |= {} if found else {readings[0][0]: f"{left}={right}"}
    for key in must:
        if key in absent and key not in places:
            raise BadDataError(
                f"'{path}' has no column for --column {shlex.quote(absent[key])}; its columns are "
                f"{', '.join(map(repr, header))[:200]}. Say for this file too which of them holds the {key}: --column "
                f"{f'{split}.{key}=NAME' if split else f'NAME={key}'}."
            )
    return places


def _place(header: Sequence[str], name: str) -> int | None:
    """Return where a column stands: by its name as it is, else by the one name that differs in case or blanks."""
    alike = [place for place, one in enumerate(header) if one == name]
    alike = alike or [place for place, one in enumerate(header) if _form(one) == _form(name)]
    return alike[0] if len(alike) == 1 else None


def _named(header: Sequence[str], key: str, path: Path, split: str) -> int | None:
    """Return the one column of a usual name; None where there is none."""
    own = [place for place, name in enumerate(header) if name == OWN[key]]
    if own:
        return _one(header, key, own, path, split)
    for kind in ("id", "file", "path") if key == "id" else (key,):
        if found := _spelled(header, kind):
            return _one(header, key, found, path, split)
    return None


def _spelled(header: Sequence[str], kind: str) -> list[int]:
    """Return the columns that bear a usual name of that kind; where there is an x, y is no target."""
    forms = [_form(name) for name in header]
    usual = {_form(name) for name in SPELLINGS[kind]} - ({"y"} if "x" in forms else set())
    return [place for place, form in enumerate(forms) if form in usual]


def _one(header: Sequence[str], key: str, found: Sequence[int], path: Path, split: str) -> int | None:
    """Return the only one of the columns; None where there is none."""
    names = [header[place] for place in found]
    if len(set(names)) < len(names):
        raise BadDataError(f"'{path}' has the column {names[0]!r} twice; wanted it once.")
    if len(names) > 1:
        raise _two_meant(path, key, names, split)
    return found[0] if found else None


def _two_meant(path: Path, key: str, names: Sequence[str], split: str) -> BadDataError:
    ways = " or ".join(f"--column {shlex.quote(f'{_scoped(key, split)}={name}')}" for name in names)
    return BadDataError(
        f"'{path}': the {key} may be in {' or in '.join(map(repr, names))}. Say which column is meant: {ways}."
    )


def _two_readings(path: Path, said: str, keys: Mapping[str, str]) -> BadDataError:
    """Return the error for a pair that may be read either way; a column whose name is its key can be said twice."""
    ways = " or ".join(f"the {key} is in {name!r}" for name, key in keys.items())
    clear = [f"--column {name}={name}" for name, key in keys.items() if _WORDS.get(_form(name)) == key]
    remedy = f"Say which: {' or '.join(clear)}." if len(clear) == len(keys) else "Rename one of the columns."
    return BadDataError(f"--column {shlex.quote(said)} has two readings in '{path}': {ways}. {remedy}")


def _is_known(name: str) -> bool:
    """Return whether a column bears a usual name of anything."""
    return any(_form(name) == _form(one) for names in SPELLINGS.values() for one in names)


def _form(name: str) -> str:
    """Return a name in small letters and without separators."""
    return re.sub(r"[\W_]+", "", name.casefold())
