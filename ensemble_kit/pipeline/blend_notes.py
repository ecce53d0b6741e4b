"""What a person must know to read the figures of a blend rightly. Never changes a figure."""

from collections.abc import Iterator, Sequence

from ensemble_kit.ensembling.tuning import why_not_fitted
from ensemble_kit.pipeline.grounds import Ground
from ensemble_kit.pipeline.judgement import Judgement
from ensemble_kit.storage.manifest import Manifest
from ensemble_kit.types import Pool


def notes_of(val: Pool, ground: Ground, judged: Judgement) -> list[str]:
    """Return the notes, a sentence each.

    Args:
        val: with all its classes, however large it is.
    """
    return [
        *_about_val(val, ground),
        *_about_members(judged),
        *_about_what_val_decided(ground),
        *_about_test(ground.manifests),
    ]


def _about_val(val: Pool, ground: Ground) -> Iterator[str]:
    assert val.labels is not None
    assert ground.pool.labels is not None
    if reason := why_not_fitted(ground.pool.labels):
        few = f"{len(ground.pool.ids)} pictures of train were held out, too few or of one class"
        yield f"{few}, so weights are equal and every temperature is 1." if ground.fresh else reason
    absent = [name for place, name in enumerate(val.classes) if place not in set(val.labels.tolist())]
    if absent:
        yield f"val holds no picture of {', '.join(absent)}, so nothing is known about them."


def _about_members(judged: Judgement) -> Iterator[str]:
    for pair in judged.diversity.near_duplicates:
        yield f"'{pair[0]}' and '{pair[1]}' are nearly the same network: one opinion that counts twice."


def _about_what_val_decided(ground: Ground) -> Iterator[str]:
    chosen = [manifest.name for manifest in ground.manifests if manifest.val_used_for]
    if chosen:
        yield f"honest for the blending; members were chosen on this val: {', '.join(chosen)}."
    viewed = [manifest.name for manifest in ground.manifests if chosen_on_val(manifest)]
    if viewed and ground.fresh:
        yield (
            f"honest for weights and temperatures; val chose the view weights of {', '.join(viewed)}, so its figures "
            "flatter a little. `ek tta --choose equal` or `none` asks no val."
        )


def _about_test(manifests: Sequence[Manifest]) -> Iterator[str]:
    blind = sorted({image_id for manifest in manifests for image_id in manifest.skipped.get("test", {})})
    if blind:
        yield (
            f"{len(blind)} of the test pictures could not be read, first {blind[0]!r}; for them members predict the "
            "most frequent class of train."
        )


def chosen_on_val(manifest: Manifest) -> bool:
    """Say whether val had a part in how the member's views are weighed."""
    return len(manifest.views) > 1 and manifest.view_choice not in ("none", "equal")
