"""What `ek submit` and `ek submissions` say."""

from collections.abc import Iterator
from shlex import quote
from typing import Final

from ensemble_kit.reporting.terminal import WHERE, counted, interval, p_value, percent, table, weighed, wrapped
from ensemble_kit.results import BalanceReport, ChangeReport, SubmissionReport, SubmissionsReport, SubmitReport
from ensemble_kit.verdicts import LEVEL

UNLIKELY: Final = 0.001  # a balance of classes that chance gives less often is warned of
SHOWN: Final = 5


def submitted(report: SubmitReport) -> str:
    """Return what `ek submit` prints."""
    return "\n".join(line if line.startswith(("upload", "class")) else wrapped(line) for line in _submitted(report))


def submission_log(report: SubmissionsReport) -> str:
    """Return what `ek submissions` prints."""
    lines = (
        [_table(report.submissions)]
        if report.submissions
        else [wrapped("Nothing has been handed in yet: ek submit NAME.")]
    )
    if any(one.expected_public for one in report.submissions):
        lines.append(
            wrapped(
                "expected: where 95 % of public scores lie if test is like val (or like train, where there is no val)."
            )
        )
    lines.append(wrapped(_quota(report.left, report.quota, report.next_day)))
    if report.final_two:
        lines.append(wrapped(_final_two(report)))
    lines.extend(wrapped(note) for note in report.notes)
    return "\n".join(lines)


def scored(report: SubmissionsReport, name: str, public: float) -> str:
    """Return what `ek submissions score` prints."""
    return f"{wrapped(f'Entered: public score {percent(public)} % of {name}.')}\n\n{submission_log(report)}"


def withdrawn(report: SubmissionsReport, name: str) -> str:
    """Return what `ek submissions withdraw` prints."""
    return f"{wrapped(f'Withdrawn: {name} counts no more; its file stays.')}\n\n{submission_log(report)}"


def _submitted(report: SubmitReport) -> Iterator[str]:
    source = f"blend '{report.blend}'" if report.blend else f"'{report.name}'"
    done = "Checked" if report.csv is None else "Handed in"
    known = report.blend is not None or report.balance is not None
    yield f"{done}: {source}, {counted(report.images, 'image')}, each once{', every label a class' if known else ''}."
    if report.csv is not None:
        yield f"upload  {report.csv}"
        yield "Nothing was uploaded: that is yours to do."
    yield from report.notes
    if report.same_as:
        yield f"These predictions were handed in before, as '{report.same_as}'."
    if report.balance is not None:
        yield from _balance(report.balance, report.judged_on)
    yield from _expected(report)
    if report.change is not None:
        yield from _change(report.change, report.public_images, report.judged_on)
    yield ""
    yield _quota(report.left, report.quota, report.next_day)
    if report.csv is not None:
        yield f"When the judge shows its score: ek submissions score {quote(report.name)} 0.912"
        yield f"Not uploaded after all: ek submissions withdraw {quote(report.name)}"


def _expected(report: SubmitReport) -> Iterator[str]:
    if report.honest_accuracy is None or report.honest_interval is None or report.expected_public is None:
        yield "A CSV made elsewhere has no honest estimate, so no public score can be predicted."
        return
    yield (
        f"Honest estimate {percent(report.honest_accuracy)} % ({interval(report.honest_interval)}). If test is like "
        f"{WHERE[report.judged_on]}, 95 of 100 public scores on {report.public_images} images lie in "
        f"{interval(report.expected_public)} %."
    )


def _balance(balance: BalanceReport, judged_on: str) -> Iterator[str]:
    """Return a warning where chance hardly explains how often classes are predicted; else a word."""
    if balance.p >= LEVEL:
        yield f"No sign that classes come otherwise than in {WHERE[judged_on]} (chi-square, {p_value(balance.p)})."
        return
    if balance.p >= UNLIKELY:
        yield (
            f"Classes come a little otherwise than in {WHERE[judged_on]} (chi-square, {p_value(balance.p)}), no reason "
            "to worry yet."
        )
        return
    yield (
        f"Warning: classes do not come as often as in {WHERE[judged_on]} (chi-square, {p_value(balance.p)}). Either "
        "test has another mix, or some classes are given too readily, or rows or classes are mixed up. The most unlike:"
    )
    rows = [[one.name, percent(one.val_share), percent(one.share)] for one in balance.classes[:SHOWN]]
    yield table(["class", f"of {WHERE[judged_on]} %", "of predictions %"], rows)


def _change(change: ChangeReport, public: int, judged_on: str) -> Iterator[str]:
    yield ""
    if not change.changed:
        yield f"Against '{change.previous}': nothing is changed."
        return
    moves = ", ".join(f"{one.before} to {one.after} {one.images}" for one in change.moves)
    most = "; most" if sum(one.images for one in change.moves) < change.changed else ""
    yield f"Against '{change.previous}': {counted(change.changed, 'image')} changed{most}: {moves}."
    yield _telling(change, public)
    if change.val_verdict is not None and change.chance is not None:
        assert change.val_gain is not None
        assert change.val_gain_interval is not None
        figures = change.val_gain, change.val_gain_interval, change.val_gain_p or 0.0, change.val_trials or 1
        yield (
            f"On {judged_on}, cross-fitted, the new one against it: "
            f"{weighed(change.val_verdict, 'accuracy', *figures)}. If that gain is real, the public part "
            f"shows more than chance in {percent(change.chance, 0)} of 100 cases."
        )


def _telling(change: ChangeReport, public: int) -> str:
    """Return what the public part can tell."""
    most = f"the score moves by {_points(change.points)} points at most"
    if change.smallest is None:
        return f"If all of them are public, {most}; no difference can be told from chance."
    about = f"About {change.public_rows:.0f} of them are public; if all are, {most}"
    return f"{about}; less than {_points(change.smallest)} points on {public} public images is within chance."


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _table(submissions: tuple[SubmissionReport, ...]) -> str:
    rows = [
        [
            one.name,
            f"{one.time[5:10]} {one.time[11:16]}",
            percent(one.honest_accuracy),
            "-" if one.expected_public is None else interval(one.expected_public),
            f"{percent(one.public)}{'!' if one.surprising else ''}",
            "-" if one.changed is None else str(one.changed),
        ]
        for one in submissions
    ]
    return table(["name", f"UTC{submissions[0].time[19:]}", "honest %", "expected %", "public %", "changed"], rows)


def _quota(left: int, quota: int, next_day: str) -> str:
    """Return what is left of the day's quota."""
    begins = f"{next_day[:10]} {next_day[11:16]} (UTC{next_day[19:]})"
    return f"{left} of {quota} left today; the judge's next day begins {begins}."


def _final_two(report: SubmissionsReport) -> str:
    """Return which two to end with."""
    first, *rest = report.final_two
    judged = any(one.honest_accuracy is not None for one in report.submissions)
    best = "best by honest estimate" if judged else "best by public score, as none has an honest estimate"
    if not rest:
        return f"Choose as final: '{first}', {best}; no other differs from it and can be evaluated."
    why = "within half a standard error of it, and the most different" if report.as_good else "the next best"
    return f"Choose as final: '{first}', {best}, and '{rest[0]}', {why}."
