"""A blend or a CSV -> a checked submission, kept and counted; scores that came back; a judge's scores.

Read first: `submit`, then `drafts` and `advice`.
"""
