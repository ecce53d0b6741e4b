"""The desk: what was handed in, what the judge said of it, and what that tells.

Never writes; `submit` and `submissions` do. The clock is `now`, and nothing else here reads one.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from ensemble_kit.ensembling.contest import expected_interval, final_two, public_images, telling
from ensemble_kit.id_forms import stem
from ensemble_kit.reporting.terminal import note
from ensemble_kit.results import Interval, MoveReport, SubmissionReport, SubmissionsReport
from ensemble_kit.storage.submissions import HandedIn, QuotaRules, Sheet, find_kept, kept_path, of_today, read_log

MOVES: Final = 5
ROUNDING: Final = 0.01  # by so much two public scores may be further apart, shown in whole percent
SHOWN: Final = 3  # pairs that are ranked in two ways


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def advise(folder: Path, rules: QuotaRules) -> SubmissionsReport:
    """Return all that was handed in, and what the scores tell.

    Raises:
        CorruptError: a line of the ledger, or what was handed in, is damaged.
    """
    there = read_log(folder)
    sheets, notes = _kept(folder, there)
    final, as_good = _final_two(there, sheets, rules)
    return SubmissionsReport(
        submissions=tuple(
            _row(one, rules, None if place == 0 else changed(sheets[place - 1], sheets[place]))
            for place, one in enumerate(there)
        ),
        final_two=final,
        as_good=as_good,
        quota=rules.quota,
        left=left(there, rules),
        next_day=next_day(rules, now()),
        notes=(
            *notes,
            *_impossible(there, sheets, rules),
            *_surprises(there, rules),
            *_inversions(there, sheets, rules),
        ),
    )


def left(there: Sequence[HandedIn], rules: QuotaRules) -> int:
    """Return how many more may be handed in today."""
    return max(0, rules.quota - len(of_today(there, rules, now())))


def next_day(rules: QuotaRules, moment: datetime) -> str:
    """Return when the judge's next day begins, in its zone."""
    return rules.day(moment).end.astimezone(rules.clock[1]).isoformat(timespec="seconds")


def expected_public(one: HandedIn, rules: QuotaRules) -> Interval | None:
    """Return where 95 % of public scores would lie, were test like val; None without an honest estimate."""
    if one.honest_accuracy is None or one.honest_interval is None or not one.val_images:
        return None
    low, high = one.honest_interval
    public = public_images(one.images, rules.public_fraction)
    return expected_interval(one.honest_accuracy, (low, high), one.val_images, public)


def by_image(sheet: Sheet, stems: bool = False) -> dict[str, str]:
    """Return the label of each image, by its id or by its stem."""
    return {stem(one) if stems else one: label for one, label in zip(sheet.ids, sheet.labels, strict=True)}


def changed(before: Sheet | None, after: Sheet | None) -> int | None:
    """Return on how many images two say different classes; None where their images differ, or one is not there."""
    moves = moves_between(before, after)
    return None if moves is None else moves.total()


def moves_between(before: Sheet | None, after: Sheet | None) -> Counter[tuple[str, str]] | None:
    """Return how many images went from which class to which; None as in `changed`."""
    if before is None or after is None:
        return None
    for stems in (False, True):
        old, new = by_image(before, stems), by_image(after, stems)
        if old.keys() == new.keys() and len(new) == len(after.ids):
            return Counter((old[one], new[one]) for one in new if old[one] != new[one])
    return None


def top_moves(moves: Counter[tuple[str, str]]) -> tuple[MoveReport, ...]:
    """Return the most frequent moves; equally frequent ones by name."""
    ordered = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
    return tuple(MoveReport(before, after, images) for (before, after), images in ordered[:MOVES])


def _kept(folder: Path, there: Sequence[HandedIn]) -> tuple[list[Sheet | None], list[str]]:
    """Return what was handed in, None where that is gone, and what to say of it."""
    sheets = [find_kept(folder, one.name) for one in there]
    notes = [
        note("not-kept", name=one.name, path=kept_path(folder, one.name))
        for one, sheet in zip(there, sheets, strict=True)
        if sheet is None
    ]
    return sheets, notes


def _row(one: HandedIn, rules: QuotaRules, differs: int | None) -> SubmissionReport:
    expected = expected_public(one, rules)
    known = expected is not None and one.public is not None
    return SubmissionReport(
        name=one.name,
        time=one.moment.astimezone(rules.clock[1]).isoformat(timespec="seconds"),
        blend=one.blend,
        honest_accuracy=one.honest_accuracy,
        public=one.public,
        expected_public=expected,
        surprising=_outside(one, expected) if known else None,
        changed=differs,
    )


