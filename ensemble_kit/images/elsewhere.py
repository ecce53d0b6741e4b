r"""Images of a CSV that do not lie where it says: read all the same where one reading fits, else where they may be.

A path of another system is read by its parts: `\` parts them too, and the same number of leading
folders is left off all of them (a drive, a home, a host), as long as no two then name one file.
What lies elsewhere is looked for by name, in some thousand entries below the folders that were named.
"""

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Final

from ensemble_kit.disk import beside
from ensemble_kit.errors import BadDataError
from ensemble_kit.images.folders import is_image

LOOKED_AT: Final = 50  # images of one CSV
_ENTRIES: Final = 20_000  # of folders that are searched


def fitted(cells: Sequence[str], look: Callable[[Sequence[str]], tuple[Path, ...]]) -> tuple[tuple[Path, ...], str]:
    """Return where images lie, and in words how their paths were read, empty where as they stand.

    Args:
        look: from paths as they are written to the places of images.
    """
    found = look(cells)
    if any_there(found):
        return found, ""
    parts = [_parts(cell) for cell in cells]
    left_off = range(min(map(len, parts), default=0))
    readings = [[os.path.expanduser(cell) for cell in cells], *(["/".join(one[n:]) for one in parts] for n in left_off)]
    for reading in readings:
        if len(set(reading)) == len(set(cells)) and any_there(places := look(reading)):
            return places, f"images by the end of their paths, as {reading[0]!r} of {cells[0]!r}"
    return found, ""


def any_there(paths: Sequence[Path]) -> bool:
    """Return whether some of the images lie where they are looked for; by evenly spaced ones."""
    return any(map(_is_there, paths[:: max(len(paths) // LOOKED_AT, 1)]))


def check_there(
    csv: Path, paths: Sequence[Path], images: Path, option: str, look: Callable[[Path], Sequence[Path]]
) -> None:
    """Raise where not one image of a CSV lies where it is looked for.

    Args:
        images: the folder that paths start from; `option` names it.
        look: from another such folder to the places of the images.

    Raises:
        BadDataError: says what was looked for, and where the images are, if they can be found.
    """
    if any_there(paths) or any(map(_is_there, paths)):
        return
    raise BadDataError(
        f"'{csv}': none of its {len(paths)} images is there. The first was looked for as '{paths[0]}'"
        f"{'' if paths[0].suffix else ', with or without the ending of an image'}. "
        f"{_remedy(csv, paths, images, option, look)}"
    )


def lie_elsewhere(missing: Sequence[Path]) -> str:
    """Return how many of some images are not there, and where one may be, as a sentence and a blank; or nothing."""
    missing = [path for path in missing if not _is_there(path)]
    found = _find(missing, [path.parent for path in missing[:1]]) if missing else None
    what = "is" if len(missing) == 1 else "are"
    return f"{len(missing)} {what} not there.{f' {_other(*found)}' if found else ''} " if missing else ""


def _remedy(csv: Path, paths: Sequence[Path], images: Path, option: str, look: Callable[[Path], Sequence[Path]]) -> str:
    """Return what to do about images that are not there."""
    found = _find(paths, [images, csv.parent])
    path, file = found or (paths[0], None)
    ends = _parts(str(path.relative_to(images) if path.is_relative_to(images) else path))
    if file is not None:
        folder = file.parents[max(min(_alike(file, path), len(ends)), 1) - 1]
        folder = folder.parent if any_there(look(folder.parent)) else folder  # which holds one folder a split
        held = sum(map(_is_there, look(folder)))
        if not held:
            return _other(path, file)
        who = "They lie" if held == len(paths) else f"{held} of {len(paths)} lie"
        typed = f": {option} {quote(str(folder))}"
        return (
            f"{who} in '{folder}'{typed if 2 * held > len(paths) else ', others elsewhere: bring a column of paths.'}"
        )
    if re.fullmatch(r"\w\w+:", ends[0]):
        return f"It is an address: download the images, then say where they are: {option} FOLDER."
    there = "" if images.is_dir() else f"There is no folder '{images}'{beside(images)} "
    return f"{there}Say which folder they lie in: {option} FOLDER, or bring a column of paths."


def _other(path: Path, file: Path) -> str:
    is_alike = file.name != path.name and file.name.casefold() == path.name.casefold()
    how = ", which differs in upper and lower case" if is_alike else ""
    return f"For '{path.name}' there is '{file}'{how}. Correct the paths in the CSV."


def _find(missing: Sequence[Path], places: Sequence[Path]) -> tuple[Path, Path] | None:
    """Return an image that is missing, and a file of its name that is near: the one whose folders are most alike."""
    wanted: dict[str, Path] = {}
    for path in missing[:: max(len(missing) // LOOKED_AT, 1)]:
        wanted.setdefault(_parts(str(path))[-1].casefold(), path)
    stems = {os.path.splitext(name)[0]: path for name, path in wanted.items()}  # written with another ending
    best: tuple[int, Path, Path] | None = None
    for file in _below(list(dict.fromkeys(map(_standing, places)))):
        one = wanted.get(file.name.casefold()) or wanted.get(file.stem.casefold())
        one = one or (stems.get(file.stem.casefold()) if is_image(file) else None)
        if one is not None and (best is None or _alike(file, one) > best[0]):
            best = _alike(file, one), one, file
    return None if best is None else best[1:]


def _alike(file: Path, path: Path) -> int:
    """Return how many of the last parts of two paths are the same, with or without the ending of a file."""
    parts = _parts(str(path))
    ours = file.parts if file.name == parts[-1] else file.with_suffix("").parts
    pairs = enumerate(zip(reversed(ours), reversed(parts), strict=False))
    return next((count for count, (one, other) in pairs if one != other), min(len(ours), len(parts)))


def _parts(cell: str) -> list[str]:
    r"""Return the parts of a path of any system, at least one.

    Example:
        >>> _parts("C:\\pics\\1.png"), _parts("https://host/1.png")
        (['C:', 'pics', '1.png'], ['https:', 'host', '1.png'])
    """
    return [part for part in re.split(r"[\\/]+", cell) if part] or [cell]


def _is_there(path: Path) -> bool:
    return os.path.isfile(path) or os.path.islink(path)  # a link to nothing is said to be one when it is read


def _standing(folder: Path) -> Path:
    """Return a folder, or the nearest above it that is there."""
    whole = folder.expanduser()
    return next((one for one in (whole, *whole.parents) if os.path.isdir(one)), Path())


def _below(roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the files below folders, the nearest first, not through links; no more than _ENTRIES are looked at."""
    waiting, seen = deque(roots), 0
    while waiting and seen < _ENTRIES:
        try:
            with os.scandir(waiting.popleft()) as entries:
                held = sorted((one for one in entries if one.name[0] != "."), key=lambda one: one.name)
        except OSError:
            continue
        seen += len(held)
        waiting += [Path(one.path) for one in held if one.is_dir(follow_symlinks=False)]
        yield from (Path(one.path) for one in held if one.is_file())
