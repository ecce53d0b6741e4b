"""Submissions on disk: sample files, CSVs and where they came from, their check, the submission log.

Comes in: predicted classes and a sample. Goes out: a checked CSV, findings, the log's entries.
Read first: `sample_and_csv`, then `log`. To add a rule that a CSV is checked by: see `check`; what the judge allows a
day is in `quota_rules`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
