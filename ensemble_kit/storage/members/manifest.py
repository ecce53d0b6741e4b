"""What member.json says: everything about a member but its numbers.

A `Manifest` is plain data and equals what its file holds. It is checked whole, once,
when it is written and when it is read. To add a field: a line in `Manifest`, with a
default where older files lack it.
"""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ensemble_kit.disk import seal, unseal
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError
from ensemble_kit.id_forms import is_rounded
from ensemble_kit.storage.files import UnknownFieldError, build, number_from_json, number_to_json
from ensemble_kit.types import IDENTITY
from ensemble_kit.versions import check_schema, made_elsewhere

MANIFEST_NAME = "member.json"
SCHEMA = 1
EXTERNAL = "foreign"
SOURCES = ("trained", "imported", EXTERNAL)
DATA_FILE = re.compile(r"[a-z]+-[0-9a-f]{12}\.(npy|csv)")
LONGEST_NAME_BYTES = 200


class StoredFile(NamedTuple):
    """A file beside the manifest, and its whole sha256."""

    file: str
    sha256: str


class SplitFiles(NamedTuple):
    """The two files of a split: numbers, and who stands in which row."""

    logits: StoredFile
    rows: StoredFile


@dataclass(frozen=True)
class Manifest:
    """One member, as its member.json describes it.

    source: "trained" by us, "imported" as scores, or "foreign": an external network whose logits were computed here.
    view_weights: one number >= 0 a view, summing to 1.
    view_choice: how the view weights were chosen: none, equal, auto.
    view_ridge: the ridge strength of `auto`, maybe infinite; None where none was chosen.
    view_ms: milliseconds per image for each view, in the order of `views`; empty where not every
        view was measured, and in files from before there were any.
    preprocessing, training: whatever rebuilds the images and repeats the training.
    family: what members are called that were trained alike, but for their seed, fold or moment.
    data_fingerprint: one fingerprint a split.
    skipped: by split, image id -> why its image could not be read; those of test have rows
        that hold the classes' shares in train, the others have none.
    run: the run's folder; None for an imported member, as are the four fields after it.
    val_used_for: what else val, or oof where there is no val, decided: "epoch", "early stop", "soup".
    cost: numbers by name, each with its unit in the name.
    imported: the kind of the scores and how many were clipped; empty where we trained.
    files: by split; `write_member` fills it in.
    """

    name: str
    arch: str
    source: str
    classes: tuple[str, ...]
    views: tuple[str, ...] = (IDENTITY,)
    view_weights: tuple[float, ...] = (1.0,)
    view_choice: str = "none"
    view_ridge: float | None = None
    view_ms: tuple[float, ...] = ()
    preprocessing: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    recipe: str | None = None
    seed: int | None = None
    family: str | None = None
    data_fingerprint: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, dict[str, str]] = field(default_factory=dict)
    run: str | None = None
    config_sha256: str | None = None
    metrics_sha256: str | None = None
    checkpoint_sha256: str | None = None
    val_used_for: tuple[str, ...] = ()
    cost: dict[str, float | int | None] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    imported: dict[str, Any] = field(default_factory=dict)
    files: dict[str, SplitFiles] = field(default_factory=dict)
    schema: int = SCHEMA

    def file_names(self) -> set[str]:
        """Return the names of all files that belong to the member, member.json aside."""
        return {stored.file for pair in self.files.values() for stored in pair}


def check_name(name: str) -> None:
    """Raise unless something new may have that name.

    Raises:
        InvalidOptionError: as `check_folder_name`; or with a character that cannot be printed, as the
            escapes that move a terminal's cursor, or bytes that are no UTF-8.
    """
    check_folder_name(name)
    if not name.isprintable():
        raise InvalidOptionError(f"Wanted a name of characters that can be printed, got {name!r}.")


def check_folder_name(name: str) -> None:
    """Raise unless a folder can have that name, so that none leads out of the folder it belongs in.

    Raises:
        InvalidOptionError: empty, too long, hidden, with a path separator or a line break.
    """
    size_bytes = len(name.encode("utf-8", "replace"))
    hidden = name.startswith(".") or any(mark in name for mark in "/\\\0\r\n")
    if hidden or not 1 <= size_bytes <= LONGEST_NAME_BYTES:
        raise InvalidOptionError(
            f"Wanted a name of 1 to {LONGEST_NAME_BYTES} bytes without '/', '\\' or a leading '.', got {name!r}."
        )


