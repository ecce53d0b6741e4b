"""Claim: offering flipped views does no harm where flips do harm.

Trains a CNN without flips with three seeds, offers it the flipped view, and compares test
accuracy of identity alone, of plain averaging (what TTA libraries do) and of chosen views.

    python bench/flips.py DATA --labels test-labels.csv --work /tmp/flips
"""

import argparse
from pathlib import Path
from typing import Any

import measuring

import ensemble_kit as ek

MEMBERS: dict[str, dict[str, Any]] = {
    "cnn, assignment, 28 px": {"arch": "cnn", "recipe": "assignment", "size": 28},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    data, labels = asked.data.resolve(), measuring.truth(asked.labels)
    measuring.work_in(asked.work)

    print(f"{data.name}; {measuring.machine()}\n")
    print("| member | seed | identity | both averaged | chosen | weight of hflip | named harmful, p |")
    print("|---|---|---|---|---|---|---|")
    for title, how in MEMBERS.items():
        for seed in range(asked.seeds):
            name = f"{title.replace(', ', '-').replace(' ', '')}-{seed}"
            measuring.trained(data, name, seed=seed, **how)
            report = ek.tta(f"runs/{name}", views="flips", quiet=True)
            figures = [measuring.accuracy_on_test(name, labels, views) for views in ("identity", "equal", "chosen")]
            row = " | ".join(f"{figure:.3f}" for figure in figures)
            flip = report.views[1]
            named = f"{'yes' if flip.harmful else 'no'}, {flip.beside_p:.1g}"
            print(f"| {title} | {seed} | {row} | {flip.weight:.3f} | {named} |", flush=True)


if __name__ == "__main__":
    main()
