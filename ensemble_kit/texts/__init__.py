"""Texts and tables that people bring: their encoding, their separator, blanks, and names spelled in two ways.

Comes in: the bytes of a file. Goes out: its text or table and what has to be said of it, or an error that names the
line, the likely encoding and the remedy. CSVs of ours are read by `csv_text`. Read first: `tables`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
