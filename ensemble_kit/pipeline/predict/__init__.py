"""New images through a blend or one member -> a file with their classes.

Read first: `predict`, then `predictor` and `batches`.
"""
