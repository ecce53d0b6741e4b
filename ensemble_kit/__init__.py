"""Blend image classifiers, and know how good the blend really is.

What the command `ek` does, Python does under the same names and with the same parameters:

    import ensemble_kit as ek
    ek.train(data="images", arch="cnn")
    ek.tta(ckpt="runs/cnn", views="flips")
    print(ek.blend(method="logit-sum").honest_accuracy)

`ek members add` is `ek.members_add`, and so on. Every function returns a frozen report of
`ensemble_kit.results`. Importing this package loads nothing heavy.

Who wants to change something: docs/architecture.md is the map. Commands are in `cli`, what they do in `pipeline`, the
maths in `ensembling`, networks in `models_zoo`; a package (here: a room) says in its docstring what it takes, what it
gives and how to add to it, and shows in `__init__.pyi` (its face) what others may use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
