"""Blend image classifiers, and know how good the blend really is.

What the command `ek` does, Python does under the same names and with the same parameters:

    import ensemble_kit as ek
    ek.train(data="pictures", arch="cnn")
    ek.tta(ckpt="runs/cnn", views="flips")
    print(ek.blend(method="logit-sum").honest_accuracy)

`ek members add` is `ek.members_add`, and so on. Every function returns a frozen report of
`ensemble_kit.results`. Importing this package loads nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ensemble_kit.pipeline.auto import auto
    from ensemble_kit.pipeline.blend import blend
    from ensemble_kit.pipeline.compare import compare
    from ensemble_kit.pipeline.data import data_check
    from ensemble_kit.pipeline.demo import demo, demo_data
    from ensemble_kit.pipeline.doctor import doctor
    from ensemble_kit.pipeline.export import export
    from ensemble_kit.pipeline.find_lr import find_lr
    from ensemble_kit.pipeline.members import members, members_add, members_rename, members_rm
    from ensemble_kit.pipeline.predict import predict
    from ensemble_kit.pipeline.probe import probe
    from ensemble_kit.pipeline.report import report
    from ensemble_kit.pipeline.score import score
    from ensemble_kit.pipeline.show_augment import show_augment
    from ensemble_kit.pipeline.soup import soup
    from ensemble_kit.pipeline.submissions import submissions, submissions_told, submissions_withdraw
    from ensemble_kit.pipeline.submit import submit
    from ensemble_kit.pipeline.train import train
    from ensemble_kit.pipeline.tta import tta
    from ensemble_kit.pipeline.zoo import zoo

__all__ = [
    "auto",
    "blend",
    "compare",
    "data_check",
    "demo",
    "demo_data",
    "doctor",
    "export",
    "find_lr",
    "members",
    "members_add",
    "members_rename",
    "members_rm",
    "predict",
    "probe",
    "report",
    "score",
    "show_augment",
    "soup",
    "submissions",
    "submissions_told",
    "submissions_withdraw",
    "submit",
    "train",
    "tta",
    "zoo",
]

_CHAPTERS: Final = {name: f"ensemble_kit.pipeline.{name.split('_')[0]}" for name in __all__} | {
    "find_lr": "ensemble_kit.pipeline.find_lr",
    "show_augment": "ensemble_kit.pipeline.show_augment",
}


def __getattr__(name: str) -> Any:
    """Load a command's function when it is first asked for."""
    if name not in _CHAPTERS:
        raise AttributeError(f"module 'ensemble_kit' has no attribute '{name}'")
    return getattr(import_module(_CHAPTERS[name]), name)
