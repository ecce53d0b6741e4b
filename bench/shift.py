"""Claim: where the honest estimate does not hold on one test set, this tells chance from shift.

Shown are: how often chance alone parts an honest accuracy on val and an accuracy on test as far; how often the interval
of the one, and what `ek blend` expects of test, hold the other; near duplicates across splits; how near val and test
lie to train in the features of a frozen EfficientNet-Lite 0, beside images of train to the others; whether a classifier
tells val from test; and what a linear probe, fine-tuned networks and networks from scratch have right of val, of test
and of folds of train that they never saw. Test labels serve for measuring alone.

    python bench/shift.py simpsons28 --labels simpsons28-test-labels.csv --work FOLDER --honest 0.917 --test 0.878

Beside the members that train (about 25 CPU-minutes; those that are there stay) it takes three CPU-minutes, of which one
computes features.
"""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from measuring import machine, trained, truth, work_in
from real_coverage import MEMBERS
from scipy.sparse.csgraph import connected_components
from scipy.stats import binom, hypergeom, mannwhitneyu
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

import ensemble_kit as ek
import models_zoo
from ensemble_kit.context import RunContext
from ensemble_kit.ensembling.contest import prediction_interval
from ensemble_kit.ensembling.statistics import fold_of, wilson
from ensemble_kit.images import Source
from ensemble_kit.pipeline.inputs import DecodedImages, open_images
from ensemble_kit.pipeline.models import arch_options, build_network
from ensemble_kit.pipeline.runs.cached_features import see_features
from ensemble_kit.storage.members import list_members, read_predictions
from ensemble_kit.training import best, choose_penalty, fit_affine

ARCH = "timm:tf_efficientnet_lite0"
FINETUNED = "lite0"
FOLDS = 5
PARTS = (0.1, 0.5, 0.9)
NEAR, SCENE = 0.6, 0.7  # cosine of features: of near images, of images that are kept in one fold
SPLITS = ("train", "val", "test")
Features = dict[str, np.ndarray]


def chance(honest: float, test: float, val_images: int, test_images: int) -> Iterator[str]:
    """Yield what chance does to one honest accuracy and to one test accuracy, exactly: no simulation."""
    right_val, right_test = round(honest * val_images), round(test * test_images)
    both, right = val_images + test_images, right_val + right_test
    in_val = np.arange(max(0, right - test_images), min(val_images, right) + 1)
    odds = hypergeom(both, right, val_images).pmf(in_val)
    gaps = np.abs(in_val / val_images - (right - in_val) / test_images)
    gap = abs(right_val / val_images - right_test / test_images)
    counts = f"{right_val} of {val_images} on val, {right_test} of {test_images} on test"
    yield f"Right: {counts}; {100 * gap:.1f} points apart."
    yield f"Of all ways to part these {both} images so, {odds[gaps >= gap - 1e-9].sum():.3f} are as far apart."
    bounds = (wilson(right_val, val_images), prediction_interval(honest, val_images, test_images))
    interval, expected = (f"{low:.3f} to {high:.3f}" for low, high in bounds)
    yield f"Interval: {interval}; expected on test: {expected}."
    yield "| true accuracy | val | test | test within the interval | test as expected |\n|---|---|---|---|---|"
    for true, val, new in ((0.8, 300, 500), (0.9, 300, 500), (0.9, 300, 250), (0.9, 53, 500), (0.98, 300, 500)):
        held = [f"{held_on_test(law, true, val, new):.3f}" for law in (_interval, _expected)]
        yield f"| {true} | {val} | {new} | {' | '.join(held)} |"


def _interval(right: int, val: int, _: int) -> tuple[float, float]:
    return wilson(right, val)


def _expected(right: int, val: int, new: int) -> tuple[float, float]:
    return prediction_interval(right / val, val, new)


def held_on_test(law: Callable[[int, int, int], tuple[float, float]], true: float, val: int, new: int) -> float:
    """Return how often the bounds that val leads to hold the accuracy on new images, summed over all val sets."""
    bounds = np.array([law(right, val, new) for right in range(val + 1)]) * new
    low, high = np.ceil(bounds[:, 0] - 1e-9), np.floor(bounds[:, 1] + 1e-9)
    held = binom.cdf(high, new, true) - binom.cdf(low - 1, new, true)
    return float(binom.pmf(np.arange(val + 1), val, true) @ held)


