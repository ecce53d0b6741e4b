"""The commands that make a blend again, from what its members and its file say, and the hashes of all of it.

They start from the working folder; numbers that are the recipe's or the command's own are left out.
"""

import inspect
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import models_zoo
from ensemble_kit.formerly import FORMERLY
from ensemble_kit.pipeline.blends import blend
from ensemble_kit.pipeline.inputs import relative
from ensemble_kit.pipeline.models import PATHS, OpenBlend, absolute, versions
from ensemble_kit.pipeline.runs import RECIPE as PROBE
from ensemble_kit.pipeline.runs import probe, train
from ensemble_kit.pipeline.views import tta
from ensemble_kit.reporting.terminal import note
from ensemble_kit.results import PinReport, RepeatReport
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage.members import EXTERNAL, Manifest
from ensemble_kit.training import RECIPES
from ensemble_kit.types import IDENTITY
from ensemble_kit.workspace import Workspace

UNSAID: Final = (
    *("family", "kept_epoch", "in_time", "computing", "soup", "penalty", "hyperparameters", "source"),
    *("teacher", "unlabelled_images"),
)
"""What a member's training holds that no option takes as it is."""


def repeat_of(opened: OpenBlend, workspace: Workspace) -> RepeatReport:
    """Return what makes the blend again, and what it was made of."""
    saved, manifests = opened.saved, [member.manifest for member in opened.members]
    lines = [line for manifest in manifests for line in _making(manifest, workspace)]
    return RepeatReport(
        commands=(*dict.fromkeys(lines), _blending(saved)),
        notes=tuple(_notes(manifests)),
        blend_sha256=blend_store.blend_sha256(saved),
        val_fingerprint=saved.val_fingerprint,
        versions=saved.versions or versions(),
        members=tuple(
            PinReport(
                name=pin.name,
                arch=manifest.arch,
                source=manifest.source,
                seed=manifest.seed,
                manifest_sha256=pin.manifest_sha256,
                checkpoint_sha256=pin.checkpoint_sha256,
                data_fingerprint=manifest.data_fingerprint,
                versions=manifest.versions,
            )
            for pin, manifest in zip(saved.members, manifests, strict=True)
        ),
    )


def _making(manifest: Manifest, workspace: Workspace) -> Iterator[str]:
    """Yield the commands that make a member: train it, or add it, then compute its views."""
    if manifest.source == "imported":
        yield _importing(manifest)
        return
    if manifest.source != EXTERNAL:
        yield _soup(manifest) if "soup" in manifest.training else _training(manifest)
        if len(manifest.views) == 1:
            return
    yield _looking(manifest, workspace)


def _training(manifest: Manifest) -> str:
    """Return the `ek train`, or `ek probe`, that a member came from."""
    plan, run = manifest.training, Path(manifest.run or ".")
    recipe, fields = str(plan.get("recipe")), dict(plan.get("hyperparameters", {}))
    name = re.sub(r"-cycle-\d+$", "", manifest.name) if fields.get("cycles", 1) > 1 else manifest.name
    if recipe == PROBE:
        given = {key: plan.get(key) for key in ("arch", "size", "skip_bad", "pretrained", "weights", "threads")}
        given |= {"flip": bool(fields.get("flip")), "arch_option": _options_of_arch(plan)}
        return _line("probe", {"name": name, **_seen_from_here({**_source(plan), **given}, run)}, probe)
    own = asdict(RECIPES[recipe]) if recipe in RECIPES else {}
    said = {key: value for key, value in plan.items() if key not in UNSAID}
    said |= {key: value for key, value in fields.items() if own.get(key) != value}
    said |= {"arch_option": _options_of_arch(plan), "family": _own_family(manifest, name)}
    said |= {"teacher": ",".join(plan.get("teacher") or ()) or None}
    return _line("train", {"name": name, **_seen_from_here({**_source(plan), **said}, run)}, train)


