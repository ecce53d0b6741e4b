"""How often a val set was asked: a line in the ledger for every blend, counted once a configuration."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from ensemble_kit.ensembling.weights import weight_method
from ensemble_kit.storage import Blend
from ensemble_kit.storage.files import ledger
from ensemble_kit.types import Pool

CONFIGURATION = ("method", "weights", "members", "metric", "settings")


def fingerprint(val: Pool) -> str:
    """Return a sha256 over ids and labels, whatever their order."""
    assert val.labels is not None
    rows = sorted(f"{image_id}\0{val.classes[label]}\0" for image_id, label in zip(val.ids, val.labels, strict=True))
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def remember(blends: Path, saved: Blend) -> None:
    """Enter a blend in the ledger of the folder."""
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="microseconds"),
        "val_fingerprint": saved.val_fingerprint,
        "method": saved.method,
        "weights": saved.weights_method,
        "members": sorted(f"{member.name}:{member.manifest_sha256}" for member in saved.members),
        "metric": saved.metric if "metric" in weight_method(saved.weights_method).goes_by else None,
        "settings": saved.settings or None,
        "blend": saved.name,
        "honest_accuracy": saved.figures["honest_accuracy"],
    }
    ledger.append_entry(blends / ledger.LEDGER_NAME, entry)


def count_trials(blends: Path, val_fingerprint: str) -> int:
    """Return how many distinct configurations this val set has seen; running one again counts once."""
    return ledger.count_distinct(blends / ledger.LEDGER_NAME, CONFIGURATION, where={"val_fingerprint": val_fingerprint})
