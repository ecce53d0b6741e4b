"""Test-time views: their names, how names are parsed, and what they do to pixels.

Comes in: words that people type, as `hflip,scale@1.1`. Goes out: canonical names, and views of a batch.
Read first: `views`. A view is a chain of steps (`steps`), and a step becomes primitives at a known size (`primitives`).
To add one, by what it is:
    a set of views that are there      a line in `sets.SETS`, and its help in `table`
    other light by a factor            a line in `names.TONES`
    anything else                      a step in `steps`, its spelling in `names.VERBS`; where no primitive does it yet,
                                       one in `primitives`, carried out in `pixels`
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
