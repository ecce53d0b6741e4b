"""Members as they stood at one moment, whoever writes meanwhile.

Readers take no lock: a manifest names files that never change, and where they were
swept because a newer manifest stands, that one is read. So whatever is returned was,
at one moment, the member. Never returns a file that does not match its sha256.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.storage.members.arrays import ParsedRows, check_split, lost, read_split
from ensemble_kit.storage.members.commit import list_members, read_manifest_and_sha256
from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.types import Predictions

Read = TypeVar("Read")


class Member(NamedTuple):
    """A member as it stood at one moment: its manifest, the sha256 of that, and every split."""

    manifest: Manifest
    manifest_sha256: str
    splits: dict[str, Predictions]

    def split(self, name: str) -> Predictions:
        """Return the logits on one split.

        Raises:
            InvalidOptionError: the member has no such split.
        """
        check_split(self.manifest, name)
        return self.splits[name]


def read_predictions(folder: Path, split: str, cache: Path | None = None, verify: bool = False) -> Predictions:
    """Return a member's logits on one split, memory-mapped, with ids, labels and groups.

    Args:
        cache: the folder that remembers verified checksums; None remembers nothing.
        verify: compute the checksums even where they are remembered.

    Raises:
        InvalidOptionError: no such member, or no such split.
        CorruptError: a file that is missing, damaged, or of another shape or type.
        BadDataError: NaN, infinities, doubled ids, labels outside the classes.
        MisalignedError: as many rows of ids as of logits were wanted.
    """
    return _of_one_state(folder, lambda manifest, _: read_split(folder, manifest, split, cache, verify))


def read_member(
    folder: Path, cache: Path | None = None, verify: bool = False, parsed: ParsedRows | None = None
) -> Member:
    """Return a member whole: manifest and logits of one state, whoever writes meanwhile.

    Args:
        cache, verify: see `read_predictions`.
        parsed: see `arrays.read_split`.

    Raises:
        InvalidOptionError: no such member.
        CorruptError, BadDataError, MisalignedError: see `read_predictions`.
    """

    def read(manifest: Manifest, sha256: str) -> Member:
        splits = {split: read_split(folder, manifest, split, cache, verify, parsed) for split in manifest.files}
        return Member(manifest, sha256, splits)

    return _of_one_state(folder, read)


def read_members(
    root: Path, names: Sequence[str] = (), cache: Path | None = None, verify: bool = False
) -> list[Member]:
    """Return the members of these names, or all there are; see `read_member`.

    Members with the same rows share their ids, labels and groups.

    Raises:
        InvalidOptionError: a name that no member has.
        CorruptError, BadDataError, MisalignedError: see `read_predictions`.
    """
    parsed: ParsedRows = {}
    while True:
        there = list_members(root)
        try:
            return [read_member(root / name, cache, verify, parsed) for name in names or there]
        except InvalidOptionError:
            if names or list_members(root) == there:
                raise  # otherwise one was renamed or removed meanwhile: look again


def _of_one_state(folder: Path, read: Callable[[Manifest, str], Read]) -> Read:
    """Return what `read` makes of the manifest and its sha256; a state that is swept meanwhile is read anew."""
    manifest, sha256 = read_manifest_and_sha256(folder)
    while True:
        try:
            return read(manifest, sha256)
        except FileNotFoundError as error:
            again, sha256 = read_manifest_and_sha256(folder)
            if again == manifest:
                raise lost(manifest, error) from error
            manifest = again