def _outside(one: HandedIn, expected: Interval | None) -> bool:
    """Say whether the public score lies outside what was expected, by more than rounding."""
    if expected is None or one.public is None:
        return False
    return not expected[0] - 1e-6 <= one.public <= expected[1] + 1e-6


def _surprises(there: Sequence[HandedIn], rules: QuotaRules) -> list[str]:
    """Return what to say of public scores that the honest estimates did not lead one to expect."""
    notes = []
    for one in there:
        expected = expected_public(one, rules)
        if expected is None or one.public is None or not _outside(one, expected):
            continue
        said = [f"{100 * share:.1f}" for share in (one.public, *expected, one.honest_accuracy or 0)]
        shown = dict(zip(("public", "low", "high", "honest"), said, strict=True))
        notes.append(note("score-below" if one.public < expected[0] else "score-above", name=one.name, **shown))
    return notes


def _impossible(there: Sequence[HandedIn], sheets: Sequence[Sheet | None], rules: QuotaRules) -> list[str]:
    """Return what to say where public scores differ by more than the images that differ allow."""
    for (one, its), (other, others) in combinations(zip(there, sheets, strict=True), 2):
        differ = changed(its, others)
        if one.public is None or other.public is None or differ is None:
            continue
        public, gap = public_images(one.images, rules.public_fraction), abs(one.public - other.public)
        if (gap - ROUNDING) * public > differ + 1e-6:
            shown = {"points": f"{100 * gap:.1f}", "gap": f"{gap * public:.0f}", "public": public, "differ": differ}
            return [note("scores-impossible", one=one.name, other=other.name, **shown)]
    return []


def _inversions(there: Sequence[HandedIn], sheets: Sequence[Sheet | None], rules: QuotaRules) -> list[str]:
    """Return what to say where public scores rank two otherwise than honest estimates."""
    notes: list[tuple[float, str]] = []
    for (one, its), (other, others) in combinations(zip(there, sheets, strict=True), 2):
        if None in (one.public, other.public, one.honest_accuracy, other.honest_accuracy):
            continue
        public, honest = _gap(one.public, other.public), _gap(one.honest_accuracy, other.honest_accuracy)
        if public * honest < 0:
            better, worse = (one, other) if public > 0 else (other, one)
            meaning = _meaning(abs(public), changed(its, others), one.images, rules)
            said = note("ranked-otherwise", better=better.name, worse=worse.name, meaning=meaning)
            notes.append((abs(public), said))
    notes.sort(key=lambda one: -one[0])
    more = [note("more-pairs", count=len(notes) - SHOWN)] if len(notes) > SHOWN else []
    return [said for _, said in notes[:SHOWN]] + more


def _gap(a: float | None, b: float | None) -> float:
    return (a or 0.0) - (b or 0.0)


def _meaning(gap: float, differ: int | None, images: int, rules: QuotaRules) -> str:
    """Return whether a difference of public scores means something."""
    if differ is None:
        return "what that means cannot be said"
    public = public_images(images, rules.public_fraction)
    smallest = telling(differ, images, public).smallest
    if smallest is not None and gap * public >= smallest - 0.5:
        return f"{100 * gap:.1f} points on {public} public images are more than chance, so look at what changed"
    return f"{100 * gap:.1f} points on {public} public images are within chance, so go by the honest ones"


def _final_two(
    there: Sequence[HandedIn], sheets: Sequence[Sheet | None], rules: QuotaRules
) -> tuple[tuple[str, ...], bool]:
    """Return the names of the two to end with, and whether the second is as good as the first.

    Public scores count only where there is no honest estimate at all.
    """
    fit = [place for place, sheet in enumerate(sheets) if sheet is not None]
    if not fit:
        return (), False
    honest = [there[place].honest_accuracy for place in fit]
    scored = any(value is not None for value in honest)
    values = honest if scored else [there[place].public for place in fit]
    if all(value is None for value in values):
        return (), False
    images = [
        (there[p].val_images if scored else public_images(there[p].images, rules.public_fraction)) or 1 for p in fit
    ]
    apart = np.zeros((len(fit), len(fit)))
    for (i, a), (j, b) in combinations(enumerate(fit), 2):
        differ = changed(sheets[a], sheets[b])
        apart[i, j] = apart[j, i] = 0.0 if differ is None else differ / there[a].images
    accuracies = np.array([np.nan if value is None else value for value in values])
    found = final_two(accuracies, apart, np.array(images, dtype=np.float64))
    names = tuple(there[fit[place]].name for place in (found.first, found.second) if place is not None)
    return names, found.near_best
