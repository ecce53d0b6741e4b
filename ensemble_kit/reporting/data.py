"""What `ek data check` prints: a table a section, the worst first, at most 80 columns.

A section that has nothing to say is one line, or none. To report something new: a function
from the report to lines, and its name in `checked`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ensemble_kit.reporting.terminal import counted, dark, percent, table, wrapped
from ensemble_kit.results import DataReport, Finding, Shift

SHOWN: Final = 10
_NAME: Final = 29  # columns for an image's name where two stand side by side


def checked(report: DataReport) -> str:
    """Return what `ek data check` prints."""
    sections = [_overview, _classes, _unreadable, _leaks, _conflicts, _duplicates, _elongated, _dark, _shifts, _verdict]
    return "\n\n".join("\n".join(lines) for section in sections if (lines := section(report)))


def _overview(report: DataReport) -> list[str]:
    rows = [
        [split.split, f"{split.images:,}", *(f"{px:,}" if px else "-" for px in split.side_px or (0, 0, 0))]
        for split in report.splits
    ]
    total = sum(split.images for split in report.splits)
    lines = [
        wrapped(f"{report.source}: {total:,} images, {len(report.classes)} classes"),
        table(["split", "images", "shorter side: min px", "median", "max"], rows),
    ]
    for word in ("formats", "modes"):
        counts: Counter[str] = sum((Counter(getattr(split, word)) for split in report.splits), Counter())
        lines.append(wrapped(f"{word}: " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common())))
    lines += [wrapped(sentence) for sentence in report.taken]
    if report.passed_over:
        lines.append(wrapped(f"passed over, no images by their name: {counted(report.passed_over, 'file')}"))
    return lines


def _classes(report: DataReport) -> list[str]:
    """Return the classes by their number in train, the rarest first."""
    known = [split for split in report.splits if split.classes]
    if not known:
        return []
    train = known[0].classes
    names = sorted(train, key=lambda name: train[name])
    rows = [[name, *(f"{split.classes[name]:,}" for split in known)] for name in names[:SHOWN]]
    return [
        table(["class, rarest first", *(split.split for split in known)], rows),
        *_more(len(names) - SHOWN, "classes", report, hint=False),
        wrapped(_imbalance(train, names[-1], names[0])),
    ]


def _imbalance(train: Mapping[str, int], most: str, least: str) -> str:
    if not train[least]:
        return f"Train has no image of: {', '.join(name for name, count in train.items() if not count)}."
    ratio = train[most] / train[least]
    return f"In train, the largest class, {most}, is {ratio:.1f} times the smallest, {least}."


def _unreadable(report: DataReport) -> list[str]:
    """Return each reason once, with the first of its files."""
    found = [finding for finding in report.findings if finding.kind == "unreadable"]
    if not found:
        return ["Every file can be read."]
    alike: dict[str, list[Finding]] = {}
    for finding in found:
        alike.setdefault(finding.detail, []).append(finding)
    some = list(alike.values())
    left = sum(map(len, some[SHOWN:]))
    return [
        f"Unreadable: {counted(len(found), 'file')}",
        *_list([one[0] for one in some], [len(one) for one in some]),
        *_more(left, "files", report),
    ]


def _leaks(report: DataReport) -> list[str]:
    found = [finding for finding in report.findings if finding.leak]
    if not found:
        return [wrapped("No image and no group stands in two splits.")] if len(report.splits) > 1 else []
    title = f"Leaks: {counted(len(found), 'image or group', 'images or groups')} in two splits"
    return [*_pairs(title, found, report), *map(wrapped, _worth(found, report))]


def _worth(found: Sequence[Finding], report: DataReport) -> Iterator[str]:
    """Yield by how much each split's accuracy can be raised by those of its images that are in train too."""
    known = {(one.split, one.image_id) for one in found if one.other_split == "train" and one.kind != "group"}
    for split in report.splits:
        if images := sum(name == split.split for name, _ in known):
            yield (
                f"{images:,} of {split.images:,} images of {split.split} are in train too: they can raise the accuracy "
                f"on {split.split} by {percent(images / split.images)} points at most."
            )


def _conflicts(report: DataReport) -> list[str]:
    found = [finding for finding in report.findings if finding.conflict]
    if not found:
        return []
    return [
        f"Two labels on one image: {counted(len(found), 'pair')}",
        table(
            ["image", "label", "other label", "of"],
            [
                [
                    _short(f"{finding.split} {finding.image_id}", 25),
                    _short(str(finding.label), 11),
                    _short(str(finding.other_label), 11),
                    _short(f"{finding.other_split} {finding.other_id}", 25),
                ]
                for finding in found[:SHOWN]
            ],
            left=4,
        ),
        *_more(len(found) - SHOWN, "pairs", report),
    ]


