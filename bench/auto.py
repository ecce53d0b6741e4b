"""Claim: `ek auto` ends in time, with a submission as good as its honest estimate says.

python bench/auto.py DATA --labels test-labels.csv --work /tmp/auto --minutes 20
"""

import argparse
import time
from pathlib import Path

import measuring

import ensemble_kit as ek
from ensemble_kit.reporting.auto import done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-pretrained", action="store_true")
    asked = parser.parse_args()
    data, labels = asked.data.resolve(), measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    start, processor_s = time.perf_counter(), time.process_time()
    report = ek.auto(data, asked.minutes, seed=asked.seed, pretrained=not asked.no_pretrained)
    minutes = (time.perf_counter() - start) / 60
    print(f"{done(report)}\n\n{data.name}; {measuring.machine()}\n")
    print("| member | test, identity | test, chosen views |\n|---|---|---|")
    for step in report.steps:
        alone = measuring.accuracy_on_test(step.name, labels, "identity")
        print(f"| {step.name} | {alone:.3f} | {measuring.accuracy_on_test(step.name, labels):.3f} |")
    low, high = report.blend.honest_interval
    test, honest = measuring.submission_accuracy(report.submission_path, labels), report.blend.honest_accuracy
    processor_minutes = (time.process_time() - processor_s) / 60
    print("\n| test | honest on val | minutes | of | CPU-minutes |\n|---|---|---|---|---|")
    print(f"| {test:.3f} | {honest:.3f} ({low:.3f} to {high:.3f}) | {minutes:.1f} | {asked.minutes:g} ", end="")
    print(f"| {processor_minutes:.1f} |")


if __name__ == "__main__":
    main()
