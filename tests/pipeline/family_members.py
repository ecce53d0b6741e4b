"""Members trained by folds, as storage holds them: seeded logits, no network behind them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.types import Predictions

TRAIN, VAL, TEST, CLASSES = 211, 101, 13, 3
NAMES = tuple(f"class-{place}" for place in range(CLASSES))
RANDOM = np.random.default_rng(0)
LABELS = {"train": RANDOM.integers(CLASSES, size=TRAIN), "val": RANDOM.integers(CLASSES, size=VAL), "test": None}
IDS = {
    split: [f"{split}-{place:03d}" for place in range(n)]
    for split, n in (("train", TRAIN), ("val", VAL), ("test", TEST))
}
HIDDEN = RANDOM.integers(CLASSES, size=TEST)


def rows_of(folds, fold):
    """The training images that a fold holds out."""
    return np.flatnonzero(np.arange(TRAIN) % folds == fold - 1)


def said(seed, split, rows, strength, views=1):
    """Logits about the label, one array a view."""
    random = np.random.default_rng([seed, *split.encode()])
    labels = {"oof": LABELS["train"], "val": LABELS["val"], "test": HIDDEN}[split][rows]
    core = strength * np.eye(CLASSES)[labels] + random.normal(size=(len(rows), CLASSES))
    return (2 * (core + 0.3 * random.normal(size=(views, len(rows), CLASSES)))).astype(np.float32)


def fold_member(
    family, folds, fold, strength, views=("identity",), view_weights=(1.0,), rows=None, labels=None, **facts
):
    """Write `<family>-fold-<fold>` with val, test and oof, or some of them; return its logits by split."""
    splits, groups = facts.pop("splits", ("val", "test", "oof")), facts.pop("groups", None)
    name = facts.pop("name", f"{family}-fold-{fold}")
    val_labels = facts.pop("val_labels", LABELS["val"])
    rows = rows_of(folds, fold) if rows is None else rows
    seed = sum(map(ord, family)) + fold
    labels = LABELS["train"][rows] if labels is None else labels
    brought = {}
    for split, ids, truth in (
        ("val", IDS["val"], val_labels),
        ("test", IDS["test"], None),
        ("oof", [IDS["train"][row] for row in rows], labels),
    ):
        if split not in splits:
            continue
        logits = said(seed, split, rows if split == "oof" else np.arange(len(ids)), strength, len(views))
        brought[split] = Predictions(name, split, views, tuple(ids), NAMES, logits, truth)
        if split == "oof" and groups is not None:
            brought[split] = replace(brought[split], groups=tuple(groups[row] for row in rows))
    manifest = Manifest(
        name=name,
        arch="cnn",
        source="trained",
        classes=NAMES,
        views=views,
        view_weights=view_weights,
        family=family,
        training={"folds": folds, "fold": fold},
        **facts,
    )
    write_member(Path("predictions"), manifest, brought, replace=True)
    return {split: one.logits for split, one in brought.items()}