def check_view_weights(views: Sequence[str], weights: Sequence[float]) -> None:
    """Raise unless views and weights make a member.

    Raises:
        InvalidOptionError: view 0 is not identity, a view stands twice, or the weights
            are not one finite number >= 0 a view that sum to 1.
    """
    if not views or views[0] != IDENTITY or len(set(views)) < len(views):
        raise InvalidOptionError(
            f"Wanted view '{IDENTITY}' first and each view once, got: {', '.join(views) or 'none'}."
        )
    fit = len(weights) == len(views) and all(math.isfinite(weight) and weight >= 0 for weight in weights)
    if not fit or abs(sum(weights) - 1) > 1e-6:
        raise InvalidOptionError(
            f"Wanted {len(views)} view weights >= 0 that sum to 1, got {', '.join(map(str, weights)) or 'none'}."
        )


def check_view_ms(views: Sequence[str], view_ms: Sequence[float]) -> None:
    """Raise unless every view has its milliseconds, or none has.

    Raises:
        InvalidOptionError: not one finite number >= 0 a view.

    Example:
        >>> check_view_ms(("identity", "hflip"), (1.5, 1.75))
        >>> check_view_ms(("identity", "hflip"), ())
    """
    fit = len(view_ms) in (0, len(views)) and all(math.isfinite(ms) and ms >= 0 for ms in view_ms)
    if not fit:
        raise InvalidOptionError(
            f"Wanted the milliseconds of {len(views)} views, each a finite number >= 0, or none at all; "
            f"got {', '.join(map(str, view_ms))}."
        )


def check_manifest(manifest: Manifest) -> None:
    """Raise unless the manifest makes sense in itself.

    Raises:
        InvalidOptionError: a name, a source, views, view weights or milliseconds that cannot be.
        BadDataError: classes that are empty or doubled.
    """
    check_folder_name(manifest.name)
    if manifest.source not in SOURCES:
        raise InvalidOptionError(f"Wanted a source of {', '.join(SOURCES)}, got {manifest.source!r}.")
    check_view_weights(manifest.views, manifest.view_weights)
    check_view_ms(manifest.views, manifest.view_ms)
    check_distinct(manifest.classes, "class", f"member '{manifest.name}'")


def check_distinct(names: Sequence[str], word: str, where: str) -> None:
    """Raise unless there are names, none of them empty or doubled.

    Raises:
        BadDataError: says where, which name, and in which places it stands.
    """
    if not names:
        raise BadDataError(f"{where} has no {word}; wanted at least one.")
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if name == "":
            raise BadDataError(f"{where}: {word} {place + 1} is empty; wanted a name.")
        if name in first and is_rounded(name):
            raise BadDataError(
                f"{where}: {word} {name!r} stands in places {first[name] + 1} and {place + 1}: a spreadsheet rounded "
                "long numbers, and their last digits are lost. Write the file again, and open it as text alone."
            )
        if name in first:
            raise BadDataError(
                f"{where}: {word} {name!r} stands in places {first[name] + 1} and {place + 1}; "
                "wanted each once. Remove one."
            )
        first[name] = place


def render_manifest(manifest: Manifest) -> bytes:
    """Return the text of member.json."""
    content = dataclasses.asdict(manifest)
    content["view_ridge"] = number_to_json(manifest.view_ridge)
    content["files"] = {
        split: {part: stored._asdict() for part, stored in pair._asdict().items()}
        for split, pair in manifest.files.items()
    }
    return seal(content)


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Return the manifest that the text of a member.json holds.

    Raises:
        CorruptError: damaged, of a schema that never was, with fields missing or of the wrong type,
            or with contents that cannot be.
        BadDataError: of a later schema, or with fields that this version does not know.
    """
    content = unseal(data, path)
    check_schema(content, SCHEMA, path, "Install the version that wrote it, or write the member again.")
    try:
        content["view_ridge"] = number_from_json(content.get("view_ridge"))
        content["files"] = {split: _split_files(split, pair) for split, pair in content["files"].items()}
        manifest = build(Manifest, content)
        check_manifest(manifest)
    except UnknownFieldError as error:
        raise made_elsewhere(path, str(error), content.get("versions")) from error
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOptionError, BadDataError) as error:
        raise CorruptError(f"{path} is no manifest of a member: {error} Write the member again.") from error
    return manifest


def _split_files(split: str, pair: Mapping[str, Mapping[str, str]]) -> SplitFiles:
    """Return the two files of a split; plain names only, so that none leads out of the folder."""
    files = SplitFiles(StoredFile(**pair["logits"]), StoredFile(**pair["rows"]))
    for stored in files:
        if not DATA_FILE.fullmatch(stored.file) or not stored.file.startswith(f"{split}-{stored.sha256[:12]}."):
            raise ValueError(f"{stored.file!r} is no file name of split '{split}'.")
    return files
