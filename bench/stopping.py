"""Claim: most forward passes can be saved at prediction: exactly for bounded votes, at a stated loss for logit sums.

Takes members with views that are there (see `views.py`), finds each rule on val, and replays it on test: how many
passes it saves, and how many images it loses that all views have right.

    python bench/stopping.py --labels test-labels.csv --work /tmp/views --members cnn-deep-strong-0
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import measuring
import numpy as np

from ensemble_kit.ensembling.combining.voting import merge_views
from ensemble_kit.ensembling.selective.early_exit import exact_rule, replay, saved
from ensemble_kit.ensembling.selective.margin_threshold import margin_rule
from ensemble_kit.ensembling.weights.temperature import fit_temperatures
from ensemble_kit.storage.members import members as store

LOSSES = (0.01, 0.02, 0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--members", nargs="+", required=True)
    asked = parser.parse_args()
    labels = measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    print("| member | views | rule | val: lost, at most, saved | test: saved | lost | accuracy, all views / stopped |")
    print("|---|---|---|---|---|---|---|")
    for name in asked.members:
        member = store.read_member(Path("predictions", name))
        truth = np.array([member.manifest.classes.index(labels[image]) for image in member.split("test").ids])
        count = len(member.manifest.views)
        for title, weights in (("equal", np.full(count, 1 / count)), ("chosen", member.manifest.view_weights)):
            for how, said, rule in rules(member.split("val"), np.array(weights)):
                cells = measured(rule, member.split("test").logits, truth)
                print(f"| {name} | {len(rule.order)}, {title} | {how} | {said} | {' | '.join(cells)} |")


def rules(val, weights):
    """Every rule: its name, what val says of it, and itself."""
    temperature = float(fit_temperatures(merge_views(val.logits, weights)[None], val.labels)[0])
    for method in ("prob-mean", "majority-vote", "borda"):
        yield f"{method}, exact", "", exact_rule(method, weights, temperature)
    for loss in LOSSES:
        rule, found = margin_rule(val.logits, val.labels, val.ids, val.groups, weights, loss)
        said = ", ".join(f"{100 * one:.1f} %" for one in (found.loss, found.at_most, found.saved))
        yield f"logit-sum, margin, {100 * loss:g} %", said, rule


def measured(rule, logits, truth):
    """Passes saved, images lost, and accuracies on test."""
    stopped = replay(rule, logits)
    everything = replay(replace(rule, kind="margin", threshold=math.inf), logits)
    lost = (everything.predicted == truth) & (stopped.predicted != truth)
    right = [np.mean(one.predicted == truth) for one in (everything, stopped)]
    return f"{100 * saved(rule, stopped.steps):.0f} %", f"{100 * lost.mean():.1f} %", f"{right[0]:.3f} / {right[1]:.3f}"


if __name__ == "__main__":
    main()
