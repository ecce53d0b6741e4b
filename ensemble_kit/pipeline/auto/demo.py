"""All of it on drawn images: a synthetic data set, its members, TTA, a blend, a submission."""

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np

import models_zoo
from ensemble_kit.context import QuietOption, RunContext
from ensemble_kit.ensembling.combining import predict
from ensemble_kit.extras import install_hint
from ensemble_kit.pipeline.blends import blend
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.members import describe_member
from ensemble_kit.pipeline.runs import train
from ensemble_kit.pipeline.views import tta
from ensemble_kit.reporting.terminal import Watch, say
from ensemble_kit.results import DemoDataReport, DemoReport, Rung
from ensemble_kit.splits import VAL
from ensemble_kit.storage import members as store
from ensemble_kit.storage import read_blend
from ensemble_kit.storage.files import note, noted
from ensemble_kit.synthetic import CHARACTERS, LAST_DRAWN, draw_data_set, end_drawing
from ensemble_kit.types import Predictions, Tuned, align
from ensemble_kit.workspace import Workspace

SMALL: Final = {"arch": "cnn", "recipe": "strong", "arch_option": {"width": 32, "cells": 4}}
LADDER: Final[Mapping[str, Mapping[str, Any]]] = {
    "mlp": {"arch": "mlp", "recipe": "assignment"},
    "cnn": SMALL | {"augment": "none", "flip": False, "epochs": 15},
    "cnn-augmented": SMALL | {"epochs": 40},
    "cnn-augmented-2": SMALL | {"epochs": 40, "seed": 1},
}
"""The demo's members, lowest rung first, and what `train` is told for each."""
FINETUNED: Final[Mapping[str, Any]] = {
    "arch": "timm:tf_efficientnet_lite0",
    "pretrained": True,
    "recipe": "finetune-far",
    "arch_option": {"input_px": 96},
    "epochs": 5,
}
"""The rung above them, climbed where the weights are installed."""


@command
def demo(
    folder: str | Path = "demo",
    **options: Unpack[QuietOption],
) -> DemoReport:
    """Climb the ladder on a synthetic data set; everything lands in `folder`.

    Data and members that are there already are not made again.

    Raises:
        BadDataError: `folder` holds a data folder that is not the demo's.
        ResourceError: no room on the disk.
    """
    folder, quiet = Path(folder), RunContext.of(options).quiet
    data, workspace = folder / "data", Workspace.at(folder)
    predictions = workspace.predictions
    end_drawing(data)
    if not (data / "test-labels.csv").exists():
        say("Drawing ten cartoon characters ...", quiet)
        demo_data(data, quiet=quiet)
    ladder = _ladder(quiet)
    for name, how in ladder.items():
        if name not in store.list_members(predictions):
            train(data, name=name, workspace=workspace, quiet=quiet, **how)
        tta(workspace.runs / name, workspace=workspace, quiet=quiet)
    say("Blending ...", quiet)
    blended = blend(list(ladder), workspace=workspace, quiet=quiet)
    truth = _truth(data / "test-labels.csv")
    rungs = [_rung(predictions, name, truth) for name in ladder]
    tuned = read_blend(blended.blend_path).tuned()
    test = align([store.read_predictions(predictions / name, "test") for name in ladder])
    top = Rung(
        name="blend of all, with TTA",
        val_accuracy=None,
        test_accuracy=None,
        val_accuracy_tta=blended.tuned_val_accuracy,
        test_accuracy_tta=_share_right(predict(test, tuned), test.ids, test.classes, truth),
        train_s=None,
    )
    return DemoReport(folder, (*rungs, top), blended)


@command
def demo_data(
    folder: str | Path,
    *,
    train: int = 1578,
    val: int = 300,
    test: int = 500,
    seed: int = 0,
    size: int = 48,
    **options: Unpack[QuietOption],
) -> DemoDataReport:
    """Draw ten invented cartoon characters: a synthetic data set, the same pixels every time.

    Args:
        folder: new or empty; gets `train/`, `val/`, `test/` and `test-labels.csv`.
        train, val, test: images in each split.
        seed: another one draws other images of the same characters.
        size: side in pixels.

    Raises:
        BadDataError: the folder is not empty.
        InvalidOptionError: a number outside its range.
    """
    folder = Path(folder)
    end_drawing(folder)
    if not (noted(folder) and (folder / LAST_DRAWN).is_dir()):  # this very command, killed, has drawn it all
        with Watch("draw", train + val + test, RunContext.of(options).quiet) as watch:
            draw_data_set(folder, train, val, test, seed, size, lambda _: watch.advance(), partial(note, folder, None))
    return DemoDataReport(folder, tuple(CHARACTERS), train, val, test)


def _ladder(quiet: bool) -> dict[str, Mapping[str, Any]]:
    """Return the members to train on this machine."""
    if models_zoo.weights_at_hand(FINETUNED["arch"]) == "installed":
        return {**LADDER, "finetuned": FINETUNED}
    say(f"One more rung, a pre-trained network: {install_hint('pretrained')}", quiet)
    return dict(LADDER)


def _rung(predictions: Path, name: str, truth: Mapping[str, str]) -> Rung:
    """Return a member's accuracies, with identity alone and with its views."""
    manifest = store.read_manifest(predictions / name)
    val = store.read_predictions(predictions / name, VAL)
    test = store.read_predictions(predictions / name, "test")
    assert val.labels is not None
    weights = np.array(manifest.view_weights)
    train_s = manifest.cost.get("train_s")
    return Rung(
        name=name,
        val_accuracy=float((val.logits[0].argmax(axis=1) == val.labels).mean()),
        test_accuracy=_share_right(test.logits[0].argmax(axis=1), test.ids, test.classes, truth),
        val_accuracy_tta=describe_member(predictions, name).val_accuracy,
        test_accuracy_tta=_share_right(_merged(test, weights), test.ids, test.classes, truth),
        train_s=None if train_s is None else float(train_s),
    )


def _merged(member: Predictions, view_weights: np.ndarray) -> np.ndarray:
    """Return the classes that one member predicts with its views."""
    return predict(align([member]), Tuned("logit-sum", (view_weights,), np.ones(1), np.ones(1)))


def _truth(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["file"]: row["label"] for row in csv.DictReader(file)}


def _share_right(
    predicted: np.ndarray, ids: tuple[str, ...], classes: tuple[str, ...], truth: Mapping[str, str]
) -> float:
    return float(np.mean([classes[place] == truth[image] for place, image in zip(predicted, ids, strict=True)]))