def _duplicates(report: DataReport) -> list[str]:
    found = [finding for finding in report.findings if finding.other_id is not None and not finding.leak]
    if not found:
        return ["No duplicates within a split."]
    splits = Counter(finding.split for finding in found)
    told = ", ".join(f"{count:,} in {split}" for split, count in splits.items())
    return _pairs(f"Duplicates within a split: {told}", found, report)


def _elongated(report: DataReport) -> list[str]:
    found = [finding for finding in report.findings if finding.kind == "elongated"]
    if not found:
        return []
    return [
        wrapped(f"Elongated, 3 to 1 or more; they are squashed to a square: {counted(len(found), 'image')}"),
        *_list(found),
        *_more(len(found) - SHOWN, "images", report),
    ]


def _dark(report: DataReport) -> list[str]:
    """Return that all images, or those of a split, are dark, or which show nothing."""
    if said := dark({split.split: split.brightest for split in report.splits if split.brightest is not None}):
        return [wrapped(said)]
    found = [finding for finding in report.findings if finding.kind == "black"]
    if not found:
        return []
    return [f"Black: {counted(len(found), 'image')}", *_list(found), *_more(len(found) - SHOWN, "images", report)]


def _shifts(report: DataReport) -> list[str]:
    if not report.shifts:
        return []
    order = ["shifted", "too few to tell", "no shift seen"]
    found = sorted(report.shifts, key=lambda shift: order.index(shift.verdict))
    rows = [
        [f"{shift.split}: {shift.measure}", _figure(shift, shift.train), _figure(shift, shift.other), shift.verdict]
        for shift in found
    ]
    return [
        table(["against train", "train", "there", "verdict"], rows),
        wrapped("shifted: by over 0.2 standard deviations and beyond chance (3 standard errors)"),
    ]


def _figure(shift: Shift, value: float) -> str:
    if shift.measure.startswith("share"):
        return f"{percent(value)} %"
    return f"{value:.1f} px" if shift.measure == "shorter side" else f"{value:.3f}"


def _verdict(report: DataReport) -> list[str]:
    lines = [f"{word:<7} {path}" for word, path in (("csv", report.csv), ("sheet", report.sheet)) if path]
    if report.clean:
        return [*lines, wrapped("Nothing stands in the way: no leaks, no unreadable files.")]
    told = [
        *([counted(report.unreadable, "unreadable file")] if report.unreadable else []),
        *([counted(report.leaks, "leak")] if report.leaks else []),
    ]
    look = "" if report.sheet else " Look at them: --sheet found.png."
    return [*lines, wrapped(f"To put right first: {' and '.join(told)}.{look}")]


def _list(found: Sequence[Finding], counts: Sequence[int] = ()) -> list[str]:
    """Return a line a finding; `counts` says how many each stands for."""
    more = [f" and {count - 1:,} more" if count > 1 else "" for count in counts or [1] * len(found)]
    return [
        wrapped(f"  {one.split} {one.image_id}{also}: {one.detail}", indent="    ")
        for one, also in list(zip(found, more, strict=True))[:SHOWN]
    ]


def _pairs(title: str, found: Sequence[Finding], report: DataReport) -> list[str]:
    """Return a title and a table of pairs."""
    rows = [
        [
            finding.kind,
            "" if finding.distance is None else str(finding.distance),
            _short(f"{finding.split} {finding.image_id}"),
            _short(f"{finding.other_split} {finding.other_id}"),
        ]
        for finding in found[:SHOWN]
    ]
    return [
        wrapped(title),
        table(["kind", "bits", "image", "stands also as"], rows, left=4),
        *_more(len(found) - SHOWN, "pairs", report),
    ]


def _more(left: int, word: str, report: DataReport, hint: bool = True) -> list[str]:
    if left <= 0:
        return []
    return [f"and {left:,} more {word}" + (" (--csv FILE lists all)" if hint and not report.csv else "")]


def _short(text: str, columns: int = _NAME) -> str:
    """Return a text with its middle left out where it is longer than that."""
    half = (columns - 1) // 2
    return text if len(text) <= columns else f"{text[:half]}…{text[-half:]}"