def duplicates(data: Path) -> Iterator[str]:
    """Yield how many images have a near duplicate in an earlier split, and what that can be worth."""
    report = ek.data_check(data, quiet=True)
    images = {split.split: split.images for split in report.splits}
    found = {(one.split, one.image_id, one.other_split) for one in report.findings if one.leak}
    for (split, other), count in sorted(Counter((split, other) for split, _, other in found).items()):
        most = 100 * count / images[split]
        yield f"{count} of {images[split]} images of {split} are in {other} too: worth {most:.1f} points at most."


def features_of(decoded: DecodedImages) -> Features:
    """Return what the frozen network sees of each split; kept in the cache."""
    options = arch_options(ARCH, {}, True)
    images = decoded.images["train"]
    network = build_network(ARCH, options, decoded.size_px, decoded.data.classes, images, pretrained=True, weights=None)
    wanted = [(split, "identity") for split in SPLITS]
    seen = see_features(network, decoded, wanted, Path(".ek"), "cpu", True, ARCH, options)
    return {split: seen.features[split, "identity"] for split in SPLITS}


def likeness(features: Features) -> Features:
    """Return the cosine of each image to each image of train, features standardised; of train's to itself -2."""
    mean, spread = features["train"].mean(axis=0), features["train"].std(axis=0) + 1e-6
    unit = {split: (one - mean) / spread for split, one in features.items()}
    unit = {split: one / np.linalg.norm(one, axis=1, keepdims=True) for split, one in unit.items()}
    found = {split: one @ unit["train"].T for split, one in unit.items()}
    np.fill_diagonal(found["train"], -2)
    return found


def nearness(alike: Features, labels: Features) -> Iterator[str]:
    """Yield how near each split lies to train."""
    nearest = {split: one.max(axis=1) for split, one in alike.items()}
    same = {
        split: np.where(labels[split][:, None] == labels["train"], one, -2).max(axis=1) for split, one in alike.items()
    }
    yield f"| split | nearest: 10, 50, 90 % | over {NEAR} | nearest of its class | nearest is of its class |"
    yield "|---|---|---|---|---|"
    for split in SPLITS:
        shown = [" ".join(f"{one:.2f}" for one in np.quantile(each[split], PARTS)) for each in (nearest, same)]
        over = (nearest[split] > NEAR).mean()
        right = (labels["train"][alike[split].argmax(axis=1)] == labels[split]).mean()
        yield f"| {split} | {shown[0]} | {100 * over:.1f} % | {shown[1]} | {100 * right:.1f} % |"
    for first, second in (("val", "test"), ("train", "val"), ("train", "test")):
        for what, each in (("train", nearest), ("train's images of its class", same)):
            told = mannwhitneyu(each[first], each[second])
            odds = told.statistic / len(each[first]) / len(each[second])
            p = f"Mann-Whitney, p = {told.pvalue:.2f}"
            yield f"{first} is nearer to {what} than {second} in {odds:.3f} of pairs ({p})."


def told_apart(first: np.ndarray, second: np.ndarray, draws: int = 199) -> str:
    """Return whether a classifier, cross-validated, tells two sets apart: its area under the curve beside chance."""
    rows, side = np.concatenate([first, second]), np.repeat([0, 1], [len(first), len(second)])
    rows = PCA(30, whiten=True, random_state=0).fit_transform(rows)
    parts = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    model, random = LogisticRegression(C=0.01, max_iter=200), np.random.default_rng(0)

    def area(side: np.ndarray) -> float:
        return float(roc_auc_score(side, cross_val_predict(model, rows, side, cv=parts, method="decision_function")))

    found = area(side)
    by_chance = np.array([area(random.permutation(side)) for _ in range(draws)])
    return f"{found:.3f} (p = {(1 + (by_chance >= found).sum()) / (1 + draws):.2f})"


def probed(features: Features, labels: Features, fold: np.ndarray) -> Features:
    """Return how often probes, each without a fold of train, have each image right: one of train where it was out."""
    classes = int(labels["train"].max()) + 1
    penalty = best(choose_penalty(features["train"], labels["train"], fold, classes)).penalty
    right = {split: np.zeros(len(labels[split])) for split in SPLITS}
    for one in np.unique(fold):
        kept = fold != one
        model = fit_affine(features["train"][kept], labels["train"][kept], classes, penalty)
        for split in ("val", "test"):
            right[split] += (model.logits(features[split]).argmax(axis=1) == labels[split]) / FOLDS
        out = model.logits(features["train"][~kept]).argmax(axis=1)
        right["train"][~kept] = out == labels["train"][~kept]
    return right


