"""The maths of blending: from aligned logits to weights, and to the truth about them.

    ballots        what a member casts, how ballots are counted, who wins
    logloss        the one convex fit that finds weights, many problems at a time
    temperature    one number a member that makes its probabilities honest
    folds          which image is held out when; independent of row order
    views          view weights and temperatures, which every blend of a pool shares
    condensing     fewer classes an image, where a pool has too many numbers to tune on
    selection      which members may blend where number or time is limited

    weights        what a way to find weights may look at; the plainest ways
    ridge          weights by log loss, pulled towards equal: auto, log-loss
    greedy         Caruana's selection;  rivals: how good one more member would be
    accuracy       most right images, exactly, one weight at a time
    pairs          the few (image, class) pairs that accuracy hangs on
    certificate    how many images any weights could have right;  proof: a blend beside it
    stacking       logistic regression on everything that members say

    tuning         pool -> Tuned
    applying       Tuned -> scores, probabilities, predictions, tile by tile
    screening      a quick look at a logit sum that knows where it can be trusted

    judging        what was said of labelled images, in any metric
    honesty        the whole procedure, or whatever else, redone inside every fold: the one loop
    resampling     images or groups drawn again, or swapped, repeatably
    comparison     which of two is better, paired on the same images
    near_best      which choices are hardly worse
    measures       calibration, the interval of an accuracy
    diversity      who is right where, and who is nearly the same network
    contributions  what each member adds;  shapley: fairly, whoever joins first
    equivalents    how many members drawn at random a blend is worth

    harm           which views do harm beside identity, and how small a harm would show
    view_curve     how good 1, 2, ... views are, and where to stop
    sequential     when an image needs no further view;  stopping: how far ahead is enough
    bounds         what share can be promised, given how many were lost

    public_half    what the public part of a test set can tell;  balance_check: classes as often as in val
    final_two      which two submissions to end with

NumPy only: no torch, no files, no model; SciPy and scikit-learn where a solver or a law of chance is
asked for. The tables below import nothing. To add a
ballot, a way to find weights, or a way to choose views: write the function, add one line.
"""

from collections.abc import Mapping
from typing import Final

from ensemble_kit.tables import Entry

BALLOTS: Final[Mapping[str, Entry]] = {
    "logit-sum": Entry("weighted sum of logits", "ensemble_kit.ensembling.ballots:LOGIT_SUM"),
    "prob-mean": Entry("weighted mean of probabilities", "ensemble_kit.ensembling.ballots:PROB_MEAN"),
    "geo-mean": Entry("weighted geometric mean of probabilities", "ensemble_kit.ensembling.ballots:GEO_MEAN"),
    "majority-vote": Entry("one weighted vote a member", "ensemble_kit.ensembling.ballots:MAJORITY_VOTE"),
    "borda": Entry("weighted points by rank", "ensemble_kit.ensembling.ballots:BORDA"),
}

WEIGHTS: Final[Mapping[str, Entry]] = {
    "auto": Entry("log loss, drawn to equal as far as val asks", "ensemble_kit.ensembling.ridge:auto"),
    "equal": Entry("every member counts the same", "ensemble_kit.ensembling.weights:equal"),
    "log-loss": Entry("least cross-fitted log loss", "ensemble_kit.ensembling.ridge:log_loss"),
    "greedy": Entry("add the member that helps the metric most", "ensemble_kit.ensembling.greedy:greedy"),
    "accuracy": Entry("most right on val, searched exactly", "ensemble_kit.ensembling.accuracy:accuracy"),
    "stacking": Entry("logistic regression on all logits", "ensemble_kit.ensembling.stacking:stack"),
}

VIEW_CHOICES: Final[Mapping[str, Entry]] = {
    "auto": Entry("log loss, drawn to identity as far as val asks", "ensemble_kit.ensembling.ridge:auto"),
    "equal": Entry("every view counts the same", "ensemble_kit.ensembling.weights:equal"),
    "log-loss": Entry("least cross-fitted log loss", "ensemble_kit.ensembling.ridge:log_loss"),
    "greedy": Entry("add the view that helps accuracy most", "ensemble_kit.ensembling.greedy:greedy"),
    "accuracy": Entry("most right on val, searched exactly", "ensemble_kit.ensembling.accuracy:accuracy"),
    "none": Entry("identity alone", "ensemble_kit.ensembling.weights:prior_only"),
}
