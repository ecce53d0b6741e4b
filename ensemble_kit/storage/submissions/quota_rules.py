"""What a judge allows, kept in `desk.yaml` beside the submissions, so that it is said once.

A person may edit the file, and then that is said. Never counts anything.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, time, tzinfo
from pathlib import Path
from typing import Any, Final

from ensemble_kit.errors import CorruptError, InvalidOptionError
from ensemble_kit.storage.files import FIRST, build, read_editable, replace_file, signed
from ensemble_kit.storage.submissions.quota_day import Day, day_of, parse_reset, parse_zone

RULES_NAME: Final = "desk.yaml"


@dataclass(frozen=True)
class QuotaRules:
    """How a judge counts.

    quota: how many submissions a day.
    reset, zone: when a day ends, and where; see `quota_day`.
    public_fraction: of the test images, the share whose score is shown.
    """

    quota: int = 5
    reset: str = "23:59"
    zone: str = "+08:00"
    public_fraction: float = 0.5

    @property
    def clock(self) -> tuple[time, tzinfo]:
        """When a day ends, and in which zone."""
        return parse_reset(self.reset), parse_zone(self.zone)

    def day(self, moment: datetime) -> Day:
        """Return the day that a moment lies in."""
        return day_of(moment, *self.clock)


def read_rules(folder: Path, say: Callable[[str], None] = lambda _: None, **given: Any) -> QuotaRules:
    """Return the rules of the folder, or the usual ones, changed by what is given and not None.

    Args:
        say: told where the file was edited.

    Raises:
        InvalidOptionError: a rule that cannot be.
        CorruptError: the file holds something else, or a rule that cannot be.
    """
    path = folder / RULES_NAME
    return _checked(replace(_stored(path, say), **{name: value for name, value in given.items() if value is not None}))


def _checked(rules: QuotaRules) -> QuotaRules:
    """Return the rules if they can be.

    Raises:
        InvalidOptionError: a rule that cannot be.
    """
    if rules.quota < 1:
        raise InvalidOptionError(f"Wanted a quota of at least 1 submission a day, got {rules.quota}.")
    if not 0 < rules.public_fraction < 1:
        raise InvalidOptionError(f"Wanted a public fraction above 0 and below 1, got {rules.public_fraction}.")
    _ = rules.clock
    return rules


def write_rules(folder: Path, rules: QuotaRules) -> None:
    """Keep the rules for the next time; call it under the folder's lock.

    Raises:
        ResourceError: the folder cannot be written.
    """
    import yaml

    path = folder / RULES_NAME
    data = signed(yaml.safe_dump(asdict(rules), sort_keys=False).encode())
    if not path.exists() or path.read_bytes() != data:
        replace_file(path, data)


def _stored(path: Path, say: Callable[[str], None]) -> QuotaRules:
    import yaml

    if not path.exists():
        return QuotaRules()
    try:
        data = read_editable(path, say)
        content = dict(yaml.safe_load(data.decode("utf-8")) or {})
        missing = [field.name for field in fields(QuotaRules) if field.name not in content]
        if missing and data.startswith(FIRST):
            raise ValueError(f"{', '.join(missing)} is missing")
        return _checked(build(QuotaRules, content))
    except (yaml.YAMLError, InvalidOptionError, TypeError, ValueError, OSError) as error:
        names = ", ".join(field.name for field in fields(QuotaRules))
        why = " ".join(str(error).split()).rstrip(".")
        raise CorruptError(
            f"{path} does not hold {names}: {why}. Correct it (times and zones in quotes), or remove it."
        ) from error
