"""Are the images like those that pre-trained weights were made on? If so, fine-tuning changes early layers little.

A linear classifier on frozen features has more images of val right than the small network of the flip trial, which
began from nothing, has of training images held out: then the features as they are say more than pixels taught in that
time. How many are right is no answer: that tells how easy images are. Val chooses between two recipes so, and no more.
"""

from dataclasses import replace
from typing import Final

from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.pipeline.auto.budget import Budget
from ensemble_kit.pipeline.auto.measure import Work, costs_of, kind_of, options_of, wanted_here
from ensemble_kit.pipeline.auto.portfolio import Candidate
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.runs import probe
from ensemble_kit.reporting.terminal import percent, say
from ensemble_kit.results import ProbeReport

PROBING_SHARE: Final = 0.06  # of the budget; where the probe would take longer there is none
AHEAD: Final = 0.1  # accuracy that the features have to be ahead, for the small network had little time
ALONE: Final = 0.85  # and what they have to reach where no small network was asked


def find_nearness(work: Work, decoded: DecodedImages, budget: Budget) -> None:
    """Find out, once, whether images are like those of the weights; None where there is none, or no time to see."""
    if "near" not in budget.spent.found:
        budget.spent.found["near"] = _near(work, decoded, budget)
        budget.save()


def _near(work: Work, decoded: DecodedImages, budget: Budget) -> bool | None:
    """Fit the probe, if there is time: a forward pass is a third of a step."""
    costs = costs_of(budget)
    tuned = next((one for one in wanted_here(decoded, budget) if one.pretrained and kind_of(one) in costs), None)
    if tuned is None:
        return None
    cost = costs[kind_of(tuned)]
    if cost.epoch_s / 2 + cost.view_s > PROBING_SHARE * budget.seconds:
        return None
    try:
        found = _probed(work, tuned, budget, decoded.size_px)
    except (InvalidOptionError, ResourceError) as error:  # as damaged weights
        say(f"Nothing is probed: {' '.join(str(error).splitlines())}", work.context.quiet)
        return None
    flips, features = budget.spent.found["flips"], found.member.val_accuracy
    learnt = [flips[name] for name in ("accuracy_without", "accuracy_with") if flips.get(name) is not None]
    near = features > max(learnt) + AHEAD if learnt else features >= ALONE
    beside = f", a small network from nothing {percent(max(learnt))} %" if learnt else ""
    kind = "like those of the weights" if near else "unlike those of the weights"
    say(f"Frozen features have {percent(features)} % right{beside}: images are {kind}.", work.context.quiet)
    return near


def _probed(work: Work, tuned: Candidate, budget: Budget, median_px: int) -> ProbeReport:
    """Return what the probe found; it lies in the cache, where no blend takes it in."""
    cache = work.workspace.cache
    return probe(
        **vars(work.source),
        arch=tuned.arch,
        arch_option=options_of(tuned),
        size=tuned.size_px(median_px),
        name=f"{work.name}-probe",
        pretrained=True,
        flip=budget.spent.found["flips"]["flip"],
        device=work.context.device,
        skip_bad=work.skip_bad,
        replace=True,
        workspace=replace(work.workspace, predictions=cache / "probe" / "predictions", runs=cache / "probe" / "runs"),
        quiet=work.context.quiet,
    )
