"""Claim: every rung of the assignment's ladder works, and the blend stands on top.

Trains each rung with three seeds, adds the flipped view, blends six members of seed 0;
test accuracy without and with TTA, mean (lowest to highest), seconds a member.

    python bench/ladder.py DATA --labels test-labels.csv --work /tmp/ladder
"""

import argparse
from pathlib import Path

import measuring

import ensemble_kit as ek

RUNGS = {
    "mlp, assignment": {"arch": "mlp"},
    "cnn, assignment, 100 epochs": {"arch": "cnn", "epochs": 100},
    "cnn, strong": {"arch": "cnn", "recipe": "strong"},
    "cnn-deep, strong": {"arch": "cnn-deep", "recipe": "strong"},
}
BLEND = {
    "deep-a": {"arch": "cnn-deep", "recipe": "strong", "seed": 0},
    "deep-b": {"arch": "cnn-deep", "recipe": "strong", "seed": 1},
    "deep-c": {"arch": "cnn-deep", "recipe": "strong", "seed": 2},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-flip", action="store_true", help="train without flips")
    asked = parser.parse_args()
    data, labels = asked.data.resolve(), measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    extra = {"flip": False} if asked.no_flip else {}

    print(f"{data.name}; {measuring.machine()}\n")
    print("| member | test, identity | test, chosen views | seconds |\n|---|---|---|---|")
    for rung, how in RUNGS.items():
        alone, with_views, seconds = [], [], []
        for seed in range(asked.seeds):
            name = f"{rung.replace(', ', '-').replace(' ', '-')}-{seed}"
            seconds.append(measuring.trained(data, name, seed=seed, **how, **extra))
            ek.tta(f"runs/{name}", quiet=True)
            alone.append(measuring.accuracy_on_test(name, labels, [1.0, 0.0]))
            with_views.append(measuring.accuracy_on_test(name, labels))
        mean_s = sum(seconds) / len(seconds)
        print(f"| {rung} | {measuring.spread(alone)} | {measuring.spread(with_views)} | {mean_s:.0f} |", flush=True)

    total_s = 0.0
    for name, how in BLEND.items():
        total_s += measuring.trained(data, name, **how, **extra)
        ek.tta(f"runs/{name}", quiet=True)
    print(f"\n| blend of {len(BLEND)}, trained in {total_s / 60:.1f} minutes | test | honest on val |\n|---|---|---|")
    for method in ("logit-sum", "prob-mean", "majority-vote"):
        for weights in ("auto", "equal"):
            report = ek.blend(list(BLEND), method=method, weights=weights, quiet=True)
            accuracy = measuring.submission_accuracy(report.submission_path, labels)
            print(f"| {method}, {weights} | {accuracy:.3f} | {report.honest_accuracy:.3f} |", flush=True)


if __name__ == "__main__":
    main()
