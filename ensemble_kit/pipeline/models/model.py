"""A model that computes logits, and what is known of it; what a caller states of one that others trained.

a run or checkpoint of ours   knows its images, classes and preprocessing (`find`)
timm:NAME and --weights FILE  a network of timm that others trained (`external`)
FILE.onnx                     a graph: float images (images, 3, side, side) -> (images, classes)
a Python callable             float pixels in [0, 1] (images, 3, side, side) -> logits; from Python alone
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from ensemble_kit.errors import MisalignedError
from ensemble_kit.images import Source
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.storage import members as store
from ensemble_kit.storage.members import Manifest

Channels = tuple[float, float, float]


@dataclass(frozen=True)
class Stated:
    """What a caller says of a model that is not ours.

    weights: file of a timm network's weights.
    name: of the member; None: from the network or the file.
    classes: in the order of the outputs: names, or a file of names; None: the data's.
    size: side in pixels; None: the network's own.
    mean, std: that pixels in [0, 1] are normalised by, channel by channel; None: as timm says,
        else 0 and 1.
    """

    weights: str | Path | None = None
    name: str | None = None
    classes: str | Path | Sequence[str] | None = None
    size: int | None = None
    mean: Channels | None = None
    std: Channels | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """Something that turns images into logits.

    name: of its member.
    sha256: of the file that its weights lie in; None for a callable.
    fingerprints: of the splits that it was trained with; empty where nobody knows.
    folds, fold: which fold of train was held out while it learnt, see `held_out_fold.folded`; 0: none.
    load: from the classes in order to a callable, pixels in [0, 1] -> logits in that order.
    describe: the manifest of its member, before a cost is known.
    """

    name: str
    sha256: str | None
    size_px: int
    source: Source
    classes: tuple[str, ...] | None
    load: Callable[[tuple[str, ...]], Any]
    describe: Callable[[DecodedImages], Manifest]
    skip_bad: bool = False
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    folds: int = 0
    fold: int = 0


def in_precision(model: Model, precision: str) -> Model:
    """Return the model as its member records it where it computes in another precision than float32."""
    if precision == "float32":
        return model

    def describe(decoded: DecodedImages) -> Manifest:
        plain = model.describe(decoded)
        return with_changes(plain, preprocessing={**plain.preprocessing, "precision": precision})

    return with_changes(model, describe=describe)


def member_of(predictions: Path, name: str, sha256: str, replace: bool, wanted: str | None = None) -> str:
    """Return the name of a model's member: as it is wanted, else the one it made, else the name it is to have.

    Raises:
        InvalidOptionError: no member can have that name.
        MisalignedError: a member of that name came from another checkpoint.
    """
    if wanted is not None:
        store.check_name(wanted)
    made_by = {
        member: store.read_manifest(predictions / member).checkpoint_sha256
        for member in store.list_members(predictions)
    }
    for member, its_sha256 in made_by.items():
        if its_sha256 == sha256 and wanted in (None, member):
            return member
    name = wanted or name
    if name in made_by and not replace:
        raise MisalignedError(
            f"Member '{name}' in {predictions} came from another checkpoint. "
            "Give --replace to make it again from this one."
        )
    return name
