"""The maths of blending: from aligned logits to weights, and to honest estimates of what they are worth.

    statistics     folds, intervals, paired tests, exact bounds
    combining      voting methods; weights applied to logits, tile by tile
    weights        ways to find weights: temperature, log loss, greedy, accuracy and its proof, stacking
    tuning         from a pool of members to a tuned blend
    evaluation     cross-fitting, scores, calibration, comparison
    diagnostics    diversity, Shapley values, harmful views, view curve, label errors
    selective      early exit and abstention
    contest        the public split of a contest, class balance, the final two submissions

Comes in: `types.Pool`, logits (members | views, images, classes) with ids and labels. Goes out: `types.Tuned`, and
figures. NumPy only: no torch, no files, no model; SciPy and scikit-learn inside the functions that solve. Each room
imports only those above it in this list (diagnostics, selective and contest never each other).
"""
