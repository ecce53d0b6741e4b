"""What `ek auto` does between two readings of the clock: plan, and make the next member."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.pipeline.auto.budget import Budget
from ensemble_kit.pipeline.auto.measure import SETTING_UP_S, Work, kind_of, once_s, options_of, view_sets, wanted_here
from ensemble_kit.pipeline.auto.portfolio import Candidate, Cost, Planned, plan
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.runs import train
from ensemble_kit.pipeline.views import tta
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import AutoPlanReport, TrainReport
from ensemble_kit.storage import members as store

BLENDING_S: Final = 12.0
EVALUATING_S: Final = 4.0  # at the end, for each member


def plan_now(
    work: Work, decoded: DecodedImages, costs: Mapping[str, Cost], budget: Budget
) -> tuple[AutoPlanReport, ...]:
    """Return the members that are done or under way, and those that fit into the time that is left."""
    near = budget.spent.found["near"]
    begun = [
        AutoPlanReport(**{**one["plan"], "done": one["done"]})
        for one in budget.spent.begun.values()
        if "failed" not in one
    ]
    return (*begun, *(_reported(work, decoded, one, near) for one in _ahead(work, decoded, costs, budget)))


def next_step(work: Work, decoded: DecodedImages, costs: Mapping[str, Cost], budget: Budget) -> str | None:
    """Return the member to make next: the one under way, or the next that fits; None: there is none."""
    begun = budget.spent.begun
    for name, one in begun.items():
        if not one["done"] and "failed" not in one:
            return name
    for step in _ahead(work, decoded, costs, budget):
        report = _reported(work, decoded, step, budget.spent.found["near"])
        begun[report.name] = {
            "plan": asdict(report),
            "how": _how(step, report, budget.spent.found["flips"]["flip"], work.seed),
            "once_s": once_s(costs[kind_of(step.candidate)], budget),
            "replace": budget.spent.found["replace"],
            "done": False,
        }
        budget.save()
        return report.name
    return None


def try_member(work: Work, name: str, budget: Budget) -> None:
    """Make a member; one that cannot be made (it diverges, memory runs out) is passed over and remembered."""
    try:
        make_member(work, name, budget)
    except (InvalidOptionError, ResourceError) as error:
        say(f"{name} is passed over: {' '.join(str(error).splitlines())}", work.context.quiet)
        budget.spent.begun[name]["failed"] = str(error)
        budget.save()


def make_member(work: Work, name: str, budget: Budget) -> None:
    """Train a member as planned, or as long as there is time, and compute as many views as there is time for."""
    one = budget.spent.begun[name]
    replace = one.pop("replace", False)  # once: what is begun anew is gone on with
    budget.save()
    looking_s = 3 * one["once_s"] + SETTING_UP_S  # identity, and at least two views
    minutes = max(budget.left_s - _reserve_s(budget) - looking_s, 1.0) / 60
    report = train(
        **vars(work.source),
        **one["how"],
        name=name,
        minutes=minutes,
        skip_bad=work.skip_bad,
        resume=True,
        replace=replace,
        workspace=work.workspace,
        device=work.context.device,
        quiet=work.context.quiet,
    )
    assert isinstance(report, TrainReport)
    for note in report.notes:
        say(f"{name}: {note}", work.context.quiet)
    views = _affordable(work, name, budget)
    if views is not None:
        tta(
            work.workspace.runs / name,
            views,
            skip_bad=work.skip_bad,
            workspace=work.workspace,
            device=work.context.device,
            quiet=work.context.quiet,
        )
    one["done"] = True
    budget.save()


def names_of(budget: Budget) -> list[str]:
    """Return the members that are done, in order.

    Raises:
        InvalidOptionError: none of those that were begun could be made.
    """
    begun = budget.spent.begun
    names = [name for name, one in begun.items() if one["done"]]
    failed = [one["failed"] for one in begun.values() if "failed" in one]
    if failed and not names:
        raise InvalidOptionError(f"No member could be trained. The first: {failed[0]}")
    return names


def _ahead(work: Work, decoded: DecodedImages, costs: Mapping[str, Cost], budget: Budget) -> list[Planned]:
    """Return what fits into the time that is left, beside what is begun."""
    begun = budget.spent.begun
    wanted = [
        one for one in wanted_here(decoded, budget) if member_name(work, one) not in begun and kind_of(one) in costs
    ]
    seconds = budget.left_s - _reserve_s(budget)
    return plan(
        wanted,
        [costs[kind_of(one)] for one in wanted],
        seconds,
        EVALUATING_S,
        at_any_cost=not any(one["done"] for one in begun.values()),
    )


def _reserve_s(budget: Budget) -> float:
    """Return the seconds that blending what is begun will take."""
    return BLENDING_S + EVALUATING_S * len(budget.spent.begun)


def _affordable(work: Work, name: str, budget: Budget) -> str | None:
    """Return the views that there is time for; None: not even two."""
    from ensemble_kit.inference.views import parse_views

    member = store.read_members(work.workspace.predictions, [name], work.workspace.cache)[0]
    ms = float(member.manifest.cost["ms_per_image"] or 0.0)
    images = sum(len(split.ids) for split in member.splits.values())
    flip = budget.spent.found["flips"]["flip"]
    for views in view_sets(flip):
        needed_s = ms / 1000 * images * len(parse_views(views)) + SETTING_UP_S
        if needed_s < budget.left_s - _reserve_s(budget):
            return views
    say(f"{name}: no time for views.", work.context.quiet)
    return None


def _reported(work: Work, decoded: DecodedImages, planned: Planned, near: bool | None) -> AutoPlanReport:
    """Return a step of the plan as it is reported."""
    one = planned.candidate
    return AutoPlanReport(
        name=member_name(work, one),
        arch=one.arch,
        pretrained=one.pretrained,
        size_px=one.size_px(decoded.size_px),
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
        "arch_option": options_of(one),
        "recipe": report.recipe,
        "size": report.size_px,
        "pretrained": one.pretrained,
        "epochs": planned.epochs,
        "flip": flip,
        "seed": seed + one.seed,
        "threads": torch.get_num_threads(),  # part of the bits: gone on with as begun
        **one.overrides,
    }


def member_name(work: Work, one: Candidate) -> str:
    """Return what a candidate's member is called."""
    return f"{work.name}-{one.name}-{work.seed + one.seed}"
