"""Claim: `ek predict --early-exit` loses no more than was allowed, and `--accuracy` keeps what it promises.

Takes a working folder with blends, finds each rule on val, and replays it on the stored logits of test: no network
looks at anything. An image is lost where the whole blend has it right and early exit does not. What was wanted
is held to a promise of 95 %, so one promise in twenty may break.

    python bench/predict.py --labels test-labels.csv --work simpsons28
"""

import argparse
from pathlib import Path

import measuring
import numpy as np

from ensemble_kit.ensembling.combining.apply import predict
from ensemble_kit.ensembling.selective.early_exit import replay, saved
from ensemble_kit.ensembling.selective.partial_blend import answer, answers, runs_each_view
from ensemble_kit.pipeline.predict.abstention import abstention_report
from ensemble_kit.pipeline.predict.early_exit import early_exit_of
from ensemble_kit.pipeline.predict.predictor import blend_predictor
from ensemble_kit.storage.blends import list_blends
from ensemble_kit.types import align
from ensemble_kit.workspace import Workspace

LOSSES = (0.01, 0.02, 0.03, 0.05)
ACCURACIES = (0.9, 0.95, 0.98)
WORKSPACE = Workspace()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    asked = parser.parse_args()
    labels = measuring.truth(asked.labels)
    measuring.work_in(asked.work)
    opened = [blend_predictor(name, WORKSPACE, verify=False) for name in list_blends(WORKSPACE.blends)]
    print("| blend | may be lost | val: lost, at most | val: saved | test: lost | test: saved | all / stopped |")
    print("|---|---|---|---|---|---|---|")
    for blend in opened:
        if blend.tuned.stack is None:
            early_exits(blend, *on_test(blend, labels))
    print("\n| blend | wanted | from | val: answered | val: right, at least | test: answered | test: right | held |")
    print("|---|---|---|---|---|---|---|---|")
    for blend in opened:
        abstentions(blend, *on_test(blend, labels))


def on_test(blend, labels):
    """What the members say of test, and the places of the true classes."""
    pool = align([member.split("test") for member in blend.members])
    return pool, np.array([blend.classes.index(labels[image]) for image in pool.ids])


def early_exits(blend, pool, truth):
    """A row for each loss; votes with bounds lose nothing."""
    whole = predict(pool, blend.tuned)
    for loss in LOSSES if runs_each_view(blend.tuned.method) else (0.0,):
        stop = early_exit_of(blend, loss)
        taken = replay(stop.rule, blend.steps.logits(pool)).steps
        stopped = answers(blend.whole, blend.steps, stop.rule, pool, taken).winners
        lost = f"{((whole == truth) & (stopped != truth)).sum()} of {len(truth)}"
        spared = percent(saved(stop.rule, taken, stop.costs)) + (" of ms" if stop.in_ms else " of passes")
        right = " / ".join(f"{np.mean(one == truth):.3f}" for one in (whole, stopped))
        allowed = f"{100 * loss:g} %" if loss else "0 (exact)"
        print(f"| {blend.name} | {allowed} | {' | '.join(promised(blend, stop))} | {lost} | {spared} | {right} |")


def promised(blend, stop):
    """What val says of a rule: the loss with its bound, and the work saved."""
    if stop.estimate is None:
        val = blend.val()
        taken = replay(stop.rule, blend.steps.logits(val)).steps
        return "0", percent(saved(stop.rule, taken, stop.costs))
    if not np.isfinite(stop.rule.threshold):
        return "nothing can be promised", "0 %"
    return f"{percent(stop.estimate.loss)}, {percent(stop.estimate.at_most)}", percent(stop.estimate.saved)


def abstentions(blend, pool, truth):
    """A row for each wanted accuracy."""
    said = answer(blend.whole.pool(pool), blend.whole.tuned)
    shares = said.probabilities[np.arange(len(truth)), said.winners]
    for wanted in ACCURACIES:
        found = abstention_report(blend, None, wanted, quiet=True)
        if not np.isfinite(found.threshold):
            print(f"| {blend.name} | {100 * wanted:g} % | none is safe | 0 % | - | 0 of {len(truth)} | - | - |")
            continue
        given = shares >= found.threshold
        right, total = int((said.winners == truth)[given].sum()), int(given.sum())
        held = "yes" if right >= wanted * total else "no"
        on_val = f"{percent(found.coverage)} | {percent(found.accuracy)}, {percent(found.accuracy_at_least)}"
        on_test = f"{total} of {len(truth)} | {right} of {total} ({percent(right / max(total, 1))})"
        print(f"| {blend.name} | {100 * wanted:g} % | {found.threshold:.3f} | {on_val} | {on_test} | {held} |")


def percent(share):
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    main()
