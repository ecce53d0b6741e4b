"""What all benchmarks need: the truth about test, and where we are."""

import csv
import json
import os
import platform
from pathlib import Path

import numpy as np
import torch

import ensemble_kit as ek
from ensemble_kit.storage.members import members as store


def truth(path):
    """Labels of the test images by file name; for measuring, never for training or tuning."""
    with open(path, newline="", encoding="utf-8") as file:
        return {row["file"]: row["label"] for row in csv.DictReader(file)}


def accuracy_on_test(name, labels, views="chosen"):
    """Accuracy of one member in `predictions/` on test: identity alone, all views equally, or as chosen."""
    manifest = store.read_manifest(Path("predictions", name))
    test = store.read_predictions(Path("predictions", name), "test")
    count = len(manifest.views)
    weights = {"chosen": manifest.view_weights, "identity": np.eye(count)[0], "equal": np.full(count, 1 / count)}[views]
    best = np.tensordot(weights, test.logits.astype(float), axes=1).argmax(axis=1)
    return right([manifest.classes[place] for place in best], test.ids, labels)


def submission_accuracy(path, labels):
    """Accuracy of a submission CSV."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return right([row["label"] for row in rows], [row["image_id"] for row in rows], labels)


def right(predicted, ids, labels):
    return float(np.mean([guess == labels[image] for guess, image in zip(predicted, ids, strict=True)]))


def trained(data, name, **how):
    """Train a member unless it is there; return the seconds that its training took."""
    if name not in store.list_members(Path("predictions")):
        ek.train(data, name=name, **how)
    return json.loads(Path("predictions", name, "member.json").read_text())["cost"]["train_s"]


def work_in(folder):
    """Make the folder and go there, so that members, runs and caches land in it."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    os.chdir(folder)


def spread(values):
    """Mean (lowest to highest) of accuracies in [0, 1]."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def machine():
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
