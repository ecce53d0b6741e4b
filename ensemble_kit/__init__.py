"""Blend image classifiers, and know how good the blend really is.

What the command `ek` does, Python does under the same names and with the same parameters:

    import ensemble_kit as ek
    ek.train(data="pictures", arch="cnn")
    ek.tta(ckpt="runs/cnn", views="flips")
    print(ek.blend(method="logit-sum").honest_accuracy)

`ek members add` is `ek.members_add`, and so on. Every function returns a frozen report of
`ensemble_kit.results`. Importing this package loads nothing heavy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
