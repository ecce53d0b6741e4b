"""Saved members: the format is in README.md; `toy/` holds small real ones to try things on."""
