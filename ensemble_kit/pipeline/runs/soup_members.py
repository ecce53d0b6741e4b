"""The members that go into a soup: what their checkpoints know, whether they fit, what they have in common."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble_kit.ensembling.combining import softmax
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError
from ensemble_kit.metrics import measure
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.models import read_checkpoint_here
from ensemble_kit.pipeline.runs.soft_labels import UNLABELLED
from ensemble_kit.splits import evaluation_split
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.types import Predictions
from ensemble_kit.workspace import Workspace

NORMALISATION = ("mean", "std")  # buffers of every network of the zoo: no weights
LONGEST_SHOWN = 100  # characters of what differs


@dataclass(frozen=True, eq=False)
class Ingredient:
    """A member that may go into the soup: its checkpoint, what that says of itself, its evaluation logits."""

    manifest: store.Manifest
    checkpoint: Path
    facts: Mapping[str, Any]
    normalisation: list[Any]
    val: Predictions

    @property
    def name(self) -> str:
        """The member's name."""
        return self.manifest.name

    @property
    def plan(self) -> Mapping[str, Any]:
        """What the member was trained by."""
        plan: Mapping[str, Any] = self.facts["plan"]
        return plan


def read_ingredient(name: str, workspace: Workspace) -> Ingredient:
    """Return a member with what its checkpoint knows.

    Raises:
        InvalidOptionError: no such member, or none with a checkpoint of ours in `runs`.
        CorruptError: it is damaged.
        BadDataError: its checkpoint was made elsewhere, and this version or this torch cannot read it.
    """
    member = store.read_member(workspace.predictions / name, workspace.cache)
    manifest = member.manifest
    if manifest.source != "trained" or manifest.checkpoint_sha256 is None:
        raise InvalidOptionError(
            f"Member '{name}' is {manifest.source}: there is no checkpoint of ours whose weights could be averaged. "
            "Leave it out; `ek blend` takes any member."
        )
    path = workspace.runs / Path(manifest.run or name).name / run_store.checkpoint_name(manifest.checkpoint_sha256)
    if not path.is_file():
        raise InvalidOptionError(
            f"The weights of member '{name}' are not there: wanted {path}. Name the folder of its run by --runs, "
            "restore it from a copy, or train the member again."
        )
    state, facts = read_checkpoint_here(path, manifest.checkpoint_sha256)
    normalisation = [state[buffer].flatten().tolist() for buffer in NORMALISATION if buffer in state]
    return Ingredient(manifest, path, facts, normalisation, member.split(evaluation_split(member.splits)))


def check_alike(first: Ingredient, other: Ingredient) -> None:
    """Raise unless two members are one network with other weights, learnt from the same images.

    Raises:
        MisalignedError: says in what they differ.
    """
    for word, key in (
        ("architecture", "arch"),
        ("options of the architecture", "arch_option"),
        ("size in pixels", "size"),
        ("classes", "classes"),
    ):
        _check_equal(first, other, word, first.plan[key], other.plan[key])
    ours, theirs = first.facts["fingerprints"], other.facts["fingerprints"]
    for split in dict.fromkeys(("train", *ours, *theirs)):
        if ours.get(split) != theirs.get(split):
            raise MisalignedError(
                f"Members '{first.name}' and '{other.name}' have other {split} images: what one was measured on the "
                "other may have learnt, so no figure of their soup would be honest. Average members of the same "
                "images; folds are blended: ek blend."
            )
    _check_equal(first, other, "normalisation of pixels", first.normalisation, other.normalisation)


def _check_equal(first: Ingredient, other: Ingredient, word: str, ours: Any, theirs: Any) -> None:
    """Raise unless two members have the same of something."""
    if ours != theirs:
        short = len(f"{ours}{theirs}") <= LONGEST_SHOWN
        raise MisalignedError(
            f"Members '{first.name}' and '{other.name}' differ in their {word}"
            f"{f' ({ours} and {theirs})' if short else ''}, so their weights cannot be averaged. "
            "Leave one out, or blend them: ek blend."
        )


def check_images(first: Ingredient, decoded: DecodedImages) -> None:
    """Raise unless these are the images that the ingredients were trained and measured on."""
    for split, wanted in first.facts["fingerprints"].items():
        got = decoded.fingerprints.get(split, "none")
        if got != wanted:
            raise MisalignedError(
                f"The {split} images are not those that '{first.name}' and its like were trained with: wanted "
                f"fingerprint {wanted[:12]}, got {got[:12]}. Name the right ones, as by --data."
            )


def states_of(ingredients: Sequence[Ingredient]) -> Iterator[Mapping[str, Any]]:
    """Yield the weights of each, read when they are asked for."""
    for one in ingredients:
        yield run_store.read_checkpoint(one.checkpoint, one.manifest.checkpoint_sha256)[0]


def common_plan(name: str, kept: Sequence[Ingredient], source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the plans of those in the soup have in common, None where they differ.

    What val decided for one of them it decided for the soup, so `keep` and `patience` are the
    largest. What an older plan does not say is taken to be as in the first. Dropout is the first
    one's: it has to be some number, and plays no part any more.
    """
    plans = [dict(one.plan) for one in kept]
    whole = {key: common([plan.get(key, value) for plan in plans]) for key, value in plans[0].items()}
    learning = [plan["hyperparameters"] for plan in plans]
    shared = {key: common([one.get(key, value) for one in learning]) for key, value in learning[0].items()}
    teacher = {name: sha256 for plan in plans for name, sha256 in (plan.get("teacher") or {}).items()}
    images = max(plan.get("unlabelled_images") or 0 for plan in plans)
    taught = {"unlabelled": UNLABELLED, "unlabelled_images": images, "teacher": teacher} if teacher else {}
    return (
        whole
        | taught
        | {
            "name": name,
            "source": dict(source),
            "hyperparameters": shared | {"dropout": learning[0]["dropout"]},
            "keep": "best" if any(plan["keep"] == "best" for plan in plans) else "last",
            "patience": max(plan.get("patience", 0) for plan in plans),
            "skip_bad": any(plan["skip_bad"] for plan in plans),
        }
    )


def common(values: Sequence[Any]) -> Any:
    """Return what all of them are, None where they differ."""
    return values[0] if all(value == values[0] for value in values) else None


def score_of(val: Predictions, metric: str) -> float:
    """Return how good a member is at identity, uncalibrated.

    Raises:
        BadDataError: it has no val labels.
    """
    if val.labels is None:
        raise BadDataError(f"Member '{val.member}' has no val labels, so nothing can be measured. Train it again.")
    return measure(metric, softmax(val.logits[0]), val.labels)
