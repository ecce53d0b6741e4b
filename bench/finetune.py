"""Claim: a pre-trained network is fine-tuned to 0.95 in ten minutes on two cores, without a network connection.

Fine-tunes EfficientNet-Lite0 from its installed ImageNet weights by a recipe as it stands, with three seeds; val and
test accuracy (identity alone) and seconds of each, mean (lowest to highest) of test.

    python bench/finetune.py DATA --labels test-labels.csv --work /tmp/finetune --size 128
"""

import argparse
from pathlib import Path

import measuring

import ensemble_kit as ek

ARCH = "timm:tf_efficientnet_lite0"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--recipe", default="finetune")
    parser.add_argument("--size", type=int, default=None, help="side in pixels; without it the images' median")
    parser.add_argument("--input-px", type=int, default=0, help="side to enlarge to; 0: the weights' own")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-flip", action="store_true", help="train without flips")
    asked = parser.parse_args()
    data, labels = asked.data.resolve(), measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    how = {"arch": ARCH, "pretrained": True, "recipe": asked.recipe, "size": asked.size}
    how |= {"arch_option": {"input_px": asked.input_px}}
    how |= {"flip": False} if asked.no_flip else {}

    print(f"{data.name}, {asked.recipe}; {measuring.machine()}\n")
    print("| seed | val | test | seconds |\n|---|---|---|---|")
    tests = []
    for seed in range(asked.seeds):
        name = f"{data.name}-{asked.recipe}-{seed}"
        seconds = measuring.trained(data, name, seed=seed, **how)
        (val,) = (one.val_accuracy for one in ek.members().members if one.name == name)
        tests.append(measuring.accuracy_on_test(name, labels))
        print(f"| {seed} | {val:.3f} | {tests[-1]:.3f} | {seconds:.0f} |", flush=True)
    print(f"\nmean of test {measuring.spread(tests)}")


if __name__ == "__main__":
    main()
