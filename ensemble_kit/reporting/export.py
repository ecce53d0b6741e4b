"""What `ek export` prints."""

from ensemble_kit.reporting.terminal import counted, number, percent, wrapped
from ensemble_kit.results import ExportReport

INDENT = " " * 6


def exported(report: ExportReport) -> str:
    """Return what the graph takes and gives, and how far it was checked."""
    side = "height, width" if report.side_px is None else f"{report.side_px}, {report.side_px}"
    honest = f", honest estimate {percent(report.honest_accuracy)} %" if report.honest_accuracy is not None else ""
    views = counted(report.views, "view")
    lines = [
        wrapped(f"Blend '{report.blend}', {report.method}{honest}: {', '.join(report.members)}; {views} in all."),
        "",
        wrapped(f"uint8 (images, 3, {side}), RGB", INDENT, first="in    pictures       "),
        wrapped(f"float32 (images, {report.classes}){_unit(report)}", INDENT, first="out   probabilities  "),
        wrapped("int64 (images), the index of the class", INDENT, first="      label          "),
        "",
        wrapped(_sizes(report)),
        wrapped(_checked(report)),
        wrapped(
            f"ONNX Runtime {number(report.ms_graph, 2)} ms per image, plain PyTorch {number(report.ms_torch, 2)} ms, "
            f"{report.batch} at once, {counted(report.threads, 'thread')}."
        ),
        *map(wrapped, report.notes),
        "",
        f"graph  {report.path}",
        wrapped(f"{report.size_mb:.1f} MB, opset {report.opset}; class names are in its metadata.", first=" " * 7),
    ]
    return "\n".join(lines)


def _unit(report: ExportReport) -> str:
    return f": {report.output}" if report.output != "probabilities" else ""


def _checked(report: ExportReport) -> str:
    """Return how far the graph and PyTorch are apart."""
    left_out = f" ({report.near_ties} left out: too near a tie)" if report.near_ties else ""
    return (
        f"Checked on {counted(report.checked, 'image')}{left_out}: {report.output} at most "
        f"{report.largest_difference:.1g} from PyTorch's, no class changed."
    )


def _sizes(report: ExportReport) -> str:
    """Return who resizes, and what becomes of images that are resized before."""
    squares = f"{report.squares_px} x {report.squares_px} px"
    changed = f"{report.squares_changed} of {report.checked} images"
    if report.sizes_px == (report.squares_px,):
        own = f"Members take {squares}"
        return f"{own}; the graph resizes to that itself." if report.side_px is None else f"{own} too."
    sizes = f"Members take {', '.join(map(str, report.sizes_px))} px"
    if report.side_px is None:
        return f"{sizes}; give images as they are: resized to {squares} before, {changed} change their class."
    return f"{sizes}, so most images are resized twice: {changed} have another class than their files by ek tta."
