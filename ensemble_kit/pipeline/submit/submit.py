"""a saved blend, or a CSV made elsewhere -> a checked submission, kept and counted; nothing is uploaded."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np

from ensemble_kit.context import QuietOption, RunContext, VerifyOption
from ensemble_kit.csv_text import is_formula
from ensemble_kit.disk import check_writable
from ensemble_kit.ensembling.contest import balance_p, chance_to_show, public_images, telling
from ensemble_kit.errors import EnsembleKitError, InvalidOptionError
from ensemble_kit.pipeline.blends import compare
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.submit import advice as advice
from ensemble_kit.pipeline.submit.drafts import Draft, from_blend, from_csv
from ensemble_kit.reporting.terminal import note, say
from ensemble_kit.results import BalanceReport, ChangeReport, ClassShareReport, CompareReport, SubmitReport
from ensemble_kit.storage import blends as blend_store
from ensemble_kit.storage.submissions import HandedIn, QuotaRules, Sheet, read_rules
from ensemble_kit.storage.submissions import log as log
from ensemble_kit.workspace import BlendsOption, CacheOption, PredictionsOption, SubmissionsOption, Workspace


class SubmitOptions(PredictionsOption, BlendsOption, SubmissionsOption, CacheOption, VerifyOption, QuietOption):
    """What `submit` takes along."""


@command
def submit(
    blend: str | None = None,
    csv: str | Path | None = None,
    *,
    sample: str | Path | None = None,
    id: str = "name",
    encoding: str | None = None,
    check: bool = False,
    again: bool = False,
    quota: int | None = None,
    reset: str | None = None,
    zone: str | None = None,
    public_fraction: float | None = None,
    **options: Unpack[SubmitOptions],
) -> SubmitReport:
    """Hand a submission in: check it, keep it as `submissions/handed-in/NAME.csv`, count it against the day's quota.

    Args:
        blend: a name in `blends`, or a path; None, without a csv: the only one there is.
        csv: a submission that was made elsewhere; it is written anew, in the sample's order.
        sample: the judge's sample; its header, ids and order are kept, and enforced. None: the one that
            `blend` was given.
        id: `name` or `stem`: without a sample, image ids with or without their ending.
        encoding: of a csv or sample that is not UTF-8, as cp1252.
        check: only check; nothing is written, and nothing counts.
        again: hand in what says the same of every image as one before.
        quota, reset, zone, public_fraction: the judge's rules: submissions a day, when and where a day ends,
            the share of public images; once given they are kept. At first 5, 23:59, +08:00, 0.5.

    Raises:
        InvalidOptionError: the quota is used up, the same was handed in before, rules that cannot be, no
            such blend.
        BadDataError: a CSV that is not fit, with every problem; a sample that cannot be used.
        MisalignedError: the sample's ids are not ours, or members without test logits.
        CorruptError: a damaged file, or a blend whose members have changed; of one handed in before, a note says so.
        LockedError, ResourceError: the folder cannot be locked or written.
    """
    workspace, context = Workspace.of(options), RunContext.of(options)
    folder = workspace.submissions
    rules = read_rules(folder, say, quota=quota, reset=reset, zone=zone, public_fraction=public_fraction)
    there = log.without_own(folder, log.read_log(folder))
    if not check:
        check_writable(folder)
        check_writable(log.kept_path(folder, "").parent)
        log.check_quota(there, rules, advice.now())
    if blend is not None and csv is not None:
        raise InvalidOptionError("Give --blend or --csv, not both.")
    draft = (
        from_blend(blend, sample, id, encoding, workspace, context.verify)
        if csv is None
        else from_csv(Path(csv), sample, id, encoding, workspace.predictions)
    )
    same = _same(folder, there, draft.sheet)
    refuse = None if again else partial(_refuse_same, folder, draft.sheet)
    if refuse and not check:
        refuse(there)
    change, notes = None, []
    if there and (its := log.find_kept(folder, there[-1].name)) is not None:
        compared = None
        try:
            compared = _compared(there[-1], draft.entry, workspace, context.quiet)
        except EnsembleKitError as error:  # what is handed in is whole all the same
            notes.append(note("not-compared", split=draft.judged_on, name=there[-1].name, why=error))
        change = _change(there[-1], its, draft, rules, compared)
    entered = draft.entry if check else log.hand_in(folder, rules, advice.now, draft.entry, draft.sheet, refuse)
    return SubmitReport(
        name=entered.name,
        csv=None if check else log.kept_path(folder, entered.name),
        blend=entered.blend,
        images=entered.images,
        judged_on=draft.judged_on,
        public_images=public_images(entered.images, rules.public_fraction),
        honest_accuracy=entered.honest_accuracy,
        honest_interval=None
        if entered.honest_interval is None
        else (entered.honest_interval[0], entered.honest_interval[1]),
        expected_public=advice.expected_public(entered, rules),
        balance=_balance(draft),
        change=change,
        same_as=same,
        quota=rules.quota,
        left=advice.left(log.read_log(folder), rules),
        next_day=advice.next_day(rules, advice.now()),
        notes=(*draft.notes, *_formulas(draft.sheet), *notes),
    )


def _formulas(sheet: Sheet) -> list[str]:
    """Return a note where a person who opens the file in a spreadsheet may see what is not there."""
    found = [cell for cell in (*sheet.ids, *sheet.labels) if is_formula(cell)]
    if not found:
        return []
    return [note("formulas", count=len(found), first=found[0])]


def _same(folder: Path, there: Sequence[HandedIn], sheet: Sheet) -> str | None:
    """Return the name of what was handed in before and says the same of every image; None where nothing does."""
    return next((one.name for one in there if advice.changed(log.find_kept(folder, one.name), sheet) == 0), None)


def _refuse_same(folder: Path, sheet: Sheet, there: Sequence[HandedIn]) -> None:
    """Raise where one of those says the same of every image."""
    if same := _same(folder, there, sheet):
        raise InvalidOptionError(
            f"These predictions were handed in before, as '{same}'. To hand them in once more: --again."
        )


def _compared(before: HandedIn, after: HandedIn, workspace: Workspace, quiet: bool) -> CompareReport | None:
    """Return how two blends compare where members are judged; None where one is no blend, or both are the same.

    Raises:
        InvalidOptionError: the one before is gone, or was made anew since.
        CorruptError: a damaged file.
        MisalignedError: the two are judged on other images.
    """
    if before.blend is None or after.blend is None or before.blend_sha256 == after.blend_sha256:
        return None
    path = workspace.blends / f"{before.blend}.json"
    if blend_store.blend_sha256(blend_store.read_blend(path)) != before.blend_sha256:
        raise InvalidOptionError(f"{path} was made anew since.")
    return compare(str(workspace.blends / f"{after.blend}.json"), str(path), workspace=workspace, quiet=quiet)


def _change(
    before: HandedIn, its: Sheet, draft: Draft, rules: QuotaRules, compared: CompareReport | None
) -> ChangeReport | None:
    """Return what is new against the one before; None where its images are others."""
    moves = advice.moves_between(its, draft.sheet)
    if moves is None:
        return None
    images = draft.entry.images
    public = public_images(images, rules.public_fraction)
    told = telling(moves.total(), images, public)
    gain, bounds, p, trials, chance = None, None, None, None, None
    if compared is not None and compared.only_a is not None and compared.only_b is not None:
        gain, bounds, p, trials = compared.difference, compared.interval, compared.p, compared.trials
        shares = compared.only_a / compared.val_images, compared.only_b / compared.val_images
        chance = 0.0 if told.smallest is None else chance_to_show(*shares, public, told.smallest)
    return ChangeReport(
        previous=before.name,
        changed=moves.total(),
        moves=advice.top_moves(moves),
        public_rows=told.public_rows,
        points=min(moves.total(), public) / public,
        smallest=None if told.smallest is None else told.smallest / public,
        val_gain=gain,
        val_gain_interval=bounds,
        val_gain_p=p,
        val_trials=trials,
        chance=chance,
    )


def _balance(draft: Draft) -> BalanceReport | None:
    """Return how often each class is predicted beside the labels; None where these are not known."""
    if draft.val is None:
        return None
    names = list(draft.val)
    val = np.array([draft.val[name] for name in names])
    predicted = np.array([draft.sheet.labels.count(name) for name in names])
    shares = [
        ClassShareReport(name, float(a), float(b))
        for name, a, b in zip(names, val / max(val.sum(), 1), predicted / max(predicted.sum(), 1), strict=True)
    ]
    shares.sort(key=lambda one: -abs(one.share - one.val_share))
    return BalanceReport(balance_p(val, predicted), tuple(shares))
