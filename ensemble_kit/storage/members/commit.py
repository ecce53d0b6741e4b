"""The folder of a member, and the one way it changes: replacing its member.json.

Whoever writes holds the lock of the root and, inside `swept`, writes new data files and
commits; what no manifest names is swept at the end. A kill at any moment leaves the old
member or the new one, and a mark by which the next command knows that a sweep is due.
Touches nothing in a folder but files that bear names of ours.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble_kit.disk import listed
from ensemble_kit.errors import CorruptError, InvalidOptionError
from ensemble_kit.storage.files import abandoned, note, remove_files, replace_file, sync_folder, writing
from ensemble_kit.storage.members.manifest import DATA_FILE, MANIFEST_NAME, Manifest, parse_manifest, render_manifest
from ensemble_kit.tables import meant

UNSWEPT = ".unswept"


def read_manifest(folder: Path) -> Manifest:
    """Return what the folder's member.json says.

    Raises:
        InvalidOptionError, CorruptError: see `read_manifest_and_sha256`.
    """
    return read_manifest_and_sha256(folder)[0]


def read_manifest_and_sha256(folder: Path) -> tuple[Manifest, str]:
    """Return what the folder's member.json says, and the sha256 by which blends pin it.

    Raises:
        InvalidOptionError: the folder holds no member.
        CorruptError: member.json is damaged, or names another member than the folder.
    """
    path = folder / MANIFEST_NAME
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        there = list_members(folder.parent)
        raise InvalidOptionError(
            f"No member '{folder.name}' in {folder.parent}: there is no {path}{meant(folder.name, there)} "
            f"Members there: {', '.join(there) or 'none'}."
        ) from None
    manifest = parse_manifest(data, path)
    if manifest.name != folder.resolve().name:
        raise CorruptError(
            f"{path} describes member '{manifest.name}', but its folder is named '{folder.resolve().name}'. "
            f"Name the folder '{manifest.name}' again; members are renamed by `ek members rename`."
        )
    return manifest, hashlib.sha256(data).hexdigest()


def list_members(root: Path) -> list[str]:
    """Return the names of the members in the folder, sorted.

    A folder that may not be looked into counts: whoever opens it hears whose it is. Looks
    until it has seen the same twice: one look could miss both names of a member that is
    renamed meanwhile.
    """
    before, names = None, _names_now(root)
    while before != names:
        before, names = names, _names_now(root)
    return names


def _names_now(root: Path) -> list[str]:
    return [folder.name for folder in listed(root) if not folder.name.startswith(".") and _may_be_member(folder)]


def _may_be_member(folder: Path) -> bool:
    try:
        return (folder / MANIFEST_NAME).exists()
    except PermissionError:
        return True


@contextmanager
def swept(root: Path) -> Iterator[None]:
    """Let the block write in the root, whose lock the caller holds; what no manifest names then goes.

    Raises:
        ResourceError: the root cannot be written.
    """
    with writing(root):
        (root / UNSWEPT).touch()
    try:
        yield
    finally:
        sweep(root)


def commit(root: Path, manifest: Manifest) -> Manifest:
    """Replace member.json, and return what it says; call it inside `swept`."""
    path = root / manifest.name / MANIFEST_NAME
    data = render_manifest(manifest)
    written = parse_manifest(data, path)
    replace_file(path, data)
    return written


def drop(root: Path, name: str) -> None:
    """Remove a member: its member.json; call it inside `swept`, which removes the rest."""
    path = root / name / MANIFEST_NAME
    note(path, None)
    with writing(root / name):
        remove_files([path])


def sweep(root: Path) -> None:
    """Remove the data files that no manifest names, and the temporary files of killed writers, as far as we may."""
    for folder in [path for path in listed(root) if path.is_dir() and not path.is_symlink()]:
        with suppress(OSError):  # another's folder: nothing of it is ours to remove
            _sweep_folder(folder)
        (root / UNSWEPT).unlink(missing_ok=True)


def _sweep_folder(folder: Path) -> None:
    """Sweep one folder, and the folder itself if nothing is left; not where the manifest is damaged."""
    try:
        named = read_manifest(folder).file_names()
    except CorruptError:
        return
    except InvalidOptionError:
        named = set()
    stale = [path for path in folder.iterdir() if DATA_FILE.fullmatch(path.name) and path.name not in named]
    remove_files([*stale, *abandoned(folder)])
    if not named and not any(folder.iterdir()):
        with suppress(OSError):
            folder.rmdir()
            sync_folder(folder.parent)
