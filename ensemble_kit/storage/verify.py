"""Every checksum of everything, computed anew.

A member vouches for its own files and for those of its run; a blend, a ledger line,
a submission, an unfinished run and what lies in the cache each carry their own. What a
person may edit is no damage, and said. To store something new: add its check here.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ensemble_kit.disk import check, check_cached, listed, unseal
from ensemble_kit.errors import (
    BadDataError,
    CorruptError,
    InvalidOptionError,
    LockedError,
    MisalignedError,
    ResourceError,
)
from ensemble_kit.storage.blends import read_blend
from ensemble_kit.storage.files import LEDGER_NAME, locked, read_editable, read_ledger
from ensemble_kit.storage.members import MANIFEST_NAME, Manifest, list_members, read_manifest, read_split
from ensemble_kit.storage.partial import check_part
from ensemble_kit.storage.runs import (
    CHECKPOINT,
    CONFIG_NAME,
    METRICS_NAME,
    UNFINISHED_NAME,
    check_state,
    checkpoint_name,
    read_checkpoint,
    read_spent,
)
from ensemble_kit.storage.submissions import HANDED_IN, RULES_NAME, read_provenance, read_rules

Check = tuple[Path, Callable[[], object]]
DAMAGE = (CorruptError, BadDataError, MisalignedError)


def verify_all(
    predictions: Path,
    runs: Path,
    blends: Path,
    submissions: Path,
    cache: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Return every file that was checked, after checking them all.

    Args:
        predictions, runs, blends, submissions: folders; one that is not there holds nothing.
        cache: remembers what was verified, and is checked too; None: there is none.
        say: told of each file that a person edited.

    Raises:
        CorruptError: names every file that is damaged or missing, and how.
    """
    checked: list[Path] = []
    damaged: dict[str, None] = {}
    vouched: set[Path] = set()
    for name in list_members(predictions):
        files, damage, of_run = _verify_member(predictions / name, runs, cache)
        checked += files
        damaged |= dict.fromkeys(damage)
        vouched |= of_run
    for checks in (_other_checks(vouched, runs, blends, submissions), _passing_checks(runs, submissions, say)):
        files, damage = _run(checks)
        checked += files
        damaged |= dict.fromkeys(damage)
    if cache is not None:
        files, damage = _run(_cache_checks(cache))
        checked += files
        damaged |= dict.fromkeys(damage)
    if damaged:
        raise CorruptError(f"Verified {len(checked)} files; damaged: {len(damaged)}.", *damaged)
    return checked


def _run(checks: Iterable[Check]) -> tuple[list[Path], list[str]]:
    """Return the files that were checked, and what is wrong with them."""
    checked, damage = [], []
    for path, run_check in checks:
        try:
            run_check()
        except InvalidOptionError:
            continue  # it went a moment ago
        except FileNotFoundError:
            damage.append(f"{path} is missing. Restore it from a copy, or write it again.")
        except DAMAGE as error:
            damage.append(str(error))
        checked.append(path)
    return checked, damage


def _verify_member(folder: Path, runs: Path, cache: Path | None) -> tuple[list[Path], list[str], set[Path]]:
    """Return what was checked of a member, what is wrong with it, and the files of its run.

    A member that changes meanwhile is checked again; one that goes is none any more. A
    training that replaces it rewrites the files of the run a moment before the member, so
    those are not checked while it holds the run.
    """
    while True:
        before = _manifest_bytes(folder)
        if before is None:
            return [], [], set()
        try:
            manifest = read_manifest(folder)
        except DAMAGE as error:
            if before == _manifest_bytes(folder):
                return [folder / MANIFEST_NAME], [str(error)], set()
            continue
        except InvalidOptionError:
            continue
        of_run = _run_files(runs, manifest)
        checked, damage = _run(_member_checks(folder, manifest, cache))
        checks_of_run = [(path, partial(check, path, sha256, cache, verify=True)) for path, sha256 in of_run]
        more, run_damage = _run(checks_of_run)
        if run_damage:  # once nobody holds the run, what a dead process left to do is done
            run_damage = [] if _is_held(of_run[0][0].parent) else _run(checks_of_run)[1]
        if not (damage or run_damage) or before == _manifest_bytes(folder):
            return [*checked, *more], [*damage, *run_damage], {path for path, _ in of_run}


