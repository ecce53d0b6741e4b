"""What `ek auto` does between two looks at the clock: find out, plan, make the next member."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Final, NamedTuple

import models_zoo
from ensemble_kit.images.sources import Source
from ensemble_kit.pipeline.budget import Budget
from ensemble_kit.pipeline.flip_trial import FlipTrial, try_flips
from ensemble_kit.pipeline.networks import arch_options, build_network
from ensemble_kit.pipeline.pictures import Pictures, open_pictures
from ensemble_kit.pipeline.portfolio import PORTFOLIO, Candidate, Cost, Planned, candidates, plan
from ensemble_kit.pipeline.probe import probe
from ensemble_kit.pipeline.train import train
from ensemble_kit.pipeline.tta import tta
from ensemble_kit.reporting.progress import say
from ensemble_kit.results import AutoPlanReport, FlipReport
from ensemble_kit.storage import members as store
from ensemble_kit.training.recipes import Recipe, resolve

TRIAL_PX: Final = 32  # side of the pictures of the flip trial
TRIAL_SHARE: Final = 0.04  # of the budget, what the flip trial may take
MEASURING_SHARE: Final = 0.04  # and measuring candidates; those not come to are not planned
PROBING_SHARE: Final = 0.1  # and the linear probe; where it would take longer there is none
NEAR: Final = 0.85  # val accuracy of a linear probe from which pictures are much like ImageNet's
SETTING_UP_S: Final = 8.0  # of a member: building, first steps, writing, weighing its views
BLENDING_S: Final = 12.0
JUDGING_S: Final = 4.0  # at the end, for each member
ALL_VIEWS: Final = "ten-crop,scales"
UNMIRRORED: Final = "five-crop,scales"


class Work(NamedTuple):
    """What was asked for.

    given: where the pictures are, as `train` is told; folders: predictions, runs and cache.
    """

    name: str
    source: Source
    given: Mapping[str, Any]
    seed: int
    flip: bool | None
    pretrained: bool
    device: str
    folders: Mapping[str, Any]
    skip_bad: bool
    quiet: bool


def find_out(work: Work, pictures: Pictures, budget: Budget) -> tuple[FlipReport, Mapping[str, Cost]]:
    """Return whether to mirror pictures, and what each candidate costs here; measured once, then remembered."""
    found = budget.spent.found
    if "at_hand" not in found:
        found["at_hand"] = _at_hand(work)
        budget.save()
    if "flips" not in found:
        found["flips"] = asdict(_flips(work, pictures, budget))
        budget.save()
    wanted = _wanted(pictures, budget)
    if "costs" not in found:
        found["costs"] = {}
        until_s = budget.left_s - MEASURING_SHARE * budget.seconds
        for one in wanted:
            if _kind(one) not in found["costs"] and (budget.left_s > until_s or not found["costs"]):
                found["costs"][_kind(one)] = asdict(_cost(one, work, pictures, found["flips"]["flip"]))
        budget.save()
    costs = {kind: Cost(**cost) for kind, cost in found["costs"].items()}
    if "near" not in found:
        found["near"] = _probed(work, wanted, costs, pictures, budget)
        budget.save()
    return FlipReport(**found["flips"]), costs


def plan_now(work: Work, pictures: Pictures, costs: Mapping[str, Cost], budget: Budget) -> tuple[AutoPlanReport, ...]:
    """Return the members that are done or under way, and those that fit into the time that is left."""
    near = budget.spent.found["near"]
    begun = [AutoPlanReport(**{**one["plan"], "done": one["done"]}) for one in budget.spent.begun.values()]
    return (*begun, *(_reported(work, pictures, one, near) for one in _ahead(work, pictures, costs, budget)))


def next_step(work: Work, pictures: Pictures, costs: Mapping[str, Cost], budget: Budget) -> str | None:
    """Return the member to make next: the one under way, or the next that fits; None: there is none."""
    begun = budget.spent.begun
    for name, one in begun.items():
        if not one["done"]:
            return name
    for step in _ahead(work, pictures, costs, budget):
        report = _reported(work, pictures, step, budget.spent.found["near"])
        begun[report.name] = {
            "plan": asdict(report),
            "how": _how(step, report, budget.spent.found["flips"]["flip"], work.seed),
            "once_s": _once_s(costs[_kind(step.candidate)], budget),
            "replace": budget.spent.found["replace"],
            "done": False,
        }
        budget.save()
        return report.name
    return None


def make_member(work: Work, name: str, budget: Budget) -> None:
    """Train a member as planned, or as long as there is time, and look at the pictures as often as there is time."""
    one = budget.spent.begun[name]
    replace = one.pop("replace", False)  # once: what is begun anew is gone on with
    budget.save()
    looking_s = 3 * one["once_s"] + SETTING_UP_S  # identity, and at least two views
    minutes = max(budget.left_s - _reserve_s(budget) - looking_s, 1.0) / 60
    train(
        **work.given,
        **one["how"],
        name=name,
        minutes=minutes,
        device=work.device,
        skip_bad=work.skip_bad,
        resume=True,
        replace=replace,
        **work.folders,
        quiet=work.quiet,
    )
    views = _affordable(work, name, budget)
    if views is not None:
        folders = {key: work.folders[key] for key in ("predictions", "cache")}
        tta(work.folders["runs"] / name, views, skip_bad=work.skip_bad, device=work.device, **folders, quiet=work.quiet)
    one["done"] = True
    budget.save()


def names_of(budget: Budget) -> list[str]:
    """Return the members that are done, in order."""
    return [name for name, one in budget.spent.begun.items() if one["done"]]


def _flips(work: Work, pictures: Pictures, budget: Budget) -> FlipReport:
    """Return whether to mirror pictures: as asked, or as a small network says."""
    if work.flip is not None:
        return FlipReport(work.flip, asked=True)
    small = open_pictures(
        work.source, min(pictures.size_px, TRIAL_PX), work.folders["cache"], work.skip_bad, work.quiet
    )
    say("May pictures be mirrored? A small network tells ...", work.quiet)
    trial: FlipTrial = try_flips(small, TRIAL_SHARE * budget.seconds, work.device)
    return FlipReport(not trial.harmful, False, *trial)


def _probed(
    work: Work, wanted: Sequence[Candidate], costs: Mapping[str, Cost], pictures: Pictures, budget: Budget
) -> bool | None:
    """Fit a linear probe; return whether pictures are much like those of the weights.

    None: there are no weights, or no time to look at all pictures, which takes at most as long as an
    epoch. Judged on val: train may hold near copies, among which cross-validation flatters. The member
    it makes is not blended.
    """
    tuned = next((one for one in wanted if one.pretrained and _kind(one) in costs), None)
    if tuned is None:
        return None
    cost = costs[_kind(tuned)]
    if cost.epoch_s + _once_s(cost, budget) > PROBING_SHARE * budget.seconds:
        return None
    found = probe(
        **work.given,
        arch=tuned.arch,
        arch_option=_options(tuned),
        size=tuned.size_px(pictures.size_px),
        name=_probe_name(work),
        pretrained=True,
        flip=budget.spent.found["flips"]["flip"],
        device=work.device,
        skip_bad=work.skip_bad,
        replace=True,
        **work.folders,
        quiet=work.quiet,
    )
    return found.member.val_accuracy >= NEAR


def _at_hand(work: Work) -> list[str]:
    """Return the architectures of the portfolio whose pre-trained weights are on this machine."""
    archs = {one.arch for one in PORTFOLIO if one.pretrained} if work.pretrained else set()
    return [arch for arch in sorted(archs) if models_zoo.weights_at_hand(arch) in ("installed", "cached")]


def _wanted(pictures: Pictures, budget: Budget) -> list[Candidate]:
    """Return the candidates for these pictures, in order; the same ones in every call."""
    return candidates(pictures.size_px, budget.spent.found["at_hand"])


def _ahead(work: Work, pictures: Pictures, costs: Mapping[str, Cost], budget: Budget) -> list[Planned]:
    """Return what fits into the time that is left, beside what is begun."""
    begun = budget.spent.begun
    wanted = [one for one in _wanted(pictures, budget) if _name(work, one) not in begun and _kind(one) in costs]
    seconds = budget.left_s - _reserve_s(budget)
    return plan(wanted, [costs[_kind(one)] for one in wanted], seconds, JUDGING_S, at_any_cost=not begun)


def _reserve_s(budget: Budget) -> float:
    """Return the seconds that blending what is begun will take."""
    return BLENDING_S + JUDGING_S * len(budget.spent.begun)


def _cost(one: Candidate, work: Work, pictures: Pictures, flip: bool) -> Cost:
    """Measure what an epoch of a candidate takes here, and all views of val and test."""
    from ensemble_kit.images.augment import augment
    from ensemble_kit.training.timing import seconds_per_image, seconds_per_look

    size_px, recipe = one.size_px(pictures.size_px), _recipe(one)
    images = {split: len(pictures.split(split).ids) for split in pictures.images}
    network = build_network(
        one.arch,
        arch_options(one.arch, _options(one), False),
        size_px,
        pictures.data.classes,
        pictures.images["train"][:64],
    )
    classes, strength = len(pictures.data.classes), partial(augment, strength=recipe.augment, flip=flip)
    look_s = seconds_per_look(network, size_px, work.device)
    train_s = seconds_per_image(network, recipe, size_px, classes, strength, work.device)
    views = len(_all_views(flip))
    looks = sum(count for split, count in images.items() if split != "train")
    say(f"{one.name} at {size_px} px: {1 / train_s:,.0f} pictures/s in training", work.quiet)
    return Cost(
        epoch_s=images["train"] * train_s + images["val"] * look_s,
        look_s=looks * views * look_s + SETTING_UP_S,
    )


def _once_s(cost: Cost, budget: Budget) -> float:
    """Return the seconds that one look at val and test takes."""
    return (cost.look_s - SETTING_UP_S) / len(_all_views(budget.spent.found["flips"]["flip"]))


def _all_views(flip: bool) -> tuple[str, ...]:
    """Return the views that a member has where there is time."""
    from ensemble_kit.inference.views import parse_views

    return parse_views(ALL_VIEWS if flip else UNMIRRORED)


def _affordable(work: Work, name: str, budget: Budget) -> str | None:
    """Return the views that there is time for; None: not even two."""
    from ensemble_kit.inference.views import parse_views

    member = store.read_members(work.folders["predictions"], [name], work.folders["cache"])[0]
    ms = float(member.manifest.cost["ms_per_image"] or 0.0)
    images = sum(len(split.ids) for split in member.splits.values())
    flip = budget.spent.found["flips"]["flip"]
    for views in (ALL_VIEWS, "flips") if flip else (UNMIRRORED, "five-crop"):
        needed_s = ms / 1000 * images * len(parse_views(views)) + SETTING_UP_S
        if needed_s < budget.left_s - _reserve_s(budget):
            return views
    say(f"{name}: no time for views.", work.quiet)
    return None


def _reported(work: Work, pictures: Pictures, planned: Planned, near: bool | None) -> AutoPlanReport:
    """Return a step of the plan as it is reported."""
    one = planned.candidate
    return AutoPlanReport(
        name=_name(work, one),
        arch=one.arch,
        pretrained=one.pretrained,
        size_px=one.size_px(pictures.size_px),
        recipe="finetune" if one.pretrained and near else one.recipe,
        epochs=planned.epochs,
        seconds=planned.seconds,
    )


def _how(planned: Planned, report: AutoPlanReport, flip: bool, seed: int) -> dict[str, Any]:
    """Return how a member is trained, as `train` is told."""
    import torch

    one = planned.candidate
    return {
        "arch": one.arch,
        "arch_option": _options(one),
        "recipe": report.recipe,
        "size": report.size_px,
        "pretrained": one.pretrained,
        "epochs": planned.epochs,
        "flip": flip,
        "seed": seed + one.seed,
        "threads": torch.get_num_threads(),  # part of the bits: gone on with as begun
        **one.overrides,
    }


def _probe_name(work: Work) -> str:
    """Return what the linear probe is called."""
    return f"{work.name}-probe"


def _name(work: Work, one: Candidate) -> str:
    """Return what a candidate's member is called."""
    return f"{work.name}-{one.name}-{work.seed + one.seed}"


def _kind(one: Candidate) -> str:
    """Return what candidates of one cost have in common."""
    return f"{one.name} {one.largest_px}"


def _options(one: Candidate) -> dict[str, Any]:
    """Return the options of a candidate's architecture."""
    return {**one.arch_option, **({"input_px": one.input_px} if one.input_px else {})}


def _recipe(one: Candidate) -> Recipe:
    """Return the recipe of a candidate."""
    return resolve(one.recipe, one.overrides)
