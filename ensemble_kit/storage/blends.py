"""A saved blend: which members, in which state, counted how.

Every member is pinned by the sha256 of its member.json and of its checkpoint, so a
blend never quietly means other numbers than those it was made from. Knows no blending
maths. To add a field: a line in `Blend`.
"""

import dataclasses
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ensemble_kit.disk import listed, seal, unseal
from ensemble_kit.errors import CorruptError, InvalidOptionError
from ensemble_kit.splits import VAL
from ensemble_kit.storage.files import (
    UnknownFieldError,
    build,
    locked,
    number_from_json,
    number_to_json,
    remove_temporaries,
    replace_file,
    writing,
)
from ensemble_kit.storage.members import check_folder_name, check_name
from ensemble_kit.tables import meant
from ensemble_kit.types import Stack, Tuned
from ensemble_kit.versions import check_schema, made_elsewhere

BLEND_SCHEMA = 1


@dataclass(frozen=True)
class PinnedMember:
    """A member as the blend used it.

    checkpoint_sha256: None for an imported member, which can predict nothing new.
    view_weights: one number >= 0 a view, summing to 1.
    """

    name: str
    manifest_sha256: str
    checkpoint_sha256: str | None
    views: tuple[str, ...]
    view_weights: tuple[float, ...]
    temperature: float
    weight: float


@dataclass(frozen=True)
class Blend:
    """A blend as its file describes it.

    method: how members vote; the file, whose format is older than the word, calls it `ballot`.
    weights_method: how the weights were found: auto, equal, greedy, or as given: cnn=1,vit=2.
    settings: how the weights were searched for, where that was not the plain way.
    metric: what its figures are in, and what greedy went by.
    ridge: the ridge strength that was chosen, maybe infinite; None where none was.
    stack: what scores are made with instead of the weights; None, and absent from the file, where weights do.
    val_fingerprint: of the val set it was tuned or, tuned on oof, measured on.
    figures: accuracies (fractions), intervals and whatever else was measured.
    """

    name: str
    method: str
    members: tuple[PinnedMember, ...]
    weights_method: str
    classes: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    metric: str = "accuracy"
    blend_temperature: float = 1.0
    ridge: float | None = None
    stack: Stack | None = None
    val_fingerprint: str | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    schema: int = BLEND_SCHEMA

    @property
    def tuned_on(self) -> str:
        """What its numbers were found on: val, or oof, the folds of train that its members held out."""
        return str(self.settings.get("tune_on", VAL))

    @property
    def requested_weights(self) -> str | dict[str, float]:
        """What finds its weights anew: the name of the way, or, where numbers were given, these by member."""
        given = "=" in self.weights_method
        return {member.name: member.weight for member in self.members} if given else self.weights_method

    def tuned(self) -> Tuned:
        """Return the numbers that turn a pool of these members, in this order, into scores."""
        return Tuned(
            method=self.method,
            view_weights=tuple(np.array(member.view_weights) for member in self.members),
            temperatures=np.array([member.temperature for member in self.members]),
            weights=np.array([member.weight for member in self.members]),
            blend_temperature=self.blend_temperature,
            ridge=self.ridge,
            stack=self.stack,
        )


def write_blend(folder: Path, blend: Blend) -> Path:
    """Write `<folder>/<name>.json`, replacing a blend of that name, and return its path.

    Raises:
        InvalidOptionError: the name cannot be a file name.
        BadDataError: a figure is not finite.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    check_name(blend.name)
    path = folder / f"{blend.name}.json"
    data = _render(blend)
    parse_blend(data, path)
    with locked(folder):
        with writing(folder):
            remove_temporaries(folder)
        replace_file(path, data)
    return path


def read_blend(path: Path) -> Blend:
    """Return the blend in the file.

    Raises:
        InvalidOptionError: there is no such file.
        CorruptError, BadDataError: see `parse_blend`.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        there = list_blends(path.parent)
        raise InvalidOptionError(
            f"There is no blend {path}{meant(path.stem, there)} Blends there: {', '.join(there) or 'none'}."
        ) from None
    return parse_blend(data, path)


def parse_blend(data: bytes, path: Path) -> Blend:
    """Return the blend that the text of its file holds.

    Raises:
        CorruptError: damaged, of a schema that never was, or with fields that cannot be.
        BadDataError: of a later schema, or with fields that this version does not know.
    """
    content = unseal(data, path)
    check_schema(content, BLEND_SCHEMA, path, "Run `ek blend` again, with --replace.")
    try:
        content["ridge"] = number_from_json(content.get("ridge"))
        content["method"] = content.pop("ballot")
        content["members"] = [build(PinnedMember, pin) for pin in content["members"]]
        for name in (content["name"], *(pin.name for pin in content["members"])):
            check_folder_name(name)  # so that none leads out of the folders of blends and members
        if "stack" in content:
            content["stack"] = _stack_from_json(content["stack"], len(content["members"]), len(content["classes"]))
        return build(Blend, content)
    except UnknownFieldError as error:
        raise made_elsewhere(path, str(error), content.get("versions")) from error
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOptionError) as error:
        raise CorruptError(f"{path} is no blend: {error} Run `ek blend` again, with --replace.") from error


def blend_sha256(blend: Blend) -> str:
    """Return the sha256 of the file that holds the blend."""
    return hashlib.sha256(_render(blend)).hexdigest()


def _render(blend: Blend) -> bytes:
    """Return the text of the blend's file."""
    content = {"ballot" if name == "method" else name: said for name, said in dataclasses.asdict(blend).items()}
    content["ridge"] = number_to_json(blend.ridge)
    for name in ("stack", "settings"):  # absent where they say nothing, as in files from before there were any
        if not content[name]:
            del content[name]
    if blend.stack is not None:
        content["stack"] = {name: numbers.tolist() for name, numbers in vars(blend.stack).items()}
    return seal(content)


def _stack_from_json(content: dict[str, Any], members: int, classes: int) -> Stack:
    """Return the stack, lists turned to arrays.

    Raises:
        TypeError, ValueError: numbers are missing, or not as many as members and classes ask for.
    """
    shapes = {"coefficients": (members, classes, classes), "intercepts": (classes,)}
    if set(content) != set(shapes):
        raise ValueError(f"its stack holds {', '.join(content) or 'nothing'}, wanted {' and '.join(shapes)}.")
    arrays = {name: np.array(content[name]) for name in shapes}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype != np.float64:
            raise ValueError(
                f"the {name} of its stack are {arrays[name].dtype} of shape {arrays[name].shape}, "
                f"wanted float64 of shape {shape} for {members} members and {classes} classes."
            )
    return Stack(**arrays)


def list_blends(folder: Path) -> list[str]:
    """Return the names of the blends in the folder, sorted."""
    return [path.stem for path in listed(folder) if path.suffix == ".json" and not path.name.startswith(".")]
