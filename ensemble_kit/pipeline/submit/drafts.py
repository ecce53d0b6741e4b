"""What is to be handed in: the predictions of a saved blend, or a CSV made elsewhere. Never writes."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from ensemble_kit.ensembling.combining import predict
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.pipeline.blends import find_target, read_noted, sample_of, without_test
from ensemble_kit.pipeline.members import evaluation_of, member_on
from ensemble_kit.pipeline.models import open_blend
from ensemble_kit.reporting.terminal import note
from ensemble_kit.splits import VAL
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage import members as store
from ensemble_kit.storage.members import check_name
from ensemble_kit.storage.submissions import HandedIn, Sheet, Wanted, id_form, read_checked
from ensemble_kit.types import Pool, Predictions
from ensemble_kit.workspace import Workspace


class Draft(NamedTuple):
    """What is to be handed in.

    val: how many images each class has on the split `judged_on`; None where nobody knows.
    """

    entry: HandedIn
    sheet: Sheet
    val: dict[str, int] | None
    notes: tuple[str, ...]
    judged_on: str = VAL


def from_blend(
    blend: str | None, sample: str | Path | None, id: str, encoding: str | None, workspace: Workspace, verify: bool
) -> Draft:
    """Return what a saved blend says of test, in the form of a sample: by default of the one that it was blended with.

    Args:
        encoding: of a sample that is not UTF-8.

    Raises: as `submit`.
    """
    opened = open_blend(blend, workspace, verify)
    saved = opened.saved
    sample = sample_of(saved, workspace.submissions) if sample is None else sample
    target = find_target(opened.members, Path(f"{saved.name}.csv"), sample, id, encoding)
    if target is None:
        raise MisalignedError(f"Blend '{saved.name}' cannot be submitted: {without_test(opened.members)}")
    places = predict(target.test, saved.tuned())[list(target.rows)]
    val = evaluation_of(opened.members)
    low, high = saved.figures["honest_interval"]
    entry = HandedIn(
        time="",
        name=saved.name,
        images=len(target.ids),
        blend=saved.name,
        blend_sha256=blend_store.blend_sha256(saved),
        honest_accuracy=saved.figures["honest_accuracy"],
        honest_interval=(low, high),
        val_images=len(val.pool.ids),
    )
    sheet = Sheet(target.header, tuple(target.ids), tuple(saved.classes[place] for place in places))
    notes = [*target.notes] if sample else [note("no-sample")]
    if flattered := [member.manifest.name for member in opened.members if member.manifest.val_used_for]:
        notes.append(note("judge-flattered", split=val.split, members=flattered))
    return Draft(entry, sheet, _counts(val.pool), tuple(notes), val.split)


def from_csv(path: Path, sample: str | Path | None, id: str, encoding: str | None, predictions: Path) -> Draft:
    """Return what a CSV says, checked against the sample, and the members where there are any.

    Args:
        encoding: of a CSV or sample that is not UTF-8.

    Raises: as `submit`.
    """
    check_name(path.stem)
    names = store.list_members(predictions)
    member = store.read_member(predictions / names[0]) if names else None
    notes: list[str] = []
    if sample is not None:
        asked, notes = read_noted(sample, encoding, () if member is None else member.manifest.classes)
        wanted = Wanted(asked.ids, header=(asked.id_column, asked.label_column))
    elif member is not None and "test" in member.splits:
        wanted = Wanted(id_form(member.split("test").ids, id))
        notes.append(note("no-sample"))
    else:
        raise InvalidOptionError(f"There is no member in '{predictions}' that knows the test images; give --sample.")
    val, judged_on = None, VAL
    if member is None:
        notes.append(note("classes-unchecked", folder=predictions))
    else:
        wanted = wanted._replace(classes=member.manifest.classes)
        said = member_on(member)
        val, judged_on = _counts(said), said.split
    checked = read_checked(path, wanted, encoding)
    notes.extend(note("fixed", what=one.sentence()) for one in checked.notes)
    sheet = Sheet((checked.header[0], checked.header[1]), wanted.ids, checked.labels)
    return Draft(HandedIn(time="", name=path.stem, images=len(wanted.ids)), sheet, val, tuple(notes), judged_on)


def _counts(val: Predictions | Pool) -> dict[str, int]:
    """Return how many images each class has, those without any too."""
    assert val.labels is not None
    counted = Counter(val.classes[label] for label in val.labels)
    return {name: counted[name] for name in val.classes}
