"""Files that another machine made, where they are put to use: what is missing here is said, with what to install.

What a file holds is checked against its own seal when it is read; here it is checked against what this
version and this machine know. A seal that is true leaves one reading: the file was made elsewhere.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import models_zoo
from ensemble_kit.ensembling.combining import METHODS
from ensemble_kit.ensembling.weights import VIEW_CHOICES, WEIGHTS
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.views import canonical
from ensemble_kit.metrics import METRICS
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.members import Manifest
from ensemble_kit.tables import pick
from ensemble_kit.versions import check_schema, made_elsewhere

SETTINGS: Final = (
    "start",
    "bags",
    "max_members",
    "max_ms",
    "certify_seconds",
    "tune_on",
    "temperatures",
)  # see `settings.blend_settings`
FACTS_SCHEMA: Final = 1  # of what a checkpoint says of itself; unsaid in all of it
PLAN: Final = {
    **{"name": str, "source": dict, "arch": str, "arch_option": dict, "hyperparameters": dict, "size": int},
    **{"classes": list, "skip_bad": bool, "keep": str, "recipe": object, "seed": object},
}
FACTS: Final = ("plan", "preprocessing", "fingerprints", "skipped", "parameters", "train_s", "kept_epoch", "versions")


@contextmanager
def used_here(path: Path | str, versions: object) -> Iterator[None]:
    """Turn what is missing here for an intact file into an error that says what to install.

    Args:
        versions: of what made the file, as it says.

    Raises:
        BadDataError: a package, a network, a name or a shape that the file asks for is not known here.
    """
    try:
        yield
    except models_zoo.UnreachableError:
        raise
    except (models_zoo.ZooError, ImportError) as error:
        raise made_elsewhere(path, str(error), versions) from error
    except InvalidOptionError as error:
        if not isinstance(error.__cause__, models_zoo.ZooError):
            raise
        raise made_elsewhere(path, str(error), versions) from error
    except RuntimeError as error:
        if "loading state_dict" not in str(error):
            raise
        first = " ".join(str(error).split())[:300]
        raise made_elsewhere(path, f"its weights do not fit the network of that name. {first}", versions) from error


def read_blend_here(path: Path) -> blend_store.Blend:
    """Return the blend in a file, every name in it known here.

    Raises:
        InvalidOptionError: there is no such file.
        CorruptError: it is damaged.
        BadDataError: it was made elsewhere.
    """
    saved = blend_store.read_blend(path)
    weights = None if "=" in saved.weights_method else saved.weights_method
    for table, name, kind in (
        (METHODS, saved.method, "method"),
        (WEIGHTS, weights, "way to find weights"),
        (METRICS, saved.metric, "metric"),
    ):
        _check_known(table, name, kind, path, saved.versions)
    for setting in saved.settings:
        _check_known(dict.fromkeys(SETTINGS), setting, "setting of a blend", path, saved.versions)
    return saved


def check_names(asked: Mapping[str, tuple[Mapping[str, Any], str]], path: Path) -> None:
    """Raise unless every name that a config file asks for is known here.

    Args:
        asked: by option, the table and the name in it.

    Raises:
        BadDataError: one is not.
    """
    for option, (table, name) in asked.items():
        _check_known(table, name, option.replace("_", " "), path, None)


def check_views(views: Iterable[str], path: Path | str, versions: object) -> None:
    """Raise unless every view is known here.

    Raises:
        BadDataError: one is not.
    """
    for view in views:
        try:
            canonical(view)
        except InvalidOptionError as error:
            raise made_elsewhere(path, str(error), versions) from error


def check_view_choice(manifest: Manifest) -> None:
    """Raise unless the way in which a member's views were chosen is known here.

    Raises:
        BadDataError: it is not.
    """
    where = f"Member '{manifest.name}'"
    _check_known(VIEW_CHOICES, manifest.view_choice, "way to choose views", where, manifest.versions)


def read_checkpoint_here(path: Path, sha256: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors of a checkpoint, and what it says of itself: all that is needed here.

    Raises:
        InvalidOptionError: there is no such file.
        CorruptError: it is damaged, or no checkpoint of ours.
        BadDataError: it was made elsewhere, and this version or this torch cannot read it.
    """
    state, facts = run_store.read_checkpoint(path, sha256)
    check_schema({"schema": FACTS_SCHEMA, **facts}, FACTS_SCHEMA, path, "Train again, or restore it from a copy.")
    plan = facts["plan"] if isinstance(facts.get("plan"), dict) else {}
    missing = [name for name in FACTS if name not in facts]
    missing += [name for name, kind in PLAN.items() if name not in plan or not isinstance(plan[name], kind)]
    if missing or "dropout" not in plan["hyperparameters"]:
        why = f"it does not say {', '.join(missing) or 'dropout'} as this version of ensemble_kit reads it."
        raise made_elsewhere(path, why, facts.get("versions"))
    return state, facts


def _check_known(table: Any, name: str | None, kind: str, path: Path | str, versions: object) -> None:
    if name is None:
        return
    try:
        pick(table, name, kind)
    except InvalidOptionError as error:
        raise made_elsewhere(path, str(error), versions) from error
