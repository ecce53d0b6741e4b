"""A budget of time -> a plan, members with their views, a blend and its submission."""

import math
import time
from pathlib import Path
from typing import Any, Final, Unpack

from ensemble_kit.context import DeviceOption, QuietOption, RunContext, ThreadsOption
from ensemble_kit.disk import check_writable
from ensemble_kit.errors import InvalidOptionError, MisalignedError
from ensemble_kit.images import Source, SourceOption
from ensemble_kit.pipeline.auto.budget import Budget, alone, open_budget
from ensemble_kit.pipeline.auto.measure import Work, find_out
from ensemble_kit.pipeline.auto.nearness import find_nearness
from ensemble_kit.pipeline.auto.plan_and_train import (
    add_views_to_last,
    member_name,
    names_of,
    next_step,
    plan_now,
    step_of,
    take_up,
    try_member,
)
from ensemble_kit.pipeline.auto.portfolio import every_candidate
from ensemble_kit.pipeline.blends import blend
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.inputs import DecodedImages, open_images
from ensemble_kit.pipeline.models import LOCKS, threads_of, with_device
from ensemble_kit.pipeline.runs import check_unlabelled
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import AutoReport, FetchedReport
from ensemble_kit.storage.files import check_output, is_sealed, locked
from ensemble_kit.storage.members import check_name
from ensemble_kit.storage.runs import budget_path
from ensemble_kit.storage.submissions import sample_and_csv as submission_csvs
from ensemble_kit.texts import Reader
from ensemble_kit.workspace import (
    BlendsOption,
    CacheOption,
    PredictionsOption,
    RunsOption,
    SubmissionsOption,
    Workspace,
)

LEAST_MINUTES: Final = 1.0


class AutoOptions(
    SourceOption,
    PredictionsOption,
    RunsOption,
    BlendsOption,
    SubmissionsOption,
    CacheOption,
    DeviceOption,
    ThreadsOption,
    QuietOption,
):
    """What `auto` takes along."""


