"""Where a report looks for what it shows."""

from pathlib import Path
from typing import NamedTuple


class Folders(NamedTuple):
    """The folders of members, training runs, blends, curves and pages, and verified checksums."""

    predictions: Path
    runs: Path
    blends: Path
    reports: Path
    cache: Path
