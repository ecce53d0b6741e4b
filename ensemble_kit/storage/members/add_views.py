"""Adding views to a member, and setting how much each counts.

A view that is there is never replaced and never doubled; what comes in is placed by
image id and class name, chunk by chunk, never whole in memory. The old logits stay
whole until member.json names the new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.storage.files import locked, plain
from ensemble_kit.storage.members.arrays import RowsOf, lost, read_split, write_views
from ensemble_kit.storage.members.commit import commit, read_manifest, swept
from ensemble_kit.storage.members.manifest import (
    Manifest,
    SplitFiles,
    check_folder_name,
    check_view_ms,
    check_view_weights,
)
from ensemble_kit.types import Predictions, Scores, align, order_of


def add_views(
    root: Path,
    name: str,
    additions: Mapping[str, Predictions],
    view_weights: Mapping[str, float] | None = None,
    view_choice: str | None = None,
    view_ridge: float | None = None,
    checkpoint_sha256: str | None = None,
    preprocessing: Mapping[str, Any] | None = None,
    view_ms: Mapping[str, float] | None = None,
) -> Manifest:
    """Add views by name to every split of a member, and return its new manifest.

    Args:
        additions: by split, the same views for each; views that the member has are skipped.
        view_weights: by view name, views not named weigh 0; None keeps the weights there are.
        view_choice, view_ridge: how those weights were chosen.
        checkpoint_sha256: of the checkpoint that made the additions; None is not compared.
        preprocessing: that made the additions; None is not compared.
        view_ms: by view name, milliseconds per image for each new view; kept only where the
            milliseconds of the views that are there are known too.

    Raises:
        InvalidOptionError: no such member, or view weights or milliseconds that cannot be.
        MisalignedError: another checkpoint, preprocessing, splits, views, ids or classes.
        BadDataError, CorruptError: see `members.write_member` and `members.read_predictions`.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_folder_name(name)
    folder = root / name
    with locked(root), swept(root):
        manifest = read_manifest(folder)
        check_origin(manifest, checkpoint_sha256, preprocessing)
        new = [view for view in _common_views(manifest, additions) if view not in manifest.views]
        changed = with_changes(
            manifest,
            views=(*manifest.views, *new),
            view_weights=(*manifest.view_weights, *(0.0 for _ in new)),
            view_ms=_extended_ms(manifest, new, view_ms or {}),
        )
        check_view_ms(changed.views, changed.view_ms)
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
    check_folder_name(name)
    with locked(root), swept(root):
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


def check_origin(manifest: Manifest, checkpoint_sha256: str | None, preprocessing: Mapping[str, Any] | None) -> None:
    """Raise where additions were made, or would be, otherwise than what is there.

    Args:
        checkpoint_sha256, preprocessing: None is not compared.

    Raises:
        MisalignedError: another checkpoint or preprocessing.
    """
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


def _extended_ms(manifest: Manifest, new: Sequence[str], view_ms: Mapping[str, float]) -> tuple[float, ...]:
    """Return the milliseconds of the old views and the new, or none where one is not known."""
    if len(manifest.view_ms) < len(manifest.views) or not set(new) <= set(view_ms):
        return ()
    return (*manifest.view_ms, *(float(view_ms[view]) for view in new))


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
    align([with_changes(one, logits=one.logits[:0], labels=None, groups=None) for one in (stored, named)])
    whole = with_changes(stored, views=(*stored.views, *new))
    views = [*(view.__getitem__ for view in np.asarray(stored.logits)), *_placed_views(addition, new, stored)]
    return write_views(folder, whole, views, stored.logits.dtype.name)


def _placed_views(addition: Predictions, new: Sequence[str], stored: Predictions) -> list[RowsOf]:
    """Return the new views in the row and class order of what is stored; `align` has checked that both are there."""
    rows, columns = order_of(stored.ids, addition.ids), order_of(stored.classes, addition.classes)
    logits = np.asarray(addition.logits)
    return [partial(_placed, logits[addition.views.index(view)], rows, columns) for view in new]


def _placed(
    scores: Scores, rows: Int[np.ndarray, " images"] | None, columns: Int[np.ndarray, " classes"] | None, wanted: slice
) -> Float[np.ndarray, "_ classes"]:
    """Return the wanted rows of one view, put in order."""
    chosen = scores[wanted] if rows is None else scores[rows[wanted]]
    return chosen if columns is None else chosen[:, columns]
