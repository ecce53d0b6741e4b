"""The images that a report shows: found where the members found them, as small as a page needs."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from ensemble_kit.errors import BadDataError, EnsembleKitError
from ensemble_kit.images import DataSet, Split
from ensemble_kit.pipeline.members import member_on
from ensemble_kit.pipeline.models import source_of
from ensemble_kit.splits import VAL
from ensemble_kit.storage.members import EXTERNAL, Manifest, Member

SIDE_PX: Final = 160
SMALL_PX: Final = 64  # up to this side images stay as they are, to the bit


class Found(NamedTuple):
    """Where images lie, and why there are none; changed: whether they are not those that a member saw."""

    places: Mapping[str, Path]
    note: str | None
    changed: bool = False


def find_images(members: Sequence[Member], predictions: Path, runs: Path, wanted: Iterable[str]) -> Found:
    """Return where the wanted images lie, and why there are none where there are none.

    The first member whose images are there tells.
    """
    ids, reason = (
        set(wanted),
        "no member records where its images are (all imported, or made by an early version)",
    )
    for member in members:
        manifest = member.manifest
        for stored, folder in _known_places(manifest, predictions, runs):
            try:
                data = _data(stored, folder)
            except (EnsembleKitError, OSError, TypeError, ValueError) as error:
                reason = f"where '{manifest.name}' was trained they are not found: {str(error).rstrip('.')}"
                continue
            val = _evaluation_images(data)
            there = {image_id: path for image_id, path in zip(val.ids, val.paths, strict=True) if image_id in ids}
            if there or not ids:
                return Found(there, None, _is_changed(data, member))
            reason = (
                f"where '{manifest.name}' was trained {VAL if VAL in data.splits else 'train'} holds other images now"
            )
    return Found({}, reason)


def _known_places(manifest: Manifest, predictions: Path, runs: Path) -> list[tuple[Mapping[str, Any], Path]]:
    """Return what a member knows of its images, and the folders that this may start from."""
    stored = manifest.training.get("source")
    if not isinstance(stored, dict):
        return []
    if manifest.source == EXTERNAL:
        return [(stored, predictions / manifest.name)]
    folders = [runs / manifest.name, *([Path(manifest.run)] if manifest.run else [])]
    return [(stored, folder) for folder in dict.fromkeys(folders)]


def _data(stored: Mapping[str, Any], folder: Path) -> DataSet:
    from ensemble_kit.images import read_source

    return read_source(source_of(stored, folder, {}), val_needed=False)


def _evaluation_images(data: DataSet) -> Split:
    """Return the images that members are evaluated on: val, or train where there is none."""
    return data.splits.get(VAL, data.splits["train"])


def _is_changed(data: DataSet, member: Member) -> bool:
    """Say whether the images that the member is evaluated on, or their labels, are others now."""
    from ensemble_kit.images import digest_files, fingerprint

    said, val = member_on(member), _evaluation_images(data)
    before, spoken_of = member.manifest.data_fingerprint.get(said.split), set(said.ids)
    val = val.rows(np.flatnonzero([image_id in spoken_of for image_id in val.ids]))
    return before is not None and fingerprint(val, digest_files(val.paths)[0], data.classes) != before


def thumbnail(path: Path) -> str | None:
    """Return an image as a data: URI, at most 160 pixels wide and high; None where it cannot be read.

    What is at most 64 pixels is kept to the bit, as a PNG; the rest becomes a JPEG.
    """
    from PIL import Image

    from ensemble_kit.images import decode, read_file

    try:
        image = Image.fromarray(decode(read_file(path), path))
    except (BadDataError, OSError):
        return None
    kind = "PNG" if max(image.size) <= SMALL_PX else "JPEG"
    image.thumbnail((SIDE_PX, SIDE_PX))
    page = io.BytesIO()
    image.save(page, kind, **({"quality": 85} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(page.getvalue()).decode()}"