@command
def auto(
    data: str | Path | None = None,
    minutes: float = 20.0,
    *,
    out: str | Path | None = None,
    name: str = "auto",
    plan: bool = False,
    pretrained: bool = True,
    fetch: bool = False,
    flip: bool | None = None,
    unlabelled: str | None = None,
    seed: int = 0,
    sample: str | Path | None = None,
    id: str = "name",
    skip_bad: bool = False,
    replace: bool = False,
    **options: Unpack[AutoOptions],
) -> AutoReport:
    """Train the members that fit into a budget of time, compute their views, blend, and write a submission in time.

    Small networks and pre-trained ones that are at hand take turns, see `portfolio` and `weights`; this machine is
    measured for some seconds. After each member the time is shared anew by what it took, and the last one trains by
    the clock until all must be blended. Where there is time for one member alone, a second goes on from it. Val weighs
    views and members, says whether images are like those of pre-trained weights, and decides nothing else.
    Interrupted, the same call goes on; with more minutes it adds members.

    Args:
        data: folder with `train/CLASS/*`, `val/CLASS/*` and `test/*`.
        minutes: by the clock, for everything, over all calls.
        out: the CSV; None takes `submissions/<name>.csv`.
        name: of the blend; members are called after it.
        plan: measure and plan only.
        pretrained: start from ImageNet weights where they are at hand.
        fetch: fetch those that suit the budget from the hub before planning, which is part of the budget; without it
            nothing goes over the network. A hub that does not answer is said, and what is at hand is taken.
        flip: whether images may be mirrored; None finds out on the training images.
        unlabelled: `test`: the last member learns from the test images too, by soft labels of those before it, see
            `train`. The rules of a competition may forbid it.
        seed: of the first member of each kind.
        sample, id: of the submission, see `blend`.
        skip_bad, options: as in `train`.
        replace: begin anew, and overwrite the blend and the CSV of that name whoever wrote them.

    Raises:
        InvalidOptionError: less than a minute, a name under which something else was begun, or `fetch` without
            `pretrained`.
        LockedError: another process runs under this name.
        MisalignedError: a submission is asked for that cannot be written; found out before training.
        Stopped: Ctrl-C, SIGTERM or SIGHUP came; what is done is kept.
        As `train`, `tta` and `blend`.
    """
    started = time.perf_counter()
    if not LEAST_MINUTES <= minutes < math.inf:
        raise InvalidOptionError(f"--minutes is {minutes:g}; wanted {LEAST_MINUTES:g} or more.")
    if fetch and not pretrained:
        raise InvalidOptionError("Wanted --fetch or --no-pretrained, got both; leave one away.")
    check_name(name)
    check_unlabelled(unlabelled)
    workspace, context = Workspace.of(options), with_device(RunContext.of(options))
    csv = Path(out or workspace.submissions / f"{name}.csv")
    if not plan:
        check_output(workspace.blends / f"{name}.json", replace, "--name", is_ours=is_sealed)
        submission_csvs.check_replaceable(csv, replace)
        for folder in (workspace.predictions, workspace.runs, workspace.blends, workspace.reports):
            check_writable(folder)
    source = Source.of({"data": data, **options})
    work = Work(name, source, seed, flip, pretrained, workspace, context, skip_bad, fetch, unlabelled)
    for one in every_candidate():
        check_name(member_name(work, one))
    with threads_of(context.threads), alone(workspace.cache / LOCKS / f"{name}.budget", name):
        decoded = open_images(source, None, workspace.cache, context, skip_bad=skip_bad)
        asked = {
            "fingerprints": dict(decoded.fingerprints),
            "pretrained": pretrained,
            "flip": flip,
            "unlabelled": unlabelled,
            "seed": seed,
            "device": context.device,
        }
        budget = open_budget(budget_path(workspace.runs, name), asked, 60 * minutes, started, replace)
        for folder in (workspace.predictions, workspace.blends):
            with locked(folder):
                pass  # it can be written
        _check_target(decoded, csv, sample, id, source.encoding, out is not None)
        if unlabelled and unlabelled not in decoded.images:
            raise MisalignedError("There are no test images to learn from. Give --test-dir DIR, or drop --unlabelled.")
        if "test" in decoded.images:
            check_writable(workspace.submissions)
        again = "the same again, without --replace." if replace else "the same again."
        with budget.kept("Stopped. Members that are done, and the one under way, are saved.", f"Go on: {again}"):
            flips = find_out(work, decoded, budget)
            find_nearness(work, decoded, budget)
            take_up(work, budget)
            planned = plan_now(work, decoded, budget)
            fetched = _fetched(budget)
            if plan:
                return AutoReport(name, minutes, budget.used_s, flips, planned, unlabelled=unlabelled, **fetched)
            ahead = [f"{one.name} (about {one.epochs} epochs)" for one in planned if not one.done]
            say(f"Plan: {', '.join(ahead)}." if ahead else "All that fits into the time is trained.", context.quiet)
            while (step := next_step(work, decoded, budget)) is not None:
                try_member(work, decoded, step, budget)
            add_views_to_last(work, budget)
            names = names_of(budget)
            blended = blend(
                names,
                name=name,
                out=out,
                sample=sample,
                encoding=source.encoding,
                id=id,
                replace=replace,
                workspace=workspace,
                quiet=context.quiet,
            )
        steps = tuple(step_of(budget, one) for one in names)
        return AutoReport(
            name,
            minutes,
            budget.used_s,
            flips,
            planned,
            steps,
            blended,
            blended.submission_path,
            unlabelled=unlabelled,
            **fetched,
        )


def _fetched(budget: Budget) -> dict[str, Any]:
    """Return what was fetched under a budget, in whichever call, as it is reported."""
    found = budget.spent.found.get("fetched", {"files": [], "failed": None})
    return {
        "fetched": tuple(FetchedReport(**one) for one in found["files"]),
        "not_fetched": found["failed"],
    }


def _check_target(
    decoded: DecodedImages, path: Path, sample: str | Path | None, form: str, encoding: str | None, wanted: bool
) -> None:
    """Raise now, not when the time is spent, where the submission that is asked for cannot be written.

    Raises:
        MisalignedError: there are no test images, or the sample's ids are not theirs.
        InvalidOptionError, BadDataError, ResourceError: as the submission's writer says.
    """
    if "test" not in decoded.images:
        if wanted or sample is not None:
            raise MisalignedError("There are no test images, so no submission can be written. Give --test-dir DIR.")
        return
    ids = decoded.split("test").ids
    if sample is None:
        submission_csvs.id_form(ids, form)
    else:
        submission_csvs.match_sample(submission_csvs.read_sample(Path(sample), Reader(encoding)).ids, ids)
    if path.suffix != ".csv":
        raise InvalidOptionError(f"Wanted a submission file that ends in .csv, got {path}.")
    check_writable(path.parent, path)
    with locked(path.parent):
        pass  # it can be written
