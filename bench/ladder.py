"""Claim: every rung of the assignment's ladder works, and the blend stands on top.

Trains each rung with three seeds, adds flips, crops and scales, then blends three of the members;
test accuracy without and with TTA, mean (lowest to highest), seconds a member.

    python bench/ladder.py DATA --labels test-labels.csv --work /tmp/ladder
"""

import argparse
from pathlib import Path
from typing import Any

import measuring

import ensemble_kit as ek

RUNGS: dict[str, dict[str, Any]] = {
    "mlp, assignment": {"arch": "mlp", "recipe": "assignment"},
    "cnn, assignment": {"arch": "cnn", "recipe": "assignment"},
    "cnn, assignment, 80 epochs": {"arch": "cnn", "recipe": "assignment", "epochs": 80},
    "cnn, strong": {"arch": "cnn", "recipe": "strong"},
    "cnn-deep, strong": {"arch": "cnn-deep", "recipe": "strong"},
    "cnn-deep, strong, mixed": {"arch": "cnn-deep", "recipe": "strong", "mix": 0.5, "epochs": 80},
}
BLEND = [("cnn-deep, strong, mixed", seed) for seed in range(3)]
METHODS = [("logit-sum", "auto"), ("logit-sum", "equal"), ("prob-mean", "auto"), ("majority-vote", "equal")]
VIEWS = "ten-crop,scales"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rungs", nargs="+", choices=RUNGS, default=list(RUNGS))
    parser.add_argument("--no-flip", action="store_true", help="train without flips")
    asked = parser.parse_args()
    data, labels = asked.data.resolve(), measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    extra = {"flip": False} if asked.no_flip else {}

    def member(rung, seed):
        """Train one member unless it is there, add its views; its name and training seconds."""
        name = f"{rung.replace(', ', '-').replace(' ', '-')}-{seed}"
        seconds = measuring.trained(data, name, seed=seed, **RUNGS[rung], **extra)
        ek.tta(f"runs/{name}", views=VIEWS, quiet=True)
        return name, seconds

    print(f"{data.name}; {measuring.machine()}\n")
    print("| member | test, identity | test, chosen views | seconds |\n|---|---|---|---|")
    for rung in asked.rungs:
        names, seconds = zip(*(member(rung, seed) for seed in range(asked.seeds)), strict=True)
        alone = measuring.spread([measuring.accuracy_on_test(name, labels, "identity") for name in names])
        with_views = measuring.spread([measuring.accuracy_on_test(name, labels) for name in names])
        print(f"| {rung} | {alone} | {with_views} | {sum(seconds) / len(seconds):.0f} |", flush=True)

    names, seconds = zip(*(member(rung, seed) for rung, seed in BLEND), strict=True)
    total_s = sum(seconds)
    print(f"\n| blend of {len(BLEND)}, trained in {total_s / 60:.1f} minutes | test | honest on val |\n|---|---|---|")
    for method, weights in METHODS:
        report = ek.blend(list(names), method=method, weights=weights, quiet=True)
        accuracy = measuring.submission_accuracy(report.submission_path, labels)
        print(f"| {method}, {weights} | {accuracy:.3f} | {report.honest_accuracy:.3f} |", flush=True)


if __name__ == "__main__":
    main()
