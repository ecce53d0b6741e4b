"""Claim: of harmless views one or more are named in at most 5 of 100 val sets; a mirror that does harm is named.

Draws logits of identity and of views, and counts how often `find_harm` names one. Harmless: `alike` (pair and identity
differ by chance alone), `near` (identity, slightly disturbed), `unsure` (other noise, a third of the size).
Mirrored: one view that takes half of the classes for their partner.

    python bench/harm.py --draws 400
"""

import argparse

import measuring
import numpy as np

from ensemble_kit.ensembling.diagnostics import find_harm
from ensemble_kit.verdicts import verdict

CLASSES, UNSURE = 8, 1 / 3


def drawn(kind, random, views, images):
    labels = random.integers(CLASSES, size=images)
    core = 2 * np.eye(CLASSES)[labels] + random.normal(size=(images, CLASSES))
    noise = random.normal(size=(views + 1, images, CLASSES))
    if kind == "alike":
        logits = core + 0.5 * noise
        logits[1:] = 2 * logits[1:] - logits[0]
    elif kind == "near":
        logits = core + 0.1 * noise * (np.arange(views + 1) > 0)[:, None, None]
    else:
        logits = core + 0.7 * noise
    if kind == "unsure":
        logits[1:] *= UNSURE
    if kind == "mirrored":
        swapped = np.r_[np.arange(CLASSES // 2) ^ 1, CLASSES // 2 : CLASSES]
        logits[-1] = logits[-1][:, swapped]
    return logits, labels


def named(kind, views, images, draws):
    """Share of the draws in which a view is named by accuracy, and by accuracy or log-likelihood."""
    counts = np.zeros(2)
    for seed in range(draws):
        logits, labels = drawn(kind, np.random.default_rng(seed), views, images)
        found = find_harm(logits, labels, [f"{row:05d}" for row in range(images)], None).views
        accuracy = any(verdict(one.difference, one.interval, one.adjusted_p) == "worse" for one in found)
        counts += accuracy, any(one.harmful for one in found)
    return counts / draws


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args().draws
    print(f"{measuring.machine()}; {draws} draws a row\n")
    print("| views | images | kind | named by accuracy % | by accuracy or log-likelihood % |")
    print("|---|---|---|---|---|")
    for views, images in ((1, 100), (1, 300), (4, 100), (12, 100), (12, 300)):
        for kind in ("alike", "near", "unsure", "mirrored"):
            figures = " | ".join(f"{100 * share:.1f}" for share in named(kind, views, images, draws))
            print(f"| {views} | {images} | {kind} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
