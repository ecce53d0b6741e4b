"""The drawn demo data set: small images of ten invented cartoon characters.

In goes a folder, with counts, a seed and a size. Out come images in train/CLASS, val/CLASS and test, and
test-labels.csv: the same bytes every time, as nothing is stored or looked up.
Read first: `draw` (the data set, one image), then `faces` (who there is), `parts` and `scenes`; all draw with `pen`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
