"""A saved blend -> one page with all that is known of it, and the same as JSON.

Read first: `report`, then `sections` and `recompute`.
"""
