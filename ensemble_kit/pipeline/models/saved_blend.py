"""A saved blend, opened again: its members as they were pinned, and the model of each.

Never takes a member in another state than the blend was made from. To let another kind of member
look: a branch in `model_of`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

import models_zoo
from ensemble_kit.disk import check
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.inputs import tell_outside
from ensemble_kit.pipeline.models.find import find_model
from ensemble_kit.pipeline.models.known_here import check_views, read_blend_here, used_here
from ensemble_kit.pipeline.models.model import Model, Stated
from ensemble_kit.pipeline.models.run_config import absolute
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import check_pins
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.members import EXTERNAL, MANIFEST_NAME
from ensemble_kit.workspace import Workspace


class OpenBlend(NamedTuple):
    """A blend, the file it was read from, and its members in its order, with their logits memory-mapped."""

    saved: blend_store.Blend
    path: Path
    members: tuple[store.Member, ...]

    @property
    def counting(self) -> tuple[int, ...]:
        """The places of the members that have a say: a weight above 0, or all of them where a stack decides."""
        heard = [self.saved.stack is not None or pin.weight > 0 for pin in self.saved.members]
        return tuple(place for place, is_heard in enumerate(heard) if is_heard)


def open_blend(blend: str | Path | None, workspace: Workspace, verify: bool = False) -> OpenBlend:
    """Return a blend with its members.

    Args:
        blend: a name in `blends`, or the path of its .json; None: the only one there is.

    Raises:
        InvalidOptionError: there is no such blend, or several and none was named.
        CorruptError: a damaged file, or a member that has changed; says how to refresh the blend.
        BadDataError: a blend or a member that was made elsewhere, with what this version does not know.
    """
    path = find_blend(blend, workspace.blends)
    saved = read_blend_here(path)
    check_pins(saved, workspace.predictions)
    held = store.read_members(workspace.predictions, [pin.name for pin in saved.members], workspace.cache, verify)
    check_pins(saved, workspace.predictions)  # none was replaced while they were read
    return OpenBlend(saved, path, tuple(held))


def find_blend(blend: str | Path | None, blends: Path) -> Path:
    """Return the path of a blend by its name or path; None: of the only one there is.

    Raises:
        InvalidOptionError: none was named, and there is none or more than one.
    """
    if blend is not None:
        return Path(blend) if str(blend).endswith(".json") else blends / f"{blend}.json"
    there = blend_store.list_blends(blends)
    if len(there) != 1:
        if not there:
            raise InvalidOptionError(f"There is no blend in '{blends}'. Make one: ek blend --method logit-sum.")
        raise InvalidOptionError(
            f"'{blends}' holds {len(there)} blends: {', '.join(there)}. Name the one that is meant."
        )
    return blends / f"{there[0]}.json"


def models_of(opened: OpenBlend, predictions: Path, asked: str) -> tuple[Model, ...]:
    """Return the model of each member that has a weight, in the order of `counting`; nothing of it is loaded.

    Args:
        asked: what they are wanted for, as "ek predict"; named in errors.

    Raises:
        InvalidOptionError: members that cannot predict new images, each named with the reason.
        CorruptError: a checkpoint that is damaged.
    """
    manifests = [opened.members[place].manifest for place in opened.counting]
    reasons = [f"'{manifest.name}' {reason}" for manifest in manifests if (reason := why_blind(manifest))]
    if reasons:
        raise InvalidOptionError(
            f"{asked} needs a network for each member of blend '{opened.saved.name}' that has a weight: "
            f"{'; '.join(reasons)}. {_without_those(manifests)}"
        )
    return tuple(model_of(manifest, predictions) for manifest in manifests)


def why_blind(manifest: store.Manifest) -> str:
    """Return why a member cannot predict new images; empty where it can."""
    if manifest.source == EXTERNAL and manifest.checkpoint_sha256 is None:
        return "was made by a Python callable, which is not saved"
    return "" if manifest.checkpoint_sha256 else "was imported as scores and has no network"


def model_of(manifest: store.Manifest, predictions: Path) -> Model:
    """Return the model of a member that ensemble_kit trained, or that a network of others' made.

    Raises:
        InvalidOptionError: its checkpoint or file is gone, or has changed.
        CorruptError: a checkpoint or file that is damaged.
        BadDataError: it was made elsewhere: a view, a network or a package is not here. Loading it says so too.
    """
    path = predictions / manifest.name / MANIFEST_NAME
    check_views(manifest.views, path, manifest.versions)
    with used_here(path, manifest.versions):
        model = _model_of(manifest, predictions)

    def load(classes: tuple[str, ...]) -> Any:
        with used_here(path, manifest.versions):
            return model.load(classes)

    return replace(model, load=load)


def _model_of(manifest: store.Manifest, predictions: Path) -> Model:
    if manifest.source != EXTERNAL:
        file_name = run_store.checkpoint_name(str(manifest.checkpoint_sha256))
        places = [folder / str(manifest.run) / file_name for folder in (Path(), predictions.parent)]
        checkpoint = next((path for path in places if path.is_file()), None)
        if checkpoint is None:
            raise InvalidOptionError(
                f"The network of member '{manifest.name}' is not there: '{manifest.run}' does not hold the checkpoint "
                f"{str(manifest.checkpoint_sha256)[:12]}. Work in the folder where it was trained, or bring it back."
            )
        tell_outside(checkpoint, f"member {manifest.name}")
        return find_model(checkpoint, Stated(), {}, predictions, False, manifest.checkpoint_sha256)
    file = absolute(manifest.training["weights"], predictions / manifest.name, f"weights of member {manifest.name}")
    if file.is_file():
        check(file, str(manifest.checkpoint_sha256))
    if manifest.arch.startswith(models_zoo.TIMM):
        return find_model(manifest.arch, Stated(weights=file, name=manifest.name), {}, predictions, replace=False)
    return find_model(file, Stated(name=manifest.name), {}, predictions, replace=False)


def _without_those(manifests: Sequence[store.Manifest]) -> str:
    """Return what to do where some members, or all, cannot predict new images."""
    others = [quote(manifest.name) for manifest in manifests if not why_blind(manifest)]
    return f"Blend the others: ek blend {' '.join(others)}" if others else "Train some: ek train --data DIR --arch cnn"
