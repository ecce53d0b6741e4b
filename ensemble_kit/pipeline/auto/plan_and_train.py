"""What `ek auto` does between two readings of the clock: plan, and make the next member."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.pipeline.auto.budget import Budget
from ensemble_kit.pipeline.auto.measure import (
    Work,
    costs_of,
    kind_of,
    learn,
    options_of,
    taken_by,
    views_of,
    wanted_here,
)
from ensemble_kit.pipeline.auto.portfolio import Candidate, Cost, Planned, plan, total_s
from ensemble_kit.pipeline.blends import blend_sets, blend_settings, estimate
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.members import costs_of as member_costs
from ensemble_kit.pipeline.members import describe_member, evaluation_of
from ensemble_kit.pipeline.runs import train
from ensemble_kit.pipeline.views import tta
from ensemble_kit.reporting.terminal import percent, say
from ensemble_kit.results import AutoPlanReport, AutoStepReport, TrainReport
from ensemble_kit.storage import members as store
from ensemble_kit.storage.runs import checkpoint_name
from ensemble_kit.training import resolve

BLENDING_S: Final = 2.0  # until one was made
WRITING_S: Final = 0.5  # of the blend and its submission
SLOWER: Final = 2.0  # times what was measured, that the end is given, should the machine slow down
MARGIN: Final = 0.01  # of the budget, beside that
VIEWS_SHARE: Final = 0.1  # of a member's time, for its views at most
CAUTION: Final = 0.6  # of the time for views, that those computed at once should take
AT_ONCE: Final = 2  # fewer are not worth the loading, once there are some
CAP: Final = 1.5  # times the epochs that should fit, should the machine speed up
CAP_OF_LAST: Final = 4.0  # of the last member, which has all of the time
FIRST_CYCLE: Final = 0.6  # of the time, for the first of two members where the second goes on from it
LEAST_LONGER: Final = 0.02  # of the budget, of training for which a member is gone on with


def take_up(work: Work, budget: Budget) -> None:
    """Say of members that an earlier version began what this one asks for."""
    costs = costs_of(budget)
    for name, one in budget.spent.begun.items():
        if "kind" not in one:
            kind = next((kind for kind in costs if f"-{kind.split()[0]}-" in name), next(iter(costs)))
            one |= {"kind": kind, "wanted": one["plan"]["epochs"], "share": FIRST_CYCLE}
        if one["done"] and "step" not in one:
            one["step"] = asdict(_evaluated(work, name, budget))
    budget.save()


def plan_now(work: Work, decoded: DecodedImages, budget: Budget) -> tuple[AutoPlanReport, ...]:
    """Return the members that are done or under way, and those that fit into the time that is left."""
    begun = [
        AutoPlanReport(**{**one["plan"], "done": one["done"]})
        for one in budget.spent.begun.values()
        if "failed" not in one
    ]
    return (*begun, *(_reported(work, decoded, one) for one in _ahead(work, decoded, budget)))


def next_step(work: Work, decoded: DecodedImages, budget: Budget) -> str | None:
    """Return the member to make next: the one under way, or the next that fits; None: there is none."""
    begun = budget.spent.begun
    for name, one in begun.items():
        if not one["done"] and "failed" not in one:
            return name
    ahead = _ahead(work, decoded, budget)
    name, one = _first_of(work, decoded, ahead, budget) if ahead else _longer(work, budget)
    if name:
        begun[name] = {**one, "replace": budget.spent.found["replace"], "done": False}
        budget.save()
    return name or None


def _first_of(
    work: Work, decoded: DecodedImages, ahead: Sequence[Planned], budget: Budget
) -> tuple[str, dict[str, Any]]:
    """Return the name of the first member of a plan, and how it is made; one alone leaves time to go on from it."""
    step, is_last = ahead[0], len(ahead) == 1
    alone = is_last and not any(one["done"] for one in budget.spent.begun.values())
    report, taught = _reported(work, decoded, step), _taught(work, budget) if is_last else {}
    return report.name, {
        "plan": asdict(report),
        "how": {**_how(step, report, is_last, budget.spent.found["flips"]["flip"], work.seed), **taught},
        "kind": kind_of(step.candidate),
        "wanted": step.candidate.epochs,
        "share": FIRST_CYCLE if alone else step.seconds / total_s(ahead),
    }


def _longer(work: Work, budget: Budget) -> tuple[str, dict[str, Any]]:
    """Return a member that goes on from the one trained the shortest; no name: no time is left, or it was tried.

    Time is left that is too short for another. It begins anew with half of the learning rate, as the second cycle
    of a run does, and the first stays a member beside it.
    """
    done = {name: one for name, one in budget.spent.begun.items() if one["done"]}
    if not done:
        return "", {}
    name, one = min(done.items(), key=lambda pair: float(pair[1]["step"]["epochs"] / pair[1]["wanted"]))
    cost, left_s = costs_of(budget)[one["kind"]], _left_s(budget)
    learning_s, longer, how = left_s - cost.of(0, 1), f"{name}-longer", one["how"]
    if learning_s < LEAST_LONGER * budget.seconds or longer in budget.spent.begun:
        return "", {}
    epochs = max(1, round(learning_s / cost.epoch_s))
    cap = math.ceil(CAP_OF_LAST * epochs)
    how = {
        **how,
        **_taught(work, budget),
        "init": str(checkpoint_of(work, name)),
        "pretrained": False,
        "epochs": cap,
        "warmup_epochs": how.get("warmup_epochs", 0.0) / how["epochs"] * cap,
        "head_epochs": 0,
        "lr": resolve(how["recipe"], {}).lr / 2,
    }
    plan = {**one["plan"], "name": longer, "epochs": epochs, "seconds": left_s}
    return longer, {"plan": plan, "how": how, "kind": one["kind"], "wanted": one["wanted"], "share": 1.0}


def _taught(work: Work, budget: Budget) -> dict[str, Any]:
    """Return what the last member is told about unlabelled images; all members that are done teach it."""
    done = [name for name, one in budget.spent.begun.items() if one["done"]]
    return {"unlabelled": work.unlabelled, "teacher": done} if work.unlabelled and done else {}


def checkpoint_of(work: Work, name: str) -> Path:
    """Return the checkpoint of a member that was trained here."""
    sha256 = store.read_manifest(work.workspace.predictions / name).checkpoint_sha256
    assert sha256 is not None
    return work.workspace.runs / name / checkpoint_name(sha256)


def try_member(work: Work, decoded: DecodedImages, name: str, budget: Budget) -> None:
    """Make a member; one that cannot be made (it diverges, memory runs out) is passed over and remembered."""
    try:
        make_member(work, decoded, name, budget)
    except (InvalidOptionError, ResourceError) as error:
        say(f"{name} is passed over: {' '.join(str(error).splitlines())}", work.context.quiet)
        budget.spent.begun[name]["failed"] = str(error)
        budget.save()


def make_member(work: Work, decoded: DecodedImages, name: str, budget: Budget) -> None:
    """Train a member until its share of the time is nearly over, and compute the views that the rest is enough for."""
    one = budget.spent.begun[name]
    replace = one.pop("replace", False)  # once: what is begun anew is gone on with
    budget.save()
    begun_s, share_s = budget.used_s, one["share"] * _left_s(budget)
    until_s, cost, views = (
        begun_s + share_s,
        costs_of(budget)[one["kind"]],
        views_of(budget.spent.found["flips"]["flip"]),
    )
    after_s = cost.once_s + cost.view_s + min(VIEWS_SHARE * share_s, len(views) * cost.view_s / CAUTION)
    report = train(
        **vars(work.source),
        **one["how"],
        name=name,
        minutes=max(share_s - after_s, 1.0) / 60,
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
    taken = taken_by(work, decoded, name)
    added = add_views(work, name, views, until_s - cost.once_s / 2, taken.view_s, budget)
    once_s = budget.used_s - begun_s - taken.steps_s - (1 + added) * taken.view_s
    learn(budget, one["kind"], Cost(taken.epoch_s, taken.view_s, max(once_s, 0.1)))
    one["done"] = True
    one["step"] = asdict(_evaluated(work, name, budget))
    budget.save()


def add_views_to_last(work: Work, budget: Budget) -> None:
    """Add views to the last member, where time is left that is too short to learn in."""
    done = {name: one for name, one in budget.spent.begun.items() if one["done"]}
    if not done:
        return
    name, one = list(done.items())[-1]
    cost, views = costs_of(budget)[one["kind"]], views_of(budget.spent.found["flips"]["flip"])
    until_s = budget.used_s + _left_s(budget)
    if add_views(work, name, views, until_s, cost.view_s, budget, there=one["step"]["views"]):
        del one["step"]
        one["step"] = asdict(_evaluated(work, name, budget))
        budget.save()


def add_views(
    work: Work, name: str, views: Sequence[str], until_s: float, view_s: float, budget: Budget, there: int = 1
) -> int:
    """Compute as many more views of a member, the first ones first, as there is time for; return how many.

    A share of them at a time, so that a machine that slows down on the way is noticed.

    Args:
        until_s: of the budget, when the last has to be there.
        view_s: what one takes.
    """
    done = there
    while (fitting := int(CAUTION * (until_s - budget.used_s) / view_s)) >= (1 if done == 1 else AT_ONCE):
        wanted, begun_s = min(done + fitting, len(views)), budget.used_s
        if wanted == done:
            break
        tta(
            work.workspace.runs / name,
            ",".join(views[:wanted]),
            skip_bad=work.skip_bad,
            workspace=work.workspace,
            device=work.context.device,
            quiet=work.context.quiet,
        )
        done, view_s = wanted, max(view_s, (budget.used_s - begun_s) / (wanted - done))
    return done - there


def step_of(budget: Budget, name: str) -> AutoStepReport:
    """Return what a member is that is done, and what it added."""
    saved = budget.spent.begun[name]["step"]
    tuples = {key: tuple(saved.get(key, ())) for key in ("honest_interval", "teacher")}
    return AutoStepReport(**{**saved, **tuples})


def _evaluated(work: Work, name: str, budget: Budget) -> AutoStepReport:
    """Return what a member is, and what it added to the honest estimate of the blend of those before it.

    So it is known in time how long the blend at the end will take.
    """
    begun_s, names = budget.used_s, names_of(budget)
    names = names[: names.index(name) + 1]
    held = store.read_members(work.workspace.predictions, names, work.workspace.cache)
    manifests = [member.manifest for member in held]
    settings = blend_settings("logit-sum", "auto", "accuracy", {}, member_costs(manifests))
    evaluation = evaluation_of(held)
    honest = estimate(blend_sets(evaluation, held, (), "accuracy", "auto"), settings).honest
    training = manifests[-1].training
    before = [budget.spent.begun[other]["step"] for other in names[:-1]]
    found = AutoStepReport(
        name=name,
        arch=manifests[-1].arch,
        pretrained=training["pretrained"],
        size_px=training["size"],
        recipe=training["recipe"],
        epochs=training["kept_epoch"],
        train_s=float(manifests[-1].cost["train_s"] or 0.0),
        views=len(manifests[-1].views),
        val_accuracy=describe_member(work.workspace.predictions, name).val_accuracy,
        honest_accuracy=honest.accuracy,
        honest_interval=honest.interval(evaluation.pool.groups),
        added=honest.accuracy - before[-1]["honest_accuracy"] if before else None,
        teacher=tuple(training.get("teacher") or ()),
    )
    so_far = "" if not before else f"; blend of {len(held)}: {percent(honest.accuracy)} %"
    say(f"{name}: val accuracy {percent(found.val_accuracy)} %{so_far}.", work.context.quiet)
    budget.spent.found["blending_s"] = (budget.used_s - begun_s) * (1 + 1 / len(held)) + WRITING_S
    return found


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


def _ahead(work: Work, decoded: DecodedImages, budget: Budget) -> list[Planned]:
    """Return what fits into the time that is left, beside what is begun."""
    begun, costs = budget.spent.begun, costs_of(budget)
    wanted = [
        one for one in wanted_here(decoded, budget) if member_name(work, one) not in begun and kind_of(one) in costs
    ]
    views = len(views_of(budget.spent.found["flips"]["flip"]))
    done = sum(one["done"] for one in begun.values())
    return plan(wanted, [costs[kind_of(one)] for one in wanted], _left_s(budget), views, done)


def _left_s(budget: Budget) -> float:
    """Return the seconds that are left before the members have to be blended."""
    blending_s = float(budget.spent.found.get("blending_s", BLENDING_S))
    return budget.left_s - MARGIN * budget.seconds - SLOWER * blending_s


def _reported(work: Work, decoded: DecodedImages, planned: Planned) -> AutoPlanReport:
    """Return a step of the plan as it is reported."""
    one = planned.candidate
    return AutoPlanReport(
        name=member_name(work, one),
        arch=one.arch,
        pretrained=one.pretrained,
        size_px=one.size_px(decoded.size_px),
        recipe=one.recipe,
        epochs=planned.epochs,
        seconds=planned.seconds,
    )


def _how(planned: Planned, report: AutoPlanReport, is_last: bool, flip: bool, seed: int) -> dict[str, Any]:
    """Return how a member is trained, as `train` is told."""
    import torch

    one = planned.candidate
    epochs = max(2, math.ceil((CAP_OF_LAST if is_last else CAP) * planned.epochs))
    recipe = resolve(report.recipe, one.overrides)
    return {
        "arch": one.arch,
        "arch_option": options_of(one),
        "recipe": report.recipe,
        "size": report.size_px,
        "pretrained": one.pretrained,
        "epochs": epochs,
        "warmup_epochs": recipe.warmup_epochs / recipe.epochs * epochs,
        "flip": flip,
        "seed": seed + one.seed,
        "threads": torch.get_num_threads(),  # part of the bits: gone on with as begun
        **one.overrides,
    }


def member_name(work: Work, one: Candidate) -> str:
    """Return what a candidate's member is called."""
    return f"{work.name}-{one.name}-{work.seed + one.seed}"
