"""What is said of new images, as the rows of a file: written as they come, whole or not at all.

image_id     as `ek tta` names test images
label        the class; empty where the image could not be read
probability  of that class, of those that were asked; `vote_share` where the votes are shares, which have none
label_2, probability_2, ...   the next classes, with --top
agreement    the weight of the members whose own class is the label, as a share of those asked
looks        forward passes spent on the image
abstained    whether its probability is below the threshold
error        why the image could not be read; else empty
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ensemble_kit.csv_text import render_csv
from ensemble_kit.ensembling.combining import voting_of
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.predict.batches import Answered
from ensemble_kit.storage.files import is_stream

Value = str | float | int | bool | None
Row = Sequence[Value]
Rows = Iterable[Sequence[Row]]  # chunk by chunk

DIGITS: Final = 6  # of shares in a CSV; JSON has all


def header_of(method: str, top: int) -> tuple[str, ...]:
    """Return the names of the columns.

    Example:
        >>> header_of("borda", 2)[1:5]
        ('label', 'vote_share', 'label_2', 'vote_share_2')
    """
    share = "vote_share" if voting_of(method).unit == "votes" else "probability"
    best = [f"{word}{'' if place == 1 else f'_{place}'}" for place in range(1, top + 1) for word in ("label", share)]
    return ("image_id", *best, "agreement", "looks", "abstained", "error")


def rows_of(answered: Answered, classes: Sequence[str], top: int, passes: Sequence[int], threshold: float) -> list[Row]:
    """Return the rows of a chunk.

    Args:
        passes: forward passes by the number of steps.
        threshold: an answer below it is flagged.
    """
    chunk, rows, said, steps = answered
    ranked = _ranked(said.probabilities, said.winners, top)
    place_of = {int(row): place for place, row in enumerate(rows)}
    blank: tuple[Value, ...] = (None,) * (2 * top + 3)
    found: list[Row] = []
    for row, image_id in enumerate(chunk.ids):
        if row in chunk.unreadable:
            found.append((image_id, *blank, chunk.unreadable[row]))
            continue
        place = place_of[row]
        shares = said.probabilities[place]
        best = [value for column in ranked[place] for value in (classes[column], float(shares[column]))]
        flagged = bool(shares[said.winners[place]] < threshold)
        found.append((image_id, *best, float(said.agreement[place]), passes[steps[place]], flagged, None))
    return found


def _ranked(shares: np.ndarray, winners: np.ndarray, top: int) -> np.ndarray:
    """Return the winner and the classes after it, by falling share (ties: the lowest index)."""
    after = shares.copy()
    after[np.arange(len(winners)), winners] = np.inf
    ranked: np.ndarray = np.argsort(-after, axis=1, kind="stable")[:, :top]
    return ranked


def check_out(path: Path) -> None:
    """Raise unless the name of the file says how it is to be written, before anything is computed.

    Raises:
        InvalidOptionError: it ends in nothing that is known, or is a folder.
    """
    if path.suffix.lower() not in FORMATS and not is_stream(path):
        raise InvalidOptionError(f"--out is '{path}'; wanted a name that ends in {', '.join(FORMATS)}.")
    if path.is_dir():
        raise InvalidOptionError(f"--out: '{path}' is a folder; wanted a file, as {path / 'new.csv'}.")


def render(path: Path, header: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Return the parts of the file, in the format that its name ends in, else CSV; each as its rows come."""
    return FORMATS.get(path.suffix.lower(), _csv)(path, header, rows)


def _csv(path: Path, header: Sequence[str], rows: Rows) -> Iterator[bytes]:
    yield render_csv([header], path)
    for some in rows:
        yield render_csv([[_text(value) for value in row] for row in some], path)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else f"{value:.{DIGITS}f}" if isinstance(value, float) else str(value)


def _jsonl(path: Path, header: Sequence[str], rows: Rows) -> Iterator[bytes]:
    for some in rows:
        yield "".join(f"{_object(header, row)}\n" for row in some).encode()


def _json(path: Path, header: Sequence[str], rows: Rows) -> Iterator[bytes]:
    mark = "[\n"
    for some in rows:
        yield (mark + ",\n".join(_object(header, row) for row in some)).encode()
        mark = ",\n"
    yield b"\n]\n"


def _object(header: Sequence[str], row: Row) -> str:
    return json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False)


FORMATS: Final[Mapping[str, Callable[[Path, Sequence[str], Rows], Iterator[bytes]]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _jsonl,
}
