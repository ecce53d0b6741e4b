"""How far a run under a time budget is: one small sealed JSON file, replaced whole.

It says what was asked, what was found out before training, which members were begun with how many
epochs, and how many seconds are spent. Never trains and never knows a clock.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ensemble_kit.disk import seal, unseal
from ensemble_kit.errors import CorruptError
from ensemble_kit.storage.files import UnknownFieldError, build, replace_file
from ensemble_kit.versions import made_elsewhere


@dataclass
class Spent:
    """What is done of a run under a budget.

    asked: what decides its members; another request is another run.
    found: what was measured before training, by name.
    begun: by member, in order: how it is, or was, trained.
    used_s: seconds spent, over all processes.
    """

    asked: dict[str, Any]
    found: dict[str, Any] = field(default_factory=dict)
    begun: dict[str, dict[str, Any]] = field(default_factory=dict)
    used_s: float = 0.0


def budget_path(runs: Path, name: str) -> Path:
    """Return where the state of a run under a budget lies."""
    return runs / f"{name}.budget.json"


def write_spent(path: Path, spent: Spent) -> None:
    """Replace the file.

    Raises:
        ResourceError: it cannot be written.
    """
    replace_file(path, seal({**asdict(spent), "begun": list(spent.begun.items())}))  # sealing would sort a mapping


def read_spent(path: Path) -> Spent | None:
    """Return what the file holds; None where there is none.

    Raises:
        CorruptError: it is damaged.
        BadDataError: a later version wrote it.
    """
    if not path.is_file():
        return None
    try:
        content = unseal(path.read_bytes(), path)
        return build(Spent, {**content, "begun": dict(content["begun"])})
    except CorruptError as error:
        raise CorruptError(f"{error} Or begin anew with --replace.") from error
    except UnknownFieldError as error:
        raise made_elsewhere(path, f"{error} Begin anew with --replace.", None) from error
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptError(f"{path} is no state of a run under a budget: {error} Begin anew with --replace.") from error
