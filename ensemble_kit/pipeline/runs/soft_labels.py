"""Soft labels: what members that stand say of images that have no label, for another to learn from beside train.

Val is never learnt from, so nothing that val chose gets in: views and members count alike, logits have no temperature,
and members that val had a part in making, or may have been trained on, are refused. Reads members, never trains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Int

from ensemble_kit.ensembling.combining import softmax
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.splits import VAL
from ensemble_kit.storage import members as store
from ensemble_kit.types import IDENTITY, Pool, Predictions, align
from ensemble_kit.workspace import Workspace

UNLABELLED: Final = "test"
"""The split whose images may be learnt from without their labels."""


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Images without labels that are learnt from.

    teacher: the members whose soft labels they have, and the sha256 of each one's member.json.
    rows: which images of the split.
    soft_labels: their shares of the classes; each row sums to 1.
    """

    teacher: Mapping[str, str]
    rows: Int[np.ndarray, " unlabelled"]
    soft_labels: Float[np.ndarray, "unlabelled classes"]


def check_unlabelled(unlabelled: str | None) -> None:
    """Raise unless the images of that split may be learnt from without labels; None says of none, and is fine.

    Raises:
        InvalidOptionError: they may not.
    """
    if unlabelled not in (None, UNLABELLED):
        raise InvalidOptionError(f"--unlabelled is '{unlabelled}'; wanted {UNLABELLED}, or leave it out.")


def teacher_names(teacher: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the members that are named, by commas or one by one; sorted, so that their order decides no bit.

    Example:
        >>> teacher_names("vit,cnn"), teacher_names(["cnn"]), teacher_names(None)
        (('cnn', 'vit'), ('cnn',), ())
    """
    names = teacher.split(",") if isinstance(teacher, str) else teacher or ()
    return tuple(sorted(name.strip() for name in names if name.strip()))


def check_teacher(unlabelled: str | None, teacher: Sequence[str], folds: int) -> None:
    """Raise unless images without labels and those who teach them are both named, or neither.

    Raises:
        InvalidOptionError: one without the other, or folds of train beside them.
    """
    check_unlabelled(unlabelled)
    if unlabelled and not teacher:
        raise InvalidOptionError(
            f"--unlabelled {unlabelled} needs members that give its images soft labels: "
            "--teacher MEMBER[,MEMBER...]; ek members lists them."
        )
    if teacher and not unlabelled:
        raise InvalidOptionError(
            f"--teacher {','.join(teacher)} gives soft labels to images without labels: name these too, "
            f"--unlabelled {UNLABELLED}."
        )
    if unlabelled and folds:
        raise InvalidOptionError(
            f"--unlabelled {unlabelled} does not go with --folds: the members that teach may have learnt from the "
            "fold that is held out. Train on all of train, without --folds."
        )


def soft_labels_of(teacher: Sequence[str], decoded: DecodedImages, workspace: Workspace) -> Unlabelled:
    """Return the test images that may be learnt from, with the plain mean of the members' probabilities.

    A member's probabilities are the softmax of the plain mean of its logits over its views. Images that could not be
    read, here or by a member, are left out, and so are those that are in val too, pixel for pixel.

    Raises:
        InvalidOptionError: no such member, one without test, or one that val had a part in making; or no image is left.
        MisalignedError: there are no test images, or a member had other test or val images, or other classes.
        CorruptError: a damaged member.
    """
    if UNLABELLED not in decoded.images:
        raise MisalignedError("There are no test images to learn from. Give --test-dir DIR, or drop --unlabelled.")
    held = store.read_members(workspace.predictions, teacher, workspace.cache)
    for one in held:
        _check_blind_to_val(one, decoded)
    pool = _aligned(held, decoded, UNLABELLED)
    chances = [softmax(logits.astype(np.float64).mean(axis=0)) for logits in pool.logits]
    unread = {image_id for one in held for image_id in one.manifest.skipped.get(UNLABELLED, {})}
    left_out = {*decoded.blind_rows(UNLABELLED), *_also_in_val(decoded)}
    rows = [row for row, name in enumerate(pool.ids) if row not in left_out and name not in unread]
    if not rows:
        raise InvalidOptionError(
            "Every test image is unreadable or in val too, so there are none to learn from. Drop --unlabelled."
        )
    sha256s = {one.manifest.name: one.manifest_sha256 for one in held}
    places = np.array(rows, dtype=np.int64)
    return Unlabelled(sha256s, places, np.mean(chances, axis=0)[places].astype(np.float32))


def _check_blind_to_val(member: store.Member, decoded: DecodedImages) -> None:
    """Raise where val may have taught a member, whose soft labels would then hand it on.

    Raises:
        InvalidOptionError, MisalignedError: see `soft_labels_of`.
    """
    manifest = member.manifest
    if manifest.val_used_for:
        raise InvalidOptionError(
            f"--teacher: val had a part in making '{manifest.name}' ({', '.join(manifest.val_used_for)}), and would be "
            "learnt from by its soft labels. Name members trained with --keep last and without --patience."
        )
    if VAL not in member.splits:
        raise InvalidOptionError(
            f"--teacher: '{manifest.name}' has no val, so it may have learnt from the val images here. Name members "
            "that were trained with the same val."
        )
    _aligned([member], decoded, VAL)
    for split in (VAL, UNLABELLED):
        there, here = manifest.data_fingerprint.get(split), decoded.fingerprints[split]
        if there not in (None, here):
            raise MisalignedError(
                f"--teacher: the {split} images of '{manifest.name}' are not those here: wanted fingerprint "
                f"{here[:12]}, got {there[:12]}. Name members that were trained with the same data."
            )


def _aligned(members: Sequence[store.Member], decoded: DecodedImages, split: str) -> Pool:
    """Return the members' logits on a split in the order of the images and classes here.

    Raises:
        InvalidOptionError: a member has no such split.
        MisalignedError: other images or classes.
    """
    ids, classes = decoded.split(split).ids, decoded.data.classes
    nothing: Any = np.broadcast_to(np.float32(0), (1, len(ids), len(classes)))
    here = Predictions("the images here", split, (IDENTITY,), ids, classes, nothing, decoded.split(split).labels)
    pool = align([here, *(member.split(split) for member in members)])
    return Pool(pool.members[1:], pool.views[1:], pool.logits[1:], pool.ids, pool.classes)


def _also_in_val(decoded: DecodedImages) -> list[int]:
    """Return the rows of test images that are in val, pixel for pixel; few are read whole."""
    val, test = decoded.images[VAL], decoded.images[UNLABELLED]
    middle = val.shape[2] // 2
    lines = {image[:, middle].tobytes() for image in val}
    maybe = [row for row, image in enumerate(test) if image[:, middle].tobytes() in lines]
    whole = {image.tobytes() for image in val} if maybe else set()
    return [row for row in maybe if test[row].tobytes() in whole]
