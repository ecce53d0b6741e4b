"""What a person must know to read the figures of a blend rightly. Never changes a figure."""

from collections.abc import Iterator, Sequence

from ensemble_kit.ensembling.statistics import why_not_fitted
from ensemble_kit.pipeline.blends.tuning_set import BlendSets
from ensemble_kit.pipeline.members import MERGED
from ensemble_kit.results import DiversityReport
from ensemble_kit.splits import VAL
from ensemble_kit.storage.members import Manifest
from ensemble_kit.types import Pool


def notes_of(val: Pool, sets: BlendSets, diversity: DiversityReport) -> list[str]:
    """Return the notes, a sentence each.

    Args:
        val: the evaluation set with all its classes, however large it is.
    """
    return [
        *_about_pictures(val, sets),
        *_about_members(diversity),
        *_about_what_val_decided(sets),
        *_about_test(sets.manifests),
    ]


def _about_pictures(val: Pool, sets: BlendSets) -> Iterator[str]:
    bare = [manifest.name for manifest in sets.manifests if VAL not in manifest.files]
    if sets.evaluation.split != VAL:
        who = "These members have" if len(bare) == len(sets.manifests) else f"{', '.join(bare)}: they have"
        yield f"{who} no val, so the training pictures that were held out decide and judge."
    assert val.labels is not None
    assert sets.pool.labels is not None
    if reason := why_not_fitted(sets.pool.labels):
        few = f"{len(sets.pool.ids)} pictures of train were held out, too few or of one class"
        yield f"{few}, so weights are equal and every temperature is 1." if sets.families else reason
    absent = [name for place, name in enumerate(val.classes) if place not in set(val.labels.tolist())]
    if absent:
        yield f"{sets.evaluation.split} holds no picture of {', '.join(absent)}, so nothing is known about them."


def _about_members(diversity: DiversityReport) -> Iterator[str]:
    for pair in diversity.near_duplicates:
        yield f"'{pair[0]}' and '{pair[1]}' are nearly the same network: one opinion that counts twice."


def _about_what_val_decided(sets: BlendSets) -> Iterator[str]:
    chosen = [manifest.name for manifest in sets.manifests if manifest.val_used_for]
    if chosen:
        yield (
            f"honest for the blending; members were chosen on {_called(sets.evaluation.split)}: {', '.join(chosen)}."
        )
    viewed = [manifest.name for manifest in sets.manifests if chosen_on_val(manifest)]
    if sets.evaluation.families:
        viewed = [name for name in viewed if name in _merged(sets)]
    if viewed and (sets.fresh or sets.evaluation.families):
        yield (
            f"honest for weights and temperatures; {sets.evaluation.split} chose the view weights of "
            f"{', '.join(viewed)}, so its figures flatter a little. {_remedy(sets)}"
        )


def _called(split: str) -> str:
    return "this val" if split == VAL else "the pictures that they held out"


def _merged(sets: BlendSets) -> set[str]:
    """Return the members whose views stay as they are: those of families whose views were chosen unlike."""
    own = zip(sets.families, sets.evaluated.views, strict=True)
    return {sets.manifests[place].name for family, views in own if views == MERGED for place in family.places}


def _remedy(sets: BlendSets) -> str:
    """Return how view weights come to flatter no more."""
    if sets.evaluation.families:
        return "Look with all folds of a family alike: ek tta with the same --views and --choose."
    return "`ek tta --choose equal` or `none` asks no val."


def _about_test(manifests: Sequence[Manifest]) -> Iterator[str]:
    blind = sorted({image_id for manifest in manifests for image_id in manifest.skipped.get("test", {})})
    if blind:
        yield (
            f"{len(blind)} of the test pictures could not be read, first {blind[0]!r}; for them members predict the "
            "most frequent class of train."
        )


def chosen_on_val(manifest: Manifest) -> bool:
    """Say whether the pictures that judge a member had a part in how its views are weighed."""
    return len(manifest.views) > 1 and manifest.view_choice not in ("none", "equal")
