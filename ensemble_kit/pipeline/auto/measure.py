"""What `ek auto` finds out before it plans: flips, what candidates cost here, how near the weights are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final, NamedTuple

import models_zoo
from ensemble_kit.context import RunContext
from ensemble_kit.images import Source
from ensemble_kit.pipeline.auto.budget import Budget
from ensemble_kit.pipeline.auto.flip_test import FlipTrial, try_flips
from ensemble_kit.pipeline.auto.portfolio import PORTFOLIO, Candidate, Cost, candidates
from ensemble_kit.pipeline.inputs import DecodedImages, open_images
from ensemble_kit.pipeline.models import arch_options, build_network
from ensemble_kit.pipeline.runs import probe
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import FlipReport
from ensemble_kit.training import Recipe, resolve
from ensemble_kit.workspace import Workspace

TRIAL_PX: Final = 32  # side of the images of the flip trial
TRIAL_SHARE: Final = 0.04  # of the budget, what the flip trial may take
MEASURING_SHARE: Final = 0.04  # and measuring candidates; those not come to are not planned
PROBING_SHARE: Final = 0.1  # and the linear probe; where it would take longer there is none
NEAR: Final = 0.85  # val accuracy of a linear probe from which images are much like ImageNet's
SETTING_UP_S: Final = 8.0  # of a member: building, first steps, writing, weighing its views
ALL_VIEWS: Final = "ten-crop,scales"
UNMIRRORED: Final = "five-crop,scales"


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


def find_out(work: Work, decoded: DecodedImages, budget: Budget) -> tuple[FlipReport, Mapping[str, Cost]]:
    """Return whether to mirror images, and what each candidate costs here; measured once, then remembered."""
    found = budget.spent.found
    if "at_hand" not in found:
        found["at_hand"] = _at_hand(work)
        budget.save()
    if "flips" not in found:
        found["flips"] = asdict(_flips(work, decoded, budget))
        budget.save()
    wanted = wanted_here(decoded, budget)
    if "costs" not in found:
        found["costs"] = {}
        until_s = budget.left_s - MEASURING_SHARE * budget.seconds
        for one in wanted:
            if kind_of(one) not in found["costs"] and (budget.left_s > until_s or not found["costs"]):
                found["costs"][kind_of(one)] = asdict(_cost(one, work, decoded, found["flips"]["flip"]))
        budget.save()
    costs = {kind: Cost(**cost) for kind, cost in found["costs"].items()}
    if "near" not in found:
        found["near"] = _probed(work, wanted, costs, decoded, budget)
        budget.save()
    return FlipReport(**found["flips"]), costs


def _flips(work: Work, decoded: DecodedImages, budget: Budget) -> FlipReport:
    """Return whether to mirror images: as asked, or as a small network says."""
    if work.flip is not None:
        return FlipReport(work.flip, asked=True)
    small = open_images(
        work.source, min(decoded.size_px, TRIAL_PX), work.workspace.cache, work.context, skip_bad=work.skip_bad
    )
    say("May images be mirrored? A small network tells ...", work.context.quiet)
    trial: FlipTrial = try_flips(small, TRIAL_SHARE * budget.seconds, work.context.device)
    return FlipReport(trial.verdict == "harmless", False, *trial, trial.verdict)


def _probed(
    work: Work, wanted: Sequence[Candidate], costs: Mapping[str, Cost], decoded: DecodedImages, budget: Budget
) -> bool | None:
    """Fit a linear probe; return whether images are much like those of the weights.

    None: there are no weights, or no time for all images, which takes at most as long as an
    epoch. Judged on val: train may hold near copies, among which cross-validation flatters. The member
    it makes lies in the cache, where no blend takes it in.
    """
    tuned = next((one for one in wanted if one.pretrained and kind_of(one) in costs), None)
    if tuned is None:
        return None
    cost = costs[kind_of(tuned)]
    if cost.epoch_s + once_s(cost, budget) > PROBING_SHARE * budget.seconds:
        return None
    cache = work.workspace.cache
    aside = replace(work.workspace, predictions=cache / "probe" / "predictions", runs=cache / "probe" / "runs")
    found = probe(
        **vars(work.source),
        arch=tuned.arch,
        arch_option=options_of(tuned),
        size=tuned.size_px(decoded.size_px),
        name=_probe_name(work),
        pretrained=True,
        flip=budget.spent.found["flips"]["flip"],
        device=work.context.device,
        skip_bad=work.skip_bad,
        replace=True,
        workspace=aside,
        quiet=work.context.quiet,
    )
    return found.member.val_accuracy >= NEAR


def _at_hand(work: Work) -> list[str]:
    """Return the architectures of the portfolio whose pre-trained weights are on this machine."""
    archs = {one.arch for one in PORTFOLIO if one.pretrained} if work.pretrained else set()
    return [arch for arch in sorted(archs) if models_zoo.weights_at_hand(arch) in ("installed", "cached")]


def wanted_here(decoded: DecodedImages, budget: Budget) -> list[Candidate]:
    """Return the candidates for these images, in order; the same ones in every call."""
    return candidates(decoded.size_px, budget.spent.found["at_hand"])


def _cost(one: Candidate, work: Work, decoded: DecodedImages, flip: bool) -> Cost:
    """Measure what an epoch of a candidate takes here, and all views of val and test."""
    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.training import seconds_per_image, seconds_per_pass

    size_px, recipe = one.size_px(decoded.size_px), _recipe(one)
    images = {split: len(decoded.split(split).ids) for split in decoded.images}
    network = build_network(
        one.arch,
        arch_options(one.arch, options_of(one), False),
        size_px,
        decoded.data.classes,
        decoded.images["train"][:64],
    )
    classes, strength = len(decoded.data.classes), partial(augment, strength=recipe.augment, flip=flip)
    pass_s = seconds_per_pass(network, size_px, work.context.device)
    train_s = seconds_per_image(network, recipe, size_px, classes, strength, work.context.device)
    views = len(all_views(flip))
    passed = sum(count for split, count in images.items() if split != "train")
    say(f"{one.name} at {size_px} px: {1 / train_s:,.0f} images/s in training", work.context.quiet)
    return Cost(
        epoch_s=images["train"] * train_s + images["val"] * pass_s,
        look_s=passed * views * pass_s + SETTING_UP_S,
    )


def once_s(cost: Cost, budget: Budget) -> float:
    """Return the seconds that identity alone takes on val and test."""
    return (cost.look_s - SETTING_UP_S) / len(all_views(budget.spent.found["flips"]["flip"]))


def all_views(flip: bool) -> tuple[str, ...]:
    """Return the views that a member has where there is time."""
    from ensemble_kit.inference.views import parse_views

    return parse_views(view_sets(flip)[0])


def view_sets(flip: bool) -> tuple[str, str]:
    """Return the views that a member has where there is time, and where there is little."""
    return (ALL_VIEWS, "flips") if flip else (UNMIRRORED, "five-crop")


def kind_of(one: Candidate) -> str:
    """Return what candidates of one cost have in common."""
    return f"{one.name} {one.largest_px}"


def options_of(one: Candidate) -> dict[str, Any]:
    """Return the options of a candidate's architecture."""
    return {**one.arch_option, **({"input_px": one.input_px} if one.input_px else {})}


def _recipe(one: Candidate) -> Recipe:
    """Return the recipe of a candidate."""
    return resolve(one.recipe, one.overrides)


def _probe_name(work: Work) -> str:
    """Return what the linear probe is called."""
    return f"{work.name}-probe"
