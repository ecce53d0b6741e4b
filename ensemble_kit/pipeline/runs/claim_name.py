"""The name of a run, its folder locked, and what is to be done there: begin, go on, or nothing.

    in the run's folder     without --resume        --resume                --replace
    nothing                 begin                   begin                   begin
    an unfinished run       refused, says how       go on, if asked alike   begin anew
    a finished member       refused, or next name   done, if asked alike    begin anew

A run that was asked for otherwise is always refused, with the differences. A state left
behind by a run whose member stands is none: it names the checkpoint that it was to replace.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from ensemble_kit.disk import check_writable
from ensemble_kit.errors import InvalidOptionError, LockedError, MisalignedError
from ensemble_kit.pipeline.models import Plan
from ensemble_kit.pipeline.runs.resume import differences, go_on
from ensemble_kit.storage import members as store
from ensemble_kit.storage.files import locked, stands
from ensemble_kit.storage.members import check_name
from ensemble_kit.storage.runs import read_state, state_files
from ensemble_kit.versions import made_elsewhere
from ensemble_kit.workspace import Workspace

IMPORTED = "imported"


@dataclass(frozen=True)
class Request:
    """What is asked for of a name; `plan_of` says what a run of a name would be, and of which images."""

    name: str | None
    arch: str
    workspace: Workspace
    resume: bool
    replace: bool
    plan_of: Callable[[str], tuple[Plan, Mapping[str, str]]]


@dataclass(frozen=True)
class Claimed:
    """A name whose run folder is locked.

    state: what to go on from; None: from the beginning.
    finished: the member stands already, as asked for.
    standing: the checkpoint of the member that is there, `imported` for one without; None: no member.
    """

    name: str
    state: Mapping[str, Any] | None = None
    finished: bool = False
    standing: str | None = None


def claim(held: ExitStack, asked: Request) -> Claimed:
    """Return the first name that will do, its run folder locked until the stack is closed.

    Raises:
        InvalidOptionError: the name is taken, or its run is unfinished or was asked for otherwise.
        ResourceError: the run or the member cannot be written.
        MisalignedError: the unfinished run, or the member, had other images.
        LockedError: another process trains under the name.
        CorruptError: the unfinished run's state is damaged.
    """
    if asked.name is not None:
        check_name(asked.name)
    for name in _candidates(asked):
        fixed = asked.name is not None or asked.replace
        taken = not fixed and store.is_taken(asked.workspace.predictions, name)
        if taken and not (asked.resume and (asked.workspace.runs / name).is_dir()):
            continue
        check_writable(asked.workspace.predictions / name)
        with ExitStack() as lock:
            try:
                lock.enter_context(locked(asked.workspace.runs / name, timeout_s=0))
            except LockedError:
                if fixed:
                    raise
                continue  # another process trains under this name right now
            found = _standing(name, asked)
            if found is not None:
                held.enter_context(lock.pop_all())
                return found
    raise AssertionError("names do not end")


def base_name(arch: str) -> str:
    """Return what a member is called that was given no name.

    Example:
        >>> base_name("timm:resnet18")
        'resnet18'
    """
    return arch.replace("timm:", "").replace("/", "-").replace(":", "-")


def _candidates(asked: Request) -> Iterator[str]:
    """Yield the names that may be taken, the best first."""
    if asked.name is not None:
        yield asked.name
        return
    yield from islice(names_of(asked.arch), 1 if asked.replace else None)


def names_of(arch: str) -> Iterator[str]:
    """Return the names of members that were given none, in the order in which they are taken.

    Example:
        >>> list(islice(names_of("cnn"), 3))
        ['cnn', 'cnn-2', 'cnn-3']
    """
    base = base_name(arch)
    return chain([base], (f"{base}-{number}" for number in count(2)))


def _standing(name: str, asked: Request) -> Claimed | None:
    """Return what is to be done under a name; None: try the next one."""
    there = name in store.list_members(asked.workspace.predictions)
    manifest = store.read_manifest(asked.workspace.predictions / name) if there else None
    is_own = there and not store.is_taken(
        asked.workspace.predictions, name
    )  # this very command wrote it, and was killed
    standing = None if manifest is None else manifest.checkpoint_sha256 or IMPORTED
    if asked.replace:
        return Claimed(name, standing=standing)
    state = read_state(asked.workspace.runs / name)
    if state is not None and _facts(state, asked.workspace.runs / name)["standing"] == standing:
        _check_state(name, state["facts"], asked)
        return Claimed(name, state=state, standing=standing)
    if manifest is None:
        return Claimed(name)
    if asked.name is None and not (asked.resume or is_own):
        return None
    other: list[str] = []
    if manifest.source == "trained":
        plan, fingerprints = asked.plan_of(name)
        other = differences(dict(manifest.training), asdict(plan))
        if (asked.resume or is_own) and not other:
            _check_images(name, manifest.data_fingerprint, fingerprints)
            return Claimed(name, finished=True, standing=standing)
        if asked.name is None:
            return None
    raise InvalidOptionError(
        *_there(
            f"{asked.workspace.predictions} already has a member '{name}'",
            "trained otherwise",
            other,
            "Choose another --name, or give --replace.",
        )
    )


def _facts(state: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Return what a state says of its run.

    Raises:
        BadDataError: not what this version says.
    """
    facts = state.get("facts")
    known = state.get("schema", 1) == 1 and "snapshot" in state
    if known and isinstance(facts, Mapping) and {"plan", "fingerprints", "standing", "train_s"} <= facts.keys():
        return facts
    why = "its fields are not those that this version of ensemble_kit reads. Begin anew with --replace."
    raise made_elsewhere(f"The state of the unfinished run in {folder}", why)


def _check_state(name: str, facts: Mapping[str, Any], asked: Request) -> None:
    """Raise unless the unfinished run is to be gone on with, and is the one that is asked for."""
    folder = asked.workspace.runs / name
    plan, fingerprints = asked.plan_of(name)
    other = differences(facts["plan"], asdict(plan))
    if other or not (asked.resume or any(map(stands, state_files(folder)))):  # begun by this very command
        raise InvalidOptionError(
            *_there(
                f"{folder} holds an unfinished run",
                "asked for otherwise",
                other,
                "Go on:",
            ),
            f"  {go_on(folder, asked.workspace.predictions)}",
            "Begin anew: add --replace. Or choose another --name.",
        )
    _check_images(name, facts["fingerprints"], fingerprints)


def _there(what: str, how: str, differences: list[str], remedy: str) -> list[str]:
    """Return, line by line, what is there already, where it differs from what is asked for, and the remedy."""
    return [f"{what}, {how}:", *differences, remedy] if differences else [f"{what}. {remedy}"]


def _check_images(name: str, there: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raise where a split holds other images, labels or classes than before."""
    for split in {**there, **here}:
        if there.get(split) != here.get(split):
            raise MisalignedError(
                f"The {split} images or their labels are not those of the run '{name}': wanted fingerprint "
                f"{there.get(split, 'none')[:12]}, got {here.get(split, 'none')[:12]}. "
                "Give the same data, or begin anew with --replace."
            )
