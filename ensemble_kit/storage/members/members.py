"""Members on disk: write, read, list, rename, remove.

Replacing `member.json` is the only commit. Data files are named by their content and
never change; what no manifest names is removed, under the lock, by the next write.
Readers take no lock. Never unpickles, never returns a file that does not match its
sha256. All that concerns members can be imported from here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace as with_changes
from pathlib import Path

from ensemble_kit.disk import check, check_writable
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError
from ensemble_kit.storage.files import intended, locked, replace_file_in_parts, stands
from ensemble_kit.storage.members.add_views import add_views, set_view_weights
from ensemble_kit.storage.members.arrays import DTYPES, lost, write_split
from ensemble_kit.storage.members.commit import (
    commit,
    drop,
    list_members,
    read_manifest,
    read_manifest_and_sha256,
    swept,
)
from ensemble_kit.storage.members.manifest import (
    DATA_FILE,
    MANIFEST_NAME,
    Manifest,
    check_distinct,
    check_folder_name,
    check_manifest,
    check_name,
)
from ensemble_kit.storage.members.read import Member, read_member, read_members, read_predictions
from ensemble_kit.types import Predictions

__all__ = [
    "Manifest",
    "Member",
    "add_views",
    "check_folder_name",
    "check_name",
    "is_taken",
    "list_members",
    "manifest_sha256",
    "read_manifest",
    "read_manifest_and_sha256",
    "read_member",
    "read_members",
    "read_predictions",
    "remove_member",
    "rename_member",
    "set_view_weights",
    "write_member",
]
CHUNK_BYTES = 1 << 20


def write_member(
    root: Path,
    manifest: Manifest,
    predictions: Mapping[str, Predictions],
    dtype: str = "float32",
    replace: bool = False,
) -> Manifest:
    """Write a member, or replace one, and return its manifest with the files filled in.

    Args:
        predictions: by split; views and classes as the manifest says.
        dtype: of the stored logits, float32 or float16.
        replace: overwrite a member of that name.

    Raises:
        InvalidOptionError: the name is taken or cannot be, or the views or weights cannot be.
        BadDataError: NaN, infinities, doubled ids or classes, labels outside the classes.
        MisalignedError: views, classes or counts that differ from the manifest or each other.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_name(manifest.name)
    check_manifest(manifest)
    if dtype not in DTYPES:
        raise InvalidOptionError(f"Wanted logits stored as {' or '.join(DTYPES)}, got {dtype!r}.")
    if not predictions:
        raise BadDataError(f"Member '{manifest.name}' brings no logits; wanted at least one split.")
    for split, brought in predictions.items():
        _check_brought(brought, manifest, split)
    folder = root / manifest.name
    with locked(root), swept(root):
        if is_taken(root, manifest.name) and not replace:
            raise InvalidOptionError(
                f"{root} already has a member '{manifest.name}'. Choose another --name, or give --replace."
            )
        files = {split: write_split(folder, brought, dtype) for split, brought in predictions.items()}
        return commit(root, with_changes(manifest, files=files))


def is_taken(root: Path, name: str) -> bool:
    """Say whether there is a member of that name; one that this very command wrote, and then was killed, is none."""
    path = root / name / MANIFEST_NAME
    return path.exists() and not stands(path)


def manifest_sha256(folder: Path) -> str:
    """Return the sha256 of the folder's member.json, by which blends pin the member.

    Raises:
        InvalidOptionError: the folder holds no member.
        CorruptError: member.json is damaged.
    """
    return read_manifest_and_sha256(folder)[1]


def remove_member(root: Path, name: str) -> None:
    """Remove a member; its member.json goes first, and with it the member.

    Raises:
        InvalidOptionError: there is no such member.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_folder_name(name)
    path = root / name / MANIFEST_NAME
    with locked(root), swept(root):
        if not path.exists():
            if stands(path):
                return
            read_manifest(root / name)  # raises, naming the members there are
        drop(root, name)


def rename_member(root: Path, name: str, new_name: str) -> Manifest:
    """Give a member another name: the new one is written whole, then the old one removed.

    Raises:
        InvalidOptionError: there is no such member, or the new name is taken or cannot be.
        CorruptError: the member is damaged.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_folder_name(name)
    check_name(new_name)
    old, new = root / name, root / new_name
    with locked(root), swept(root):
        if stands(new / MANIFEST_NAME) and not (old / MANIFEST_NAME).exists():
            return read_manifest(new)
        manifest = read_manifest(old)
        if (new / MANIFEST_NAME).exists():
            raise InvalidOptionError(f"{root} already has a member '{new_name}'. Choose another name.")
        check_writable(old)  # else it would stand beside the new one
        try:
            for stored in (stored for pair in manifest.files.values() for stored in pair):
                check(old / stored.file, stored.sha256)
                replace_file_in_parts(new / stored.file, _chunks(old / stored.file))
        except FileNotFoundError as error:
            raise lost(manifest, error) from error
        with intended(root, once=new / MANIFEST_NAME, then=[old / MANIFEST_NAME]):
            return commit(root, with_changes(manifest, name=new_name))


def _check_brought(brought: Predictions, manifest: Manifest, split: str) -> None:
    """Raise unless the predictions fit the manifest and themselves."""
    where = f"member '{manifest.name}', {split}"
    if not DATA_FILE.fullmatch(f"{split}-{'0' * 12}.npy") or brought.split != split:
        raise InvalidOptionError(f"{where}: wanted a split of small letters, got {brought.split!r}.")
    for axis in ("views", "classes"):
        if getattr(brought, axis) != getattr(manifest, axis):
            raise MisalignedError(
                f"{where}: the logits have the {axis} {getattr(brought, axis)}, "
                f"the manifest {getattr(manifest, axis)}; wanted the same in the same order."
            )
    check_distinct(brought.ids, "image id", where)
    count = len(brought.ids)
    wanted = (len(brought.views), count, len(brought.classes))
    if brought.logits.shape != wanted:
        raise MisalignedError(
            f"{where}: wanted logits of shape (views, images, classes) = {wanted}, got {brought.logits.shape}."
        )
    for name in ("labels", "groups"):
        column = getattr(brought, name)
        if column is not None and len(column) != count:
            raise MisalignedError(f"{where}: wanted {count} {name}, one an image, got {len(column)}.")
    if brought.labels is not None:
        for image_id, label in zip(brought.ids, brought.labels, strict=True):
            if not 0 <= label < len(brought.classes):
                raise BadDataError(f"{where}: {image_id!r} has label {label}; wanted 0 to {len(brought.classes) - 1}.")


def _chunks(path: Path) -> Iterator[bytes]:
    """Return the file's bytes, a megabyte at a time."""
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
