"""What a person must know to read the figures of a blend rightly. Never changes a figure."""

from collections.abc import Iterator, Sequence

import numpy as np

from ensemble_kit.ensembling.evaluation import Split, repeats_of, splits
from ensemble_kit.ensembling.statistics import FEW_GROUPS, FEWEST_GROUPS, FEWEST_IMAGES, why_not_fitted
from ensemble_kit.ensembling.tuning import prepare
from ensemble_kit.ensembling.weights import at_bound
from ensemble_kit.pipeline.blends.settings import BlendSettings
from ensemble_kit.pipeline.blends.tuning_set import BlendSets
from ensemble_kit.pipeline.members import MERGED
from ensemble_kit.reporting.terminal import note
from ensemble_kit.results import DiversityReport
from ensemble_kit.splits import VAL
from ensemble_kit.storage.members import Manifest
from ensemble_kit.types import Pool


def notes_of(val: Pool, sets: BlendSets, settings: BlendSettings, diversity: DiversityReport) -> list[str]:
    """Return the notes, a sentence each.

    Args:
        val: the evaluation set with all its classes, however large it is.
    """
    return [
        *_about_images(val, sets),
        *_about_temperatures(sets, settings),
        *_about_members(diversity),
        *_about_what_val_decided(sets),
        *_about_test(sets.manifests, sets.evaluation.split),
    ]


def unfitted(reason: str, images: int) -> str:
    """Return the note on weights that could not be fitted, see `why_not_fitted`."""
    if reason == "one-class":
        return note("one-class-for-weights")
    return note("too-few-for-weights", images=images, fewest=FEWEST_IMAGES)


def _about_images(val: Pool, sets: BlendSets) -> Iterator[str]:
    bare = [manifest.name for manifest in sets.manifests if VAL not in manifest.files]
    if sets.evaluation.split != VAL:
        all_bare = len(bare) == len(sets.manifests)
        yield note("none-has-val") if all_bare else note("some-have-no-val", members=bare)
    assert val.labels is not None
    assert sets.pool.labels is not None
    if reason := why_not_fitted(sets.pool.labels):
        images = len(sets.pool.ids)
        yield note("too-few-held-out", images=images) if sets.families else unfitted(reason, images)
    there = set(val.labels.tolist())
    absent = [name for place, name in enumerate(val.classes) if place not in there]
    if absent:
        yield note("absent-classes", split=sets.evaluation.split, classes=absent)
    yield from about_groups(val)


def about_groups(pool: Pool) -> Iterator[str]:
    """Yield what few groups mean for intervals and folds."""
    groups = None if pool.groups is None else len(set(pool.groups))
    if groups == 1:
        yield note("one-group")
    elif groups is not None and groups < FEWEST_GROUPS:
        yield note("hardly-any-groups", groups=groups, fewest=FEWEST_GROUPS)
    elif groups is not None and groups < FEW_GROUPS:
        yield note("few-groups", groups=groups)
    if pool.labels is not None and why_not_fitted(pool.labels) is None:
        folds = [len(np.unique(pool.labels[split.seen])) for split in _doubtful_folds(pool)]
        if 1 in folds:
            yield note("one-class-in-folds", folds=folds.count(1), all=len(folds))


def _doubtful_folds(pool: Pool) -> Iterator[Split]:
    """Yield all folds where those that are not of the most frequent class could be held out together; else none."""
    assert pool.labels is not None
    others = np.flatnonzero(pool.labels != np.bincount(pool.labels).argmax())
    names = pool.ids if pool.groups is None else pool.groups
    if len({names[row] for row in others}) < FEWEST_GROUPS:
        yield from splits(pool.ids, pool.labels, pool.groups, repeats=repeats_of(len(pool.ids)))


def _about_temperatures(sets: BlendSets, settings: BlendSettings) -> Iterator[str]:
    assert sets.pool.labels is not None
    if settings.temperatures == "auto" and why_not_fitted(sets.pool.labels) is None:
        ended = at_bound(prepare(sets.pool, sets.chosen).logits)
        if names := [name for name, at in zip(sets.pool.members, ended, strict=True) if at]:
            yield note("temperature-at-bound", members=names)


def _about_members(diversity: DiversityReport) -> Iterator[str]:
    for pair in diversity.near_duplicates:
        yield note("near-duplicates", first=pair[0], second=pair[1])


def _about_what_val_decided(sets: BlendSets) -> Iterator[str]:
    chosen = [manifest.name for manifest in sets.manifests if manifest.val_used_for]
    if chosen:
        yield note("chosen-on-val" if sets.evaluation.split == VAL else "chosen-on-oof", members=chosen)
    viewed = [manifest.name for manifest in sets.manifests if chosen_on_val(manifest)]
    if sets.evaluation.families:
        viewed = [name for name in viewed if name in _merged(sets)]
    if viewed and (sets.fresh or sets.evaluation.families):
        code = "views-chosen-apart" if sets.evaluation.families else "views-chosen"
        yield note(code, split=sets.evaluation.split, members=viewed)


def _merged(sets: BlendSets) -> set[str]:
    """Return the members whose views stay as they are: those of families whose views were chosen unlike."""
    own = zip(sets.families, sets.evaluated.views, strict=True)
    return {sets.manifests[place].name for family, views in own if views == MERGED for place in family.places}


def _about_test(manifests: Sequence[Manifest], split: str) -> Iterator[str]:
    if taught := [manifest.name for manifest in manifests if manifest.training.get("teacher")]:
        yield note("taught", members=taught, split=split)
    blind = sorted({image_id for manifest in manifests for image_id in manifest.skipped.get("test", {})})
    if blind:
        yield note("unread-test", images=len(blind), first=blind[0])


def chosen_on_val(manifest: Manifest) -> bool:
    """Say whether the images that a member is evaluated on had a part in how its views are weighed."""
    return len(manifest.views) > 1 and manifest.view_choice not in ("none", "equal")
