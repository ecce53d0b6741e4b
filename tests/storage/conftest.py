"""Small members to store: every axis a prime of its own, all numbers seeded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.types import Predictions

CLASSES = ("ant", "bee", "cat", "dog", "eel")
IMAGES = 7


def make_predictions(member="cnn", split="val", views=("identity", "hflip", "vflip"), seed=0, groups=False):
    """Return (views, 7 images, 5 classes) of seeded logits; labels on val only."""
    rng = np.random.default_rng([seed, *member.encode(), *split.encode()])
    logits = rng.normal(size=(len(views), IMAGES, len(CLASSES))).astype(np.float32)
    ids = tuple(f"{split}/{i:04d}.png" for i in range(IMAGES))
    labels = rng.integers(0, len(CLASSES), IMAGES) if split == "val" else None
    named = tuple(f"scene {i // 2}" for i in range(IMAGES)) if groups else None
    return Predictions(member, split, tuple(views), ids, CLASSES, logits, labels, named)


def make_manifest(name="cnn", views=("identity", "hflip", "vflip"), **changes):
    """Return a manifest in which every field holds something."""
    manifest = Manifest(
        name=name,
        arch="cnn",
        source="trained",
        classes=CLASSES,
        views=tuple(views),
        view_weights=(1.0, *(0.0 for _ in views[1:])),
        view_choice="auto",
        view_ridge=float("inf"),
        view_ms=tuple(1.5 + 0.25 * place for place in range(len(views))),
        preprocessing={"size_px": 48, "mean": [0.5, 0.25, 0.125]},
        training={"lr": 2e-4, "epochs": 20},
        recipe="assignment",
        seed=3,
        family="cnn",
        data_fingerprint={"val": "a" * 64, "test": "b" * 64},
        skipped={"val": {"val/0013.png": "truncated"}},
        val_used_for=("epoch",),
        cost={"ms_per_image": 1.5, "parameters": 117},
        versions={"torch": "2.0"},
    )
    return replace(manifest, **changes)


def store_member(root: Path, name="cnn", views=("identity", "hflip", "vflip"), seed=0, again=False, **changes):
    """Write a member with val and test."""
    both = {split: make_predictions(name, split, views, seed) for split in ("val", "test")}
    return write_member(root, make_manifest(name, views, **changes), both, replace=again)


@pytest.fixture
def predictions_of():
    return make_predictions


@pytest.fixture
def manifest_of():
    return make_manifest


@pytest.fixture
def stored():
    return store_member


def same(one: Predictions, other: Predictions) -> bool:
    """Say whether two predictions hold the same, bit for bit."""
    plain = ("member", "split", "views", "ids", "classes", "groups")
    labels = (one.labels is None) == (other.labels is None)
    if one.labels is not None and other.labels is not None:
        labels = np.array_equal(one.labels, other.labels)
    return (
        all(getattr(one, name) == getattr(other, name) for name in plain)
        and one.logits.dtype == other.logits.dtype
        and np.array_equal(one.logits, other.logits)
        and labels
    )


@pytest.fixture
def holds_the_same():
    return same
