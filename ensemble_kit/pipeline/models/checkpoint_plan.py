"""What a checkpoint knows of itself: the plan it was trained by, and the member it makes.

The facts in a checkpoint are enough to rebuild its network and to write its member anew.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import models_zoo
from ensemble_kit.disk import sha256_of
from ensemble_kit.pipeline.inputs import relative
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run: enough to repeat it, saved in the checkpoint and, flat, as config.yaml.

    family: of members trained alike; None: it has none.
    fold: the fold of the training images that was held out, from 1; 0: none, nor any `folds`.
    weights: the file that --init gave, where one was given.
    unlabelled: the split that was learnt from without labels, unlabelled_images how many of its images.
    teacher: the members whose soft labels these had, and the sha256 of each one's member.json; None: there were none.
    source: what was said about the images (`images.sources.Source`). Paths in it, and `weights`,
    are relative to the run, so that a working folder can move and no home folder is named.
    """

    name: str
    source: Mapping[str, Any]
    arch: str
    arch_option: Mapping[str, Any]
    recipe: str
    hyperparameters: Mapping[str, Any]
    size: int
    seed: int
    skip_bad: bool
    pretrained: bool
    weights: str | None
    keep: str
    metric: str
    patience: int
    device: str
    threads: int
    classes: tuple[str, ...]
    family: str | None = None
    folds: int = 0
    fold: int = 0
    unlabelled: str | None = None
    unlabelled_images: int | None = None
    teacher: Mapping[str, str] | None = None


def manifest_of(facts: Mapping[str, Any], checkpoint: Path) -> store.Manifest:
    """Return the manifest of the member that a checkpoint makes, with identity alone and no cost of a forward pass."""
    beside = [checkpoint.with_name(name) for name in (run_store.CONFIG_NAME, run_store.METRICS_NAME)]
    config, metrics = (sha256_of(path) if path.exists() else None for path in beside)
    plan = facts["plan"]
    return store.Manifest(
        name=plan["name"],
        arch=plan["arch"],
        source="trained",
        classes=tuple(plan["classes"]),
        preprocessing=dict(facts["preprocessing"]),
        training={key: value for key, value in plan.items() if key not in ("name", "classes")}
        | {"kept_epoch": facts["kept_epoch"], "in_time": facts.get("in_time", True)}
        | {name: facts[name] for name in ("soup", "computing") if name in facts},
        recipe=plan["recipe"],
        seed=plan["seed"],
        family=plan.get("family"),
        data_fingerprint=dict(facts["fingerprints"]),
        skipped={split: dict(reasons) for split, reasons in facts["skipped"].items()},
        run=str(relative(checkpoint.parent)),
        config_sha256=config,
        metrics_sha256=metrics,
        checkpoint_sha256=sha256_of(checkpoint),
        val_used_for=tuple(facts["soup"]["val_used_for"]) if "soup" in facts else _val_used_for(plan),
        cost={
            "parameters": facts["parameters"],
            "checkpoint_mb": round(checkpoint.stat().st_size / 1e6, 3),
            "train_s": facts["train_s"],
        },
        versions=dict(facts["versions"]),
    )


def _val_used_for(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what val decided while the member was trained."""
    chosen = {"epoch": plan["keep"] == "best", "early stop": plan.get("patience", 0) > 0}
    return tuple(name for name, was in chosen.items() if was)


def rebuild(facts: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    """Return the network of a checkpoint, with its weights."""
    plan = facts["plan"]
    network = models_zoo.build(
        plan["arch"],
        len(plan["classes"]),
        plan["size"],
        dropout=plan["hyperparameters"]["dropout"],
        options=plan["arch_option"],
    )
    network.load_state_dict(dict(state))
    return network


def with_cost(manifest: store.Manifest, view_ms: Sequence[float]) -> store.Manifest:
    """Return the manifest with what a forward pass costs: milliseconds per image, for each view."""
    mean = round(sum(view_ms) / len(view_ms), 4)
    return with_changes(manifest, view_ms=tuple(view_ms), cost={"ms_per_image": mean, **manifest.cost})


def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    names = ("ensemble_kit", "torch", "torchvision", "timm", "numpy", "pillow")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
