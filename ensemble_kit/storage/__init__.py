"""Members, runs, blends and submissions on disk: atomic, checksummed, locked.

    files        how anything is written: atomic replacement, locks, intents, receipts, ledgers, sealed pages
    runs         config, metrics and checkpoint of a training run; its unfinished state
    partial      finished parts of long forward passes, until the member is written
    members      member.json, arrays and rows; external score files
    submissions  sample files, submission CSVs, their check, the submission log
    blends       a saved blend and its pins
    leftovers    what dead processes left;  verify: every checksum, computed anew

Comes in: frozen data of `types` and of these rooms. Goes out: the same, read back and checked. Nothing is written in
place, nothing foreign is unpickled. Read first: `files.atomic`, then `members.manifest`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