def _manifest_bytes(folder: Path) -> bytes | None:
    try:
        return (folder / MANIFEST_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_held(run: Path) -> bool:
    """Say whether another process trains in the run."""
    try:
        with suppress(ResourceError), locked(run, timeout_s=0):
            pass
    except LockedError:
        return True
    return False


def _member_checks(folder: Path, manifest: Manifest, cache: Path | None) -> Iterator[Check]:
    """Yield the files of a member and their checks; the last of a split reads both together."""
    yield folder / MANIFEST_NAME, lambda: None  # read just now
    for split, (logits, rows) in manifest.files.items():
        yield folder / logits.file, partial(check, folder / logits.file, logits.sha256, cache, verify=True)
        yield folder / rows.file, partial(read_split, folder, manifest, split, cache, verify=True)


def _other_checks(vouched: set[Path], runs: Path, blends: Path, submissions: Path) -> Iterator[Check]:
    """Yield what vouches for itself, and its checks; `vouched` are checked already."""
    for path in (path for run in listed(runs) if run.is_dir() for path in listed(run)):
        if path not in vouched and CHECKPOINT.fullmatch(path.name):
            yield path, partial(read_checkpoint, path)
    for path in _json_in(blends):
        yield path, partial(read_blend, path)
    for folder in dict.fromkeys((blends, submissions)):
        path = folder / LEDGER_NAME
        if path.exists():
            yield path, partial(read_ledger, path)
    for path in (*_json_in(submissions), *_json_in(submissions / HANDED_IN)):
        yield path, partial(read_provenance, path)
        yield path.with_suffix(".csv"), partial(read_provenance, path)


def _json_in(folder: Path) -> list[Path]:
    return [path for path in listed(folder) if path.suffix == ".json" and not path.name.startswith(".")]


def _passing_checks(runs: Path, submissions: Path, say: Callable[[str], None]) -> Iterator[Check]:
    """Yield what is replaced now and then, and what a person may edit, and its checks."""
    for path in sorted(runs.glob("*.budget.json")):
        yield path, partial(read_spent, path)
    for path in sorted(runs.glob("*/state-*.pt")):
        yield path, partial(_unless_gone, check_state, path)
    for path in sorted(runs.glob(f"*/{UNFINISHED_NAME}")):
        yield path, partial(_unless_gone, read_editable, path, say)
    if (submissions / RULES_NAME).exists():
        yield submissions / RULES_NAME, partial(read_rules, submissions, say)


def _cache_checks(cache: Path) -> Iterator[Check]:
    """Yield what lies in the cache, and its checks; whoever needs it makes anew what is damaged."""
    for folder in ("images", "features"):
        for path in sorted(cache.glob(f"{folder}/*.npy")):
            yield path, partial(_unless_gone, check_cached, path)
    for path in sorted(cache.glob("looks/*/*.part")):
        yield path, partial(_unless_gone, check_part, path)
    for path in sorted(cache.glob("looks/*/job.json")):
        yield path, partial(_unless_gone, _check_sealed, path)


def _unless_gone(run_check: Callable[..., object], path: Path, *more: Any) -> None:
    """Check a file, unless its owner removed it a moment ago, or lets nobody else read it."""
    with suppress(FileNotFoundError, PermissionError):
        run_check(path, *more)


def _check_sealed(path: Path) -> None:
    unseal(path.read_bytes(), path)


def _run_files(runs: Path, manifest: Manifest) -> list[tuple[Path, str]]:
    """Return the files of the member's run, with the sha256 that member.json names."""
    folder = runs / Path(manifest.run or "none").name
    if manifest.run is None or not folder.is_dir():
        return []  # a member may travel without its run
    named = [(CONFIG_NAME, manifest.config_sha256), (METRICS_NAME, manifest.metrics_sha256)]
    if manifest.checkpoint_sha256:
        named.append((checkpoint_name(manifest.checkpoint_sha256), manifest.checkpoint_sha256))
    return [(folder / name, sha256) for name, sha256 in named if sha256]
