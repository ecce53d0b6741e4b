"""What `ek auto` finds out before it plans: flips, and what candidates cost here; and what they took, afterwards."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import UInt8

from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.pipeline.auto.budget import Budget
from ensemble_kit.pipeline.auto.flip_test import FlipTrial, try_flips
from ensemble_kit.pipeline.auto.portfolio import WANTED, Candidate, Cost, as_near, candidates
from ensemble_kit.pipeline.auto.weights import fetch_suited, suited_at_hand
from ensemble_kit.pipeline.inputs import DecodedImages, open_images
from ensemble_kit.pipeline.models import arch_options, build_network
from ensemble_kit.pipeline.runs import Subject, computing_of
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import FlipReport
from ensemble_kit.storage.members import read_manifest
from ensemble_kit.storage.runs import metrics_column
from ensemble_kit.types import IDENTITY
from ensemble_kit.workspace import Workspace

TRIAL_PX: Final = 32  # side of the images of the flip trial
TRIAL_SHARE: Final = 0.04  # of the budget, what the flip trial may take
MEASURING_SHARE: Final = 0.04  # and measuring candidates; of kinds not come to, none is planned
KINDS: Final = 3  # that are measured however long it takes, so that there is a choice, the quick one in it
ONCE_S: Final = 4.0  # of a member, until one is done: building, writing, weighing its views
SAMPLE: Final = 64  # images that a forward pass is timed on
VIEWS: Final = "hflip,scale@1.1,scale@1.1*hflip,ten-crop,scales"
UNMIRRORED: Final = "scale@1.1,five-crop,scales"


class Work(NamedTuple):
    """What was asked for."""

    name: str
    source: Source
    seed: int
    flip: bool | None
    pretrained: bool
    workspace: Workspace
    context: RunContext
    skip_bad: bool
    fetch: bool = False
    unlabelled: str | None = None


class Taken(NamedTuple):
    """Seconds that a member took: all its steps, an epoch of them, and one view of val and test."""

    steps_s: float
    epoch_s: float
    view_s: float


def find_out(work: Work, decoded: DecodedImages, budget: Budget) -> FlipReport:
    """Find out whether to mirror images, and what candidates cost here; once, then it is remembered."""
    found = budget.spent.found
    if "at_hand" not in found:
        _find_weights(work, budget)
    elif work.fetch and "fetched" not in found:
        say(
            f"Nothing is fetched: what '{work.name}' starts from was settled when it was begun. Anew: --replace",
            work.context.quiet,
        )
    if "flips" not in found:
        found["flips"] = asdict(_flips(work, decoded, budget))
        budget.save()
    if any("view_s" not in cost for cost in found.get("costs", {}).values()):
        del found["costs"]  # an earlier version's, measured otherwise
    if "costs" not in found:
        found["costs"], until_s = {}, budget.left_s - MEASURING_SHARE * budget.seconds
        for one in wanted_here(decoded, budget):
            if kind_of(one) not in found["costs"] and (budget.left_s > until_s or len(found["costs"]) < KINDS):
                found["costs"][kind_of(one)] = asdict(_cost(one, work, decoded, found["flips"]["flip"], budget))
        budget.save()
    return _flips_found(found["flips"])


def costs_of(budget: Budget) -> Mapping[str, Cost]:
    """Return what each kind of candidate costs here, as far as that is known by now."""
    return {kind: Cost(**cost) for kind, cost in budget.spent.found["costs"].items()}


def learn(budget: Budget, kind: str, took: Cost) -> None:
    """Take what a member took for what its kind costs; other kinds are as much dearer than was measured as it was."""
    costs = costs_of(budget)
    was = costs[kind]
    budget.spent.found["costs"] = {
        other: asdict(
            took
            if other == kind
            else Cost(cost.epoch_s * took.epoch_s / was.epoch_s, cost.view_s * took.view_s / was.view_s, took.once_s)
        )
        for other, cost in costs.items()
    }
    budget.save()


def _flips(work: Work, decoded: DecodedImages, budget: Budget) -> FlipReport:
    """Return whether to mirror images: as asked, or as two small networks say."""
    if work.flip is not None:
        return FlipReport(work.flip, asked=True)
    small = open_images(
        work.source, min(decoded.size_px, TRIAL_PX), work.workspace.cache, work.context, skip_bad=work.skip_bad
    )
    say("May images be mirrored? Two small networks tell ...", work.context.quiet)
    trial: FlipTrial = try_flips(small, TRIAL_SHARE * budget.seconds, work.context.device)
    return FlipReport(trial.verdict == "harmless", False, *trial, trial.verdict)


def _flips_found(found: Mapping[str, Any]) -> FlipReport:
    """Return what was found out, in whatever version; of an older one's trial, which was another, the decision alone.

    The decision stands, for members may have been made by it.
    """
    if "accuracy_without" not in found:
        return FlipReport(found["flip"], found["asked"], verdict=found.get("verdict"))
    swapped = found["swapped"]
    return FlipReport(**{**found, "swapped": swapped if swapped is None else tuple(swapped)})


def _find_weights(work: Work, budget: Budget) -> None:
    """Find out which pre-trained weights are at hand, those fetched among them; it stays so in every call."""
    found, on_gpu, minutes = budget.spent.found, work.context.device != "cpu", budget.seconds / 60
    if work.fetch:
        fetched, failed = fetch_suited(minutes, on_gpu, work.context.quiet)
        found["fetched"] = {"files": [asdict(one) for one in fetched], "failed": failed}
        budget.save()
    found["at_hand"] = suited_at_hand(minutes, on_gpu) if work.pretrained else []
    budget.save()


def wanted_here(decoded: DecodedImages, budget: Budget) -> list[Candidate]:
    """Return the candidates for these images, in order; the same ones in every call."""
    found = candidates(decoded.size_px, budget.spent.found["at_hand"])
    return [as_near(one) for one in found] if budget.spent.found.get("near") else found


def _cost(one: Candidate, work: Work, decoded: DecodedImages, flip: bool, budget: Budget) -> Cost:
    """Measure what an epoch of a candidate takes here, in what its run will compute, and one view of val and test."""
    import torch

    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.inference.engines import compute_logits, start
    from ensemble_kit.training import resolve, seconds_per_image

    size_px, recipe, device = one.size_px(decoded.size_px), resolve(one.recipe, one.overrides), work.context.device
    images = {split: len(decoded.split(split).ids) for split in decoded.images}
    sample = noise(min(SAMPLE, images["train"]), size_px)
    network = build_network(
        one.arch, arch_options(one.arch, options_of(one), False), size_px, decoded.data.classes, sample
    )
    running = start(network, "auto", device, sample)
    pass_s = min(float(compute_logits(running, sample, (IDENTITY,)).ms_by_view[0]) for _ in range(2)) / 1000
    classes, strength = len(decoded.data.classes), partial(augment, strength=recipe.augment, flip=flip)
    options = arch_options(one.arch, options_of(one), one.pretrained)
    subject = Subject(one.name, one.arch, options, classes, size_px, device, torch.get_num_threads())
    long, minutes = replace(recipe, epochs=one.epochs), budget.seconds / 60 / WANTED
    computing = computing_of(
        subject, long, network, images["train"], minutes, None, work.workspace.cache, work.context.quiet
    )
    train_s = seconds_per_image(network, recipe, size_px, classes, strength, device, computing=computing)
    say(f"{one.name} at {size_px} px: {1 / train_s:,.0f} images/s in training", work.context.quiet)
    passed = sum(count for split, count in images.items() if split != "train")
    return Cost(epoch_s=images["train"] * train_s, view_s=passed * pass_s, once_s=ONCE_S)


def taken_by(work: Work, decoded: DecodedImages, name: str) -> Taken:
    """Return what a member took that was just made."""
    folder, manifest = work.workspace.runs / name, read_manifest(work.workspace.predictions / name)
    images = {split: len(decoded.split(split).ids) for split in decoded.images}
    passed = sum(count for split, count in images.items() if split != "train")
    return Taken(
        steps_s=sum(metrics_column(folder, "seconds")),
        epoch_s=images["train"] / median(metrics_column(folder, "images_per_s")),
        view_s=float(manifest.cost["ms_per_image"] or 0.0) / 1000 * passed,
    )


def noise(images: int, size_px: int) -> UInt8[np.ndarray, "images 3 size size"]:
    """Return images of noise: what a network costs does not depend on what it sees."""
    return np.random.default_rng(0).integers(0, 256, (images, 3, size_px, size_px), dtype=np.uint8)


def views_of(flip: bool) -> tuple[str, ...]:
    """Return the views that a member has where there is time, the most useful ones first."""
    from ensemble_kit.inference.views import parse_views

    return parse_views(VIEWS if flip else UNMIRRORED)


def kind_of(one: Candidate) -> str:
    """Return what candidates of one cost have in common."""
    return f"{one.name} {one.largest_px}"


def options_of(one: Candidate) -> dict[str, Any]:
    """Return the options of a candidate's architecture."""
    return {**one.arch_option, **({"input_px": one.input_px} if one.input_px else {})}
