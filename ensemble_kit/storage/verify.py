"""Every checksum of everything, computed anew.

A member vouches for its own files and for those of its run; a blend, a ledger line
and a submission each carry their own. To store something new: add its check here.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ensemble_kit.errors import BadDataError, CorruptError, EnsembleKitError, MisalignedError
from ensemble_kit.storage.blends import read_blend
from ensemble_kit.storage.checksums import check
from ensemble_kit.storage.ledger import LEDGER_NAME, read_ledger
from ensemble_kit.storage.manifest import MANIFEST_NAME, Manifest
from ensemble_kit.storage.members import list_members, read_manifest, read_predictions
from ensemble_kit.storage.runs import CHECKPOINT, CONFIG_NAME, METRICS_NAME, checkpoint_name, read_checkpoint
from ensemble_kit.storage.submissions import read_provenance

Check = tuple[Path, Callable[[], object]]
DAMAGE = (CorruptError, BadDataError, MisalignedError)


def verify_all(predictions: Path, runs: Path, blends: Path, submissions: Path, cache: Path | None = None) -> list[Path]:
    """Return every file that was checked, after checking them all.

    Args:
        predictions, runs, blends, submissions: folders; one that is not there holds nothing.
        cache: remembers what was verified; None remembers nothing.

    Raises:
        CorruptError: names every file that is damaged or missing, and how.
    """
    checked: list[Path] = []
    damaged: dict[str, None] = {}
    for path, run_check in _checks(predictions, runs, blends, submissions, cache):
        try:
            run_check()
        except FileNotFoundError:
            damaged[f"{path} is missing. Restore it from a copy, or write it again."] = None
        except DAMAGE as error:
            damaged[str(error)] = None
        checked.append(path)
    if damaged:
        found = "\n".join(damaged)
        raise CorruptError(f"Verified {len(checked)} files; damaged: {len(damaged)}.\n{found}")
    return checked


def _checks(predictions: Path, runs: Path, blends: Path, submissions: Path, cache: Path | None) -> Iterator[Check]:
    """Yield every file and the check that vouches for it."""
    vouched: set[Path] = set()
    for name in list_members(predictions):
        folder = predictions / name
        yield folder / MANIFEST_NAME, partial(read_manifest, folder)
        try:
            manifest = read_manifest(folder)
        except EnsembleKitError:
            continue
        for split in manifest.files:
            yield from _split_checks(folder, manifest, split, cache)
        for path, sha256 in _run_files(runs, manifest):
            vouched.add(path)
            yield path, partial(check, path, sha256, cache, verify=True)
    for path in sorted(runs.glob("*/checkpoint-*.safetensors")):
        if path not in vouched and CHECKPOINT.fullmatch(path.name):
            yield path, partial(read_checkpoint, path)
    for path in sorted(blends.glob("[!.]*.json")):
        yield path, partial(read_blend, path)
    for folder in dict.fromkeys((blends, submissions)):
        path = folder / LEDGER_NAME
        if path.exists():
            yield path, partial(read_ledger, path)
    for path in sorted(submissions.glob("[!.]*.json")):
        yield path, partial(read_provenance, path)
        yield path.with_suffix(".csv"), partial(read_provenance, path)


def _split_checks(folder: Path, manifest: Manifest, split: str, cache: Path | None) -> Iterator[Check]:
    """Yield both files of a split; the second check reads the two together."""
    logits, rows = manifest.files[split]
    yield folder / logits.file, partial(check, folder / logits.file, logits.sha256, cache, verify=True)
    yield folder / rows.file, partial(read_predictions, folder, split, cache, verify=True)


def _run_files(runs: Path, manifest: Manifest) -> list[tuple[Path, str]]:
    """Return the files of the member's run, with the sha256 that member.json names."""
    folder = runs / Path(manifest.run or "none").name
    if manifest.run is None or not folder.is_dir():
        return []  # a member may travel without its run
    named = [(CONFIG_NAME, manifest.config_sha256), (METRICS_NAME, manifest.metrics_sha256)]
    if manifest.checkpoint_sha256:
        named.append((checkpoint_name(manifest.checkpoint_sha256), manifest.checkpoint_sha256))
    return [(folder / name, sha256) for name, sha256 in named if sha256]
