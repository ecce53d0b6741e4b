"""From folders and CSVs of images to checked, decoded, cached uint8 arrays.

    sources       where the images of each split are (folders, layouts, manifests, several_labels, splits)
    decode        one file to RGB (headers: which files are let in; stream: chunk by chunk)
    cache         a split at one size as one array on disk
    checks/       a data set checked: duplicates, shift, broken files
    augmentation/ random changes to training images

Comes in: `Source`. Goes out: `DataSet` of `Split`s and uint8 arrays (images, 3, size, size). Read first: `sources`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
