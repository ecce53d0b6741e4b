"""a saved blend -> one page that shows all that is known of it, and the same as JSON."""

import importlib.util
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Final, Unpack

from ensemble_kit.context import QuietOption, RunContext, VerifyOption
from ensemble_kit.disk import check_writable
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.extras import install_hint
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.inputs import relative
from ensemble_kit.pipeline.models import OpenBlend, open_blend
from ensemble_kit.pipeline.report.curves import curve_path, learning_of, views_report_of
from ensemble_kit.pipeline.report.recompute import Case, blend_report, evaluate_again
from ensemble_kit.pipeline.report.reproduce import repeat_of
from ensemble_kit.pipeline.report.sections import (
    classes_of,
    confusion_of,
    costs_of_all,
    disagreement_of,
    label_errors_of,
    ladder_of,
    reliability_of,
    unsure_of,
    wrong_of,
)
from ensemble_kit.pipeline.report.thumbnails import find_images, thumbnail
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import BlendReport, PageReport, as_json
from ensemble_kit.storage.files import check_pair, page_voucher, write_pair
from ensemble_kit.workspace import BlendsOption, CacheOption, PredictionsOption, ReportsOption, RunsOption, Workspace

MOST_IMAGES: Final = 200


class ReportOptions(PredictionsOption, RunsOption, BlendsOption, ReportsOption, CacheOption, VerifyOption, QuietOption):
    """What `report` takes along."""


@command
def report(
    blend: str | Path | None = None,
    out: str | Path | None = None,
    *,
    top: int = 12,
    thumbnails: bool = True,
    replace: bool = False,
    **options: Unpack[ReportOptions],
) -> PageReport:
    """Show a blend on one HTML page that needs nothing else, and the same numbers as JSON beside it.

    What an image's class is was found by numbers that never saw it: cross-fitted, or those of the
    blend as it is where it was tuned on oof. The same inputs give the same bytes.

    Args:
        blend: a name in `blends`, or the path of its .json; None: the only one there is.
        out: the .html file; None: `reports/NAME.html`. The JSON has the same name but its ending.
        top: images of each kind to show: wrong, unsure, likely with a wrong label.
        thumbnails: embed thumbnails of them, where they are found.
        replace: overwrite a page or JSON of that name that ek did not write as it is; its own are made anew
            in any case.

    Raises:
        InvalidOptionError: no such blend, or several and none was named; a place where the page cannot
            go, as where something was edited or is another's; a package that is not installed.
        CorruptError: a damaged file, or a member that has changed.
        BadDataError: val without labels.
        MisalignedError: members that differ.
        ResourceError: the disk is full, or the folder cannot be written.
    """
    check_packages()
    if not 1 <= top <= MOST_IMAGES:
        raise InvalidOptionError(f"--top is {top}; wanted a whole number from 1 to {MOST_IMAGES}.")
    workspace, context = Workspace.of(options), RunContext.of(options)
    opened = open_blend(blend, workspace, context.verify)
    html = workspace.reports / f"{opened.saved.name}.html" if out is None else Path(out)
    json = _beside(html, opened, workspace)
    check_pair(json, page_voucher(html), replace)
    check_writable(json.parent, json)
    case = evaluate_again(opened, context.quiet)
    page = _page(case, blend_report(case, workspace.blends, context.quiet), top, workspace, html, json)
    page, shown = _with_thumbnails(page, opened, workspace) if thumbnails else (page, {})
    say("Drawing the page ...", context.quiet)
    from ensemble_kit.reporting.html import render

    numbers = as_json(page, path_as=relative).encode(errors="backslashreplace") + b"\n"
    write_pair(json, [numbers], page_voucher(html, render(page, shown).encode()), replace)
    return page


def check_packages() -> None:
    """Raise unless what draws the page is installed.

    Raises:
        InvalidOptionError: jinja2 or matplotlib is not.
    """
    missing = [name for name in ("jinja2", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        raise InvalidOptionError(f"ek report needs {' and '.join(missing)}: {install_hint('report')}")


def _beside(html: Path, opened: OpenBlend, workspace: Workspace) -> Path:
    """Return where the JSON goes.

    Raises:
        InvalidOptionError: the page would have no name of its own, or lie where something else is kept.
    """
    if html.suffix.lower() not in (".html", ".htm"):
        raise InvalidOptionError(f"--out is '{html}'; wanted a name that ends in .html.")
    json = html.with_suffix(".json")
    kept = {workspace.blends.resolve(), opened.path.resolve().parent}
    curves = {curve_path(workspace.reports, member.manifest.name).resolve() for member in opened.members}
    if html.resolve().parent in kept or json.resolve() in curves:
        raise InvalidOptionError(
            f"The page would go to '{html}' and its numbers to '{json}', where something else is kept. "
            "Choose another place: --out FILE.html."
        )
    return json


def _page(case: Case, blend: BlendReport, top: int, workspace: Workspace, html: Path, json: Path) -> PageReport:
    """Return all that the page shows but its thumbnails."""
    from ensemble_kit.reporting.html import headline

    members = case.opened.members
    ladder = ladder_of(case, workspace.predictions, workspace.cache)
    errors = label_errors_of(case, top)
    return PageReport(
        headline=headline(blend),
        blend=blend,
        repeats=case.repeats,
        ladder=ladder,
        classes=classes_of(case),
        confusion=confusion_of(case),
        reliability_before=reliability_of(case.plain, blend.calibration_before),
        reliability_after=reliability_of(case.cross_fitted.scored, blend.calibration_after),
        learning=tuple(learning_of(member.manifest, workspace.runs) for member in members),
        looks=tuple(views_report_of(member, workspace.reports, case.sets.evaluation.split) for member in members),
        disagreement=disagreement_of(case),
        costs=costs_of_all(blend, ladder),
        wrong=wrong_of(case, top),
        unsure=unsure_of(case, top),
        label_errors=errors.shown,
        label_errors_found=errors.found,
        label_errors_expected=errors.expected,
        label_noise=errors.noise,
        label_noise_interval=errors.noise_interval,
        pictures_note="not asked for",
        pictures_changed=False,
        repeat=repeat_of(case.opened, workspace),
        html=html,
        json=json,
    )


def _with_thumbnails(page: PageReport, opened: OpenBlend, workspace: Workspace) -> tuple[PageReport, dict[str, str]]:
    """Return the page, knowing why it has no thumbnails where it has none, and its thumbnails by image id."""
    wanted = [one.image_id for one in (*page.wrong, *page.unsure, *page.label_errors)]
    found = find_images(opened.members, workspace.predictions, workspace.runs, wanted)
    seen = {image_id: thumbnail(path) for image_id, path in sorted(found.places.items())}
    page = with_changes(page, pictures_note=found.note, pictures_changed=found.changed)
    return page, {image_id: uri for image_id, uri in seen.items() if uri is not None}
