"""Claim: chosen views gain over identity, and come up to ten-crop at half its looks.

Trains members (unless they are there), looks at their images through one long list of views, and compares on
test, whose labels nothing here tunes on: identity; the mean of each set of views; the views and weights that val chose;
and the plain mean of the five views that the curve names first. The gain of the chosen views over identity is
paired, with its 95 % interval, on test and honestly on val.

    python bench/views.py DATA --labels test-labels.csv --work /tmp/views --members "cnn-deep, strong"
"""

import argparse
from pathlib import Path
from typing import Any

import measuring
import numpy as np

import ensemble_kit as ek
from ensemble_kit.ensembling.statistics.paired_tests import difference_interval
from ensemble_kit.inference.views.views import merge_equal, parse_views
from ensemble_kit.storage.members import members as store

MEMBERS: dict[str, dict[str, Any]] = {
    "mlp, assignment": {"arch": "mlp", "recipe": "assignment"},
    "cnn, assignment, 80 epochs": {"arch": "cnn", "recipe": "assignment", "epochs": 80},
    "cnn, strong": {"arch": "cnn", "recipe": "strong"},
    "cnn-deep, strong": {"arch": "cnn-deep", "recipe": "strong"},
    "cnn, strong, 64px": {"arch": "cnn", "recipe": "strong", "size": 64},
    "lite0, finetune": {
        "arch": "timm:tf_efficientnet_lite0",
        "pretrained": True,
        "recipe": "finetune",
        "size": 128,
    },
}
SETS = ("flips", "five-crop", "ten-crop", "scales")
VIEWS = ",".join(SETS)
HALF = 5  # looks, where ten-crop has ten


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--members", nargs="+", choices=MEMBERS, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    data, labels = asked.data.resolve(), measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    print(f"{data.name}; {measuring.machine()}\n")
    sets = "".join(f" {name} |" for name in SETS)
    print(f"| member | seed | identity |{sets} chosen | first {HALF} | gain, test | gain, val | views used |")
    print("|---" * (8 + len(SETS)) + "|")
    for title in asked.members:
        for seed in range(asked.seeds):
            name = f"{title.replace(', ', '-').replace(' ', '-')}-{seed}"
            measuring.trained(data, name, seed=seed, **MEMBERS[title])
            print(f"| {title} | {seed} | {' | '.join(row(name, labels))} |", flush=True)


def row(name, labels):
    """Look, choose, and measure on test; the cells of one row."""
    report = ek.tta(f"runs/{name}", views=VIEWS, quiet=True)
    manifest = store.read_manifest(Path("predictions", name))
    test = store.read_predictions(Path("predictions", name), "test")
    truth = np.array([manifest.classes.index(labels[image]) for image in test.ids])

    def right(weights):
        return np.tensordot(weights, np.asarray(test.logits, dtype=float), axes=1).argmax(axis=1) == truth

    def mean_of(views):
        return np.isin(manifest.views, views) / len(views)

    size_px = int(manifest.preprocessing["size_px"])
    _, same = merge_equal(parse_views(VIEWS), size_px)
    sets = []
    for each in SETS:
        looks = parse_views(each) if each == "flips" else parse_views(each)[1:]
        looks = [view for view in looks if each != "ten-crop" or "crop" in view]  # its ten alone
        sets.append(right(mean_of([same.get(view, view) for view in looks])))
    identity, chosen = right(mean_of(["identity"])), right(np.array(manifest.view_weights))
    first = right(mean_of([step.added for step in report.curve.steps[:HALF]]))
    won, lost = int((chosen & ~identity).sum()), int((identity & ~chosen).sum())
    figures = [f"{one.mean():.3f}" for one in (identity, *sets, chosen, first)]
    used = sum(weight > 0.005 for weight in manifest.view_weights)
    return [
        *figures,
        points((won - lost) / len(truth), difference_interval(won, lost, len(truth))),
        points(report.gain, report.gain_interval),
        str(used),
    ]


def points(difference, interval):
    return f"{100 * difference:+.1f} ({100 * interval[0]:+.1f} to {100 * interval[1]:+.1f})"


if __name__ == "__main__":
    main()
