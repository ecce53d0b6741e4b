"""Adding views to a member, and setting how much each counts.

A view that is there is never replaced and never doubled; what comes in is placed by
image id and class name. The old logits stay whole until member.json names the new.
"""

from collections.abc import Mapping
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.storage.atomic import locked
from ensemble_kit.storage.data_files import lost, read_split, write_split
from ensemble_kit.storage.fields import plain
from ensemble_kit.storage.manifest import Manifest, SplitFiles, check_name, check_view_weights
from ensemble_kit.storage.member_folder import commit, read_manifest
from ensemble_kit.types import Predictions, align


def add_views(
    root: Path,
    name: str,
    additions: Mapping[str, Predictions],
    view_weights: Mapping[str, float] | None = None,
    view_choice: str | None = None,
    view_ridge: float | None = None,
    checkpoint_sha256: str | None = None,
    preprocessing: Mapping[str, Any] | None = None,
) -> Manifest:
    """Add views by name to every split of a member, and return its new manifest.

    Args:
        additions: by split, the same views for each; views that the member has are skipped.
        view_weights: by view name, views not named weigh 0; None keeps the weights there are.
        view_choice, view_ridge: how those weights were chosen.
        checkpoint_sha256: of the checkpoint that made the additions; None is not compared.
        preprocessing: that made the additions; None is not compared.

    Raises:
        InvalidOptionError: no such member, or view weights that cannot be.
        MisalignedError: another checkpoint, preprocessing, splits, views, ids or classes.
        BadDataError, CorruptError: see `members.write_member` and `members.read_predictions`.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_name(name)
    folder = root / name
    with locked(root):
        manifest = read_manifest(folder)
        _check_origin(manifest, checkpoint_sha256, preprocessing)
        new = [view for view in _common_views(manifest, additions) if view not in manifest.views]
        changed = with_changes(
            manifest,
            views=(*manifest.views, *new),
            view_weights=(*manifest.view_weights, *(0.0 for _ in new)),
        )
        if view_weights is not None:
            changed = weighted(changed, view_weights, view_choice or "given", view_ridge)
        if new:
            files = {split: _extend(folder, manifest, additions[split], new) for split in manifest.files}
            changed = with_changes(changed, files=files)
        return changed if changed == manifest else commit(root, changed)


def set_view_weights(
    root: Path,
    name: str,
    view_weights: Mapping[str, float],
    view_choice: str,
    view_ridge: float | None = None,
) -> Manifest:
    """Set how much each view of a member counts, and return its new manifest.

    Args:
        view_weights: by view name, summing to 1; views not named weigh 0.
        view_choice: how they were chosen: none, equal, auto.
        view_ridge: the ridge strength of `auto`, maybe infinite.

    Raises:
        InvalidOptionError: no such member or view, or weights that do not sum to 1.
        CorruptError: member.json is damaged.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_name(name)
    with locked(root):
        manifest = read_manifest(root / name)
        changed = weighted(manifest, view_weights, view_choice, view_ridge)
        return changed if changed == manifest else commit(root, changed)


def weighted(
    manifest: Manifest, view_weights: Mapping[str, float], view_choice: str, view_ridge: float | None
) -> Manifest:
    """Return the manifest with other view weights.

    Raises:
        InvalidOptionError: a view that the member lacks, or weights that do not sum to 1.
    """
    unknown = sorted(set(view_weights) - set(manifest.views))
    if unknown:
        raise InvalidOptionError(
            f"Member '{manifest.name}' has no view '{unknown[0]}'; it has: {', '.join(manifest.views)}. "
            "Add it with `ek tta`."
        )
    weights = tuple(float(view_weights.get(view, 0.0)) for view in manifest.views)
    check_view_weights(manifest.views, weights)
    return with_changes(manifest, view_weights=weights, view_choice=view_choice, view_ridge=view_ridge)


def _check_origin(manifest: Manifest, checkpoint_sha256: str | None, preprocessing: Mapping[str, Any] | None) -> None:
    """Raise where the additions were made otherwise than what is there."""
    if checkpoint_sha256 is not None and checkpoint_sha256 != manifest.checkpoint_sha256:
        raise MisalignedError(
            f"Member '{manifest.name}' was made by checkpoint {manifest.checkpoint_sha256}, these views by "
            f"{checkpoint_sha256}. Give --replace to make all its views again."
        )
    if preprocessing is not None and plain(preprocessing) != manifest.preprocessing:
        raise MisalignedError(
            f"Member '{manifest.name}' was made with the preprocessing {manifest.preprocessing}, these views "
            f"with {plain(preprocessing)}. Give --replace to make all its views again."
        )


def _common_views(manifest: Manifest, additions: Mapping[str, Predictions]) -> tuple[str, ...]:
    """Return the views that come in, in order; the same for every split the member has."""
    if set(additions) != set(manifest.files):
        raise MisalignedError(
            f"Member '{manifest.name}' has the splits {', '.join(sorted(manifest.files))}, the new views "
            f"come for {', '.join(sorted(additions)) or 'none'}; wanted the same."
        )
    offered = {split: addition.views for split, addition in additions.items()}
    views = next(iter(offered.values()))
    for split, other in offered.items():
        if set(other) != set(views) or len(set(other)) < len(other):
            raise MisalignedError(
                f"Member '{manifest.name}': new views {', '.join(other)} on {split}, {', '.join(views)} on "
                f"{next(iter(offered))}; wanted the same on each split, each once."
            )
    return views


def _extend(folder: Path, manifest: Manifest, addition: Predictions, new: list[str]) -> SplitFiles:
    """Write one split's files with the new views after the old ones."""
    wanted = (len(addition.views), len(addition.ids), len(addition.classes))
    doubled = any(len(set(names)) < len(names) for names in (addition.ids, addition.classes))
    if addition.logits.shape != wanted or doubled:
        raise MisalignedError(
            f"Member '{manifest.name}', {addition.split}: wanted new logits of shape (views, images, "
            f"classes) = {wanted} with each image id and class once, got {addition.logits.shape}."
        )
    try:
        stored = read_split(folder, manifest, addition.split)
    except FileNotFoundError as error:
        raise lost(manifest, error) from error
    named = with_changes(addition, member=f"{manifest.name}, new views", labels=None, groups=None)
    pool = align([with_changes(stored, labels=None, groups=None), named])
    chosen = pool.logits[1][[addition.views.index(view) for view in new]]
    logits = np.concatenate([stored.logits, chosen.astype(stored.logits.dtype)])
    whole = with_changes(stored, views=(*stored.views, *new), logits=logits)
    return write_split(folder, whole, stored.logits.dtype.name)
