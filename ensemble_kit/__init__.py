"""Blend image classifiers, and know how good the blend really is."""