def _source(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said about the images."""
    stored = plan.get("source")
    return dict(stored) if isinstance(stored, dict) else {}


def _seen_from_here(options: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """Return options with their paths, which start from the run, as seen from the working folder."""

    def moved(value: Any) -> Any:
        several = isinstance(value, list | tuple)
        return [relative(absolute(one, run)) for one in value] if several else relative(absolute(value, run))

    return {key: moved(value) if key in PATHS and value is not None else value for key, value in options.items()}


def _options_of_arch(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the architecture that are not its own."""
    try:
        plain: Mapping[str, Any] = models_zoo.resolved(str(plan["arch"]), {}, bool(plan.get("pretrained")))
    except (KeyError, models_zoo.ZooError):
        plain = {}
    return {key: value for key, value in dict(plan.get("arch_option") or {}).items() if plain.get(key) != value}


def _own_family(manifest: Manifest, name: str) -> str | None:
    """Return the family, unless it follows from the name."""
    return None if manifest.family in (name, re.sub(r"-(fold|seed)-\d+.*$", "", name)) else manifest.family


def _soup(manifest: Manifest) -> str:
    made = manifest.training["soup"]
    names = [str(one["name"]) for one in made["ingredients"]]
    options = {"method": made["method"], "metric": made["metric"], "name": manifest.name}
    return _line("soup", options, words=names)


def _looking(manifest: Manifest, workspace: Workspace) -> str:
    """Return the `ek tta` that gave a member its views."""
    views = {"views": ",".join(manifest.views[1:]) or IDENTITY, "choose": manifest.view_choice}
    views["precision"] = manifest.preprocessing.get("precision", "float32")
    if manifest.source == EXTERNAL:
        return _line("tta", {**_external(manifest, workspace.predictions / manifest.name), **views}, tta)
    return _line("tta", {"ckpt": relative(manifest.run or workspace.runs / manifest.name), **views}, tta)


def _external(manifest: Manifest, folder: Path) -> dict[str, Any]:
    """Return what had to be said of a network of others."""
    plan, how = _seen_from_here({**_source(manifest.training), **manifest.training}, folder), manifest.preprocessing
    is_timm, file = manifest.arch.startswith(models_zoo.TIMM), plan.pop("weights", None)
    plan.pop("source", None)
    return {
        "ckpt": manifest.arch if is_timm else file or "CALLABLE",
        "weights": file if is_timm else None,
        "name": manifest.name,
        "size": how.get("size_px"),
        **{key: ",".join(map(str, how[key])) for key in ("mean", "std") if key in how},
        **plan,
    }


def _importing(manifest: Manifest) -> str:
    said = manifest.imported
    files = dict(said.get("files", {}))
    options = {key: said.get(key) for key in ("kind", "labels_are", "group_from")}
    return _line("members add", {**files, **options}, words=[manifest.name])


def _blending(saved: blend_store.Blend) -> str:
    options = {"method": saved.method, "weights": saved.weights_method, "metric": saved.metric, **saved.settings}
    if "certify_seconds" in options:
        options["certify"] = True
    return _line("blend", {**options, "name": saved.name}, blend, [pin.name for pin in saved.members])


def _line(command: str, options: Mapping[str, Any], function: Any = None, words: Sequence[str] = ()) -> str:
    """Return a command as a shell takes it; options that say what they say anyway are left out."""
    defaults = {} if function is None else inspect.signature(function).parameters
    said = ["ek", *command.split(), *words]
    now = FORMERLY.get(command, {})
    for name, value in ((now.get(name, name), value) for name, value in options.items()):
        default = defaults[name].default if name in defaults else None
        if value is None or value == default or value in ((), [], {}):
            continue
        said += _option(f"--{name.replace('_', '-')}", value)
    return shlex.join(said)


def _option(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)] if value or flag == "--flip" else []
    if isinstance(value, dict):
        return [word for key, one in value.items() for word in (flag, f"{key}={one}")]
    if isinstance(value, list | tuple):
        return [word for one in value for word in (flag, str(one))]
    return [flag, str(value)]


def _notes(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield what the commands cannot say."""
    if any(manifest.source == "imported" for manifest in manifests):
        yield note("imported-files")
    if any(manifest.source == EXTERNAL and manifest.checkpoint_sha256 is None for manifest in manifests):
        yield note("callable")
    if any("soup" in manifest.training for manifest in manifests):
        yield note("ingredients-first")
    if any(manifest.training.get("teacher") for manifest in manifests):
        yield note("teachers-first")
    if any(not manifest.training.get("in_time", True) for manifest in manifests):
        yield note("ended-by-clock")
