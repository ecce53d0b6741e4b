"""What `ek soup` prints."""

from shlex import quote

from ensemble_kit.metrics import HAVE_COLUMNS, METRICS
from ensemble_kit.reporting.terminal import IMAGES, WHAT, bare_score, number, percent, table, weighed, wrapped
from ensemble_kit.results import IngredientReport, SoupReport


def cooked(report: SoupReport) -> str:
    """Return what went into the soup, how good it is, and what to think of it."""
    other = () if report.metric in HAVE_COLUMNS else (report.metric,)
    rows = [_row(one, one.name, "yes" if one.kept else "no", other) for one in report.ingredients]
    rows.append(_row(report.soup, f"soup '{report.soup.name}'", "", other))
    headings = [METRICS[metric].heading for metric in (*HAVE_COLUMNS, *other)]
    member, kept = report.member, sum(one.kept for one in report.ingredients)
    lines = [
        table(["ingredient", *headings, "kept"], rows),
        wrapped(
            f"on {member.val_images} {IMAGES[member.judged_on]}, at identity; the mean of all ingredients: "
            f"{percent(report.mean_accuracy)} %{''.join(f'; {METRICS[metric].heading}: {metric}' for metric in other)}"
        ),
        *map(wrapped, (_norms(report, kept), *_remarks(report, kept))),
        wrapped(
            f"logits on {member.judged_on} ({member.val_images})"
            + (f" and test ({member.test_images})" if member.test_images else "; no test folder, so no test logits"),
            "    ",
            f"  {member.path}  ",
        ),
        f"  {report.run}  checkpoint ({number(member.size_mb, 1)} MB)",
    ]
    if report.spoiled:
        return "\n".join([*lines, f"Next: ek members rm {quote(member.name)}"])
    return "\n".join([*lines, f"Next: ek tta --ckpt {quote(str(report.run))} --views flips"])


def _row(one: IngredientReport, title: str, kept: str, other: tuple[str, ...]) -> list[str]:
    return [
        title,
        percent(one.accuracy),
        number(one.log_loss, 3),
        *(bare_score(metric, one.score) for metric in other),
        kept,
    ]


def _norms(report: SoupReport, kept: int) -> str:
    """Return what was done about batch norms."""
    if not report.norms:
        return "The network has no batch norm, so there were no statistics to take again."
    if not report.settled:
        return "Batch norms keep the statistics that they came with."
    return (
        f"The mean of {kept} networks; statistics of {report.norms} batch norms taken again from "
        f"{report.train_images} training images."
    )


def _remarks(report: SoupReport, kept: int) -> list[str]:
    """Return what to think of the figures."""
    remarks = []
    if report.method == "greedy":
        only = kept == 1
        remarks.append(
            f"No other raised its val figure: the soup is '{report.ingredients[0].name}' under another name."
            if only
            else f"{WHAT[report.member.judged_on]} chose the ingredients, so the soup's figures are optimistic; "
            "recorded."
        )
    if report.spoiled:
        figures = weighed(report.gain_verdict, "accuracy", report.gain, report.gain_interval, report.gain_p)
        remarks.append(
            f"Warning: the soup is below its ingredients' mean: {figures}. So it is where their weights do not lie in "
            "one basin of the loss, as those of networks of different seeds hardly ever do. Blend them instead: "
            "ek blend. For a soup take networks fine-tuned from the same weights (ek train --init FILE or "
            "--pretrained), or --method greedy, which leaves out what does not fit."
        )
    return remarks