def of_member(name: str, known: dict[str, str]) -> Features:
    """Return which images of each split a member has right, identity alone; its held-out fold stands as train."""
    right = {}
    for split, file in (("train", "oof"), ("val", "val"), ("test", "test")):
        if file == "oof" and "-fold-" not in name:
            continue
        held = read_predictions(Path("predictions", name), file)
        labels = held.labels if split != "test" else [held.classes.index(known[image]) for image in held.ids]
        right[split] = (held.logits[0].argmax(axis=1) == np.asarray(labels)).astype(float)
    return right


def folded(data: Path, known: dict[str, str], train_ids: Sequence[str]) -> Features:
    """Return how often the fine-tuned fold models have each image right; one of train: the model that left it out."""
    names = [f"{FINETUNED}-fold-{number}" for number in range(1, FOLDS + 1)]
    if not set(names) <= set(list_members(Path("predictions"))):
        enlarged = {"input_px": 96}
        ek.train(data, ARCH, name=FINETUNED, folds=FOLDS, pretrained=True, epochs=8, arch_option=enlarged, quiet=True)
    each = [of_member(name, known) for name in names]
    held_out = {}
    for name, one in zip(names, each, strict=True):
        held_out |= zip(read_predictions(Path("predictions", name), "oof").ids, one["train"], strict=True)
    means = {split: np.mean([one[split] for one in each], axis=0) for split in ("val", "test")}
    return {"train": np.array([held_out[image] for image in train_ids]), **means}


def row(name: str, right: Features) -> str:
    """Return a row of accuracies, with the gap between val and test and its standard error over images."""
    cells = ["-"] * len(SPLITS)
    for place, split in enumerate(SPLITS):
        if split in right:
            cells[place] = f"{right[split].mean():.3f} ({right[split].std() / np.sqrt(len(right[split])):.3f})"
    val, test = right["val"], right["test"]
    error = np.sqrt(val.var() / len(val) + test.var() / len(test))
    return f"| {name} | {' | '.join(cells)} | {100 * (val.mean() - test.mean()):+.1f} ({100 * error:.1f}) |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--honest", type=float, required=True, help="honest accuracy on val")
    parser.add_argument("--test", type=float, required=True, help="accuracy on test")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data, known = asked.data.resolve(), truth(asked.labels)
    work_in(asked.work)
    decoded = open_images(
        Source.of({"data": data}), None, Path(".ek"), RunContext(), own_size_px=models_zoo.own_size_px(ARCH)
    )
    classes = decoded.data.classes
    labels = {split: np.array(decoded.split(split).labels) for split in ("train", "val")}
    labels["test"] = np.array([classes.index(known[image]) for image in decoded.split("test").ids])
    print(machine())
    print("\n".join(chance(asked.honest, asked.test, len(labels["val"]), len(labels["test"]))))
    print("\n".join(duplicates(data)), flush=True)
    features = features_of(decoded)
    alike = likeness(features)
    print("\n".join(nearness(alike, labels)), flush=True)
    for first, second in (("val", "test"), ("train", "val"), ("train", "test")):
        area = told_apart(features[first], features[second])
        print(f"A classifier tells {first} from {second} with an area under the curve of {area}.", flush=True)

    ids, groups = decoded.split("train").ids, connected_components(alike["train"] > SCENE, directed=False)[1]
    sizes = np.bincount(groups)
    several = sizes[sizes > 1]
    most = f"at most {several.max()} in one"
    print(f"Cosine over {SCENE}: {len(several)} groups of {several.sum()} images of train, {most}.")
    finetuned = folded(data, known, ids)
    print("| network | train, held out | val | test | val less test, points |\n|---|---|---|---|---|")
    print(row("linear probe, random folds", probed(features, labels, fold_of(ids, labels["train"], folds=FOLDS))))
    whole = fold_of(ids, labels["train"], [str(group) for group in groups], folds=FOLDS)
    print(row("linear probe, groups whole", probed(features, labels, whole)))
    print(row("lite0, fine-tuned, random folds", finetuned))
    for name, how in MEMBERS.items():
        trained(data, name, size=28, quiet=True, **how)
        print(row(f"{name}, from scratch", of_member(name, known)))
    near = {split: alike[split].max(axis=1) > NEAR for split in SPLITS}
    few, many = (finetuned["train"][near["train"] == side].mean() for side in (False, True))
    share = near["val"].mean() - near["test"].mean()
    print(f"Of train's images nearer than {NEAR}, lite0 has {many:.3f} right held out, of the others {few:.3f}.")
    print(f"val has {100 * share:+.1f} points more of them than test: worth {100 * share * (many - few):+.2f} points.")


if __name__ == "__main__":
    main()
