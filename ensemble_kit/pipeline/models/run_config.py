"""What was asked for, as a config file keeps it: flat YAML, with the names of the options.

`ek train --config FILE` takes any file of this form; each run saves its own, resolved, as
config.yaml. Relative paths start from the file's folder. Never evaluates anything.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ensemble_kit.disk import NOT_THERE, beside, unreachable
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.formerly import FORMERLY
from ensemble_kit.pipeline.inputs import relative, tell_outside
from ensemble_kit.reporting.terminal import say
from ensemble_kit.storage.files import read_editable
from ensemble_kit.tables import pick

if TYPE_CHECKING:
    from ensemble_kit.images import Source
    from ensemble_kit.pipeline.models.checkpoint_plan import Plan

PATHS: Final = ("data", "train_csv", "val_csv", "test_csv", "images", "test_dir", "classes", "weights", "init")
"""The options that hold paths; `test_dir` holds several."""

FOLDERS: Final = ("predictions", "runs", "cache")
"""The options that say where to write."""

LARGEST_BYTES: Final = 100_000  # an honest config has one or two thousand


def read_config(path: Path, known: Collection[str]) -> dict[str, Any]:
    """Return the options that a config file sets; what it leaves empty is left out.

    A file of ours that was edited is taken as it is, and that is said.

    Args:
        known: the names that may stand in it, with underscores; dashes are taken too.

    Raises:
        InvalidOptionError: there is no such file.
        ResourceError: it cannot be read.
        UnknownNameError: an option of no such name; the message suggests the nearest.
        BadDataError: no YAML, or no mapping of options to values.
        CorruptError: it is empty, or was cut off since ek wrote it.
    """
    import yaml

    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BadDataError(f"'{path}' has over {LARGEST_BYTES:,} bytes; wanted lines `option: value`.")
        read = yaml.safe_load(read_editable(path, say))
    except NOT_THERE as error:
        raise InvalidOptionError(f"Cannot read '{path}': {error.strerror}{beside(path)} Check --config.") from error
    except OSError as error:
        raise unreachable(error) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadDataError(
            f"'{path}' is no YAML: {' '.join(str(error).split())}. Wanted lines `option: value`."
        ) from error
    if not isinstance(read, dict):
        raise BadDataError(f"'{path}' holds {type(read).__name__}; wanted lines `option: value`.")
    now = FORMERLY["train"]  # what ek wrote before it was renamed, and writes still
    spelled = {str(key).replace("-", "_"): value for key, value in read.items()}
    options = {now.get(name, name): value for name, value in spelled.items()}
    for name in options:
        pick(dict.fromkeys(known), name, f"option in '{path}'")
    given, folder = {name: value for name, value in options.items() if value is not None}, path.parent
    for name in FOLDERS:
        if isinstance(given.get(name), str):
            tell_outside(Path(given[name]), f"{name} in {path}")
    return {
        name: _moved(value, partial(absolute, folder=folder, where=f"{name} in {path}")) if name in PATHS else value
        for name, value in given.items()
    }


def config_of(plan: "Plan") -> dict[str, Any]:
    """Return a plan as the options that repeat it, in the order of its config.yaml.

    A family that follows from the name is left out, so that a repetition under another name has its own.
    """
    flat = asdict(plan)
    source, hyperparameters = flat.pop("source"), flat.pop("hyperparameters")
    del flat["classes"], flat["unlabelled_images"]
    unlabelled, teacher = flat.pop("unlabelled"), flat.pop("teacher")
    taught = {"unlabelled": unlabelled, "teacher": ",".join(teacher)} if teacher else {}
    name, recipe = flat.pop("name"), flat.pop("recipe")
    follows = re.sub(r"-fold-\d+$", "", name) if flat["fold"] else name
    if flat["family"] == follows and (flat["fold"] or hyperparameters.get("cycles", 1) > 1):
        flat["family"] = None
    return {"name": name, **source, "recipe": recipe, **hyperparameters, **flat, **taught}


def stored_source(source: "Source", run: Path) -> dict[str, Any]:
    """Return what was said about the images, with paths relative to the run; nothing that was left unsaid."""
    said = {one.name: getattr(source, one.name) for one in fields(source)}
    return {
        name: _moved(value, lambda one: str(relative(one, run))) if name in PATHS else value
        for name, value in said.items()
        if value not in (None, (), {})
    }


def source_of(stored: Mapping[str, Any], run: Path, changes: Mapping[str, Any]) -> "Source":
    """Return the source that a run was trained on, some of it changed; None and () change nothing.

    Test folders replace a test CSV, and the other way round. Where the run leads out of the
    working folder, that is said.
    """
    from ensemble_kit.images import Source

    given = {name: value for name, value in changes.items() if value not in (None, ())}
    found = {
        name: _moved(value, partial(absolute, folder=run, where=f"{name} of {run}")) if name in PATHS else value
        for name, value in stored.items()
        if name not in given
    }
    for new, old in (("test_dir", "test_csv"), ("test_csv", "test_dir")):
        if new in given:
            found.pop(old, None)
    return Source.of({**found, **given})


def absolute(path: str | Path, folder: Path, where: str = "") -> Path:
    """Return a kept path as one that can be opened from here.

    Args:
        where: what names it; said where the path leads out of the working folder.
    """
    found = Path(path) if Path(path).is_absolute() else Path(os.path.normpath(folder / path))
    return tell_outside(found, where) if where else found


def _moved(value: Any, move: Any) -> Any:
    """Return one path, or each of several, moved."""
    return [move(one) for one in value] if isinstance(value, (list, tuple)) else move(value)
