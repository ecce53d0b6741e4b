"""A matplotlib figure as SVG that lives in a page: its colours are the page's, its text stays text.

Figures are drawn in stand-in colours, each of which becomes a variable of the page's style sheet, so
that they turn dark with it. The same figure gives the same bytes; what a matplotlibrc says is not
heard, and `$` in a name is a dollar sign.
"""

import io
import logging
import warnings
from collections.abc import Callable
from typing import Any, Final
from xml.etree import ElementTree

from ensemble_kit.visible import visible

COLOURS: Final = {
    "#0a0b01": "var(--ink)",
    "#0a0b02": "var(--muted)",
    "#0a0b03": "var(--line)",
    "#0a0b04": "var(--blue)",
    "#0a0b05": "var(--orange)",
    "#0a0b06": "var(--green)",
    "#0a0b07": "var(--paper)",
}
INK, MUTED, LINE, BLUE, ORANGE, GREEN, PAPER = COLOURS
"""Stand-ins, by what they become."""

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
STYLE: Final = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "figure.facecolor": "none",
    "lines.linewidth": 1.6,
}


def drawn(name: str, label: str, size_px: tuple[int, int], draw: Callable[[Any], None]) -> str:
    """Return what `draw` puts on a figure, as SVG.

    Args:
        name: of the figure on its page; no other may have it.
        label: what stands for it where it is not seen.
        size_px: width and height, at 96 pixels an inch.
        draw: draws on the figure that it is given.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    page = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.style.context(["default", {**STYLE, "svg.hashsalt": name}]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # glyphs that its own fonts lack; the browser has others
        figure = Figure(figsize=(size_px[0] / 96, size_px[1] / 96), dpi=96, layout="constrained")
        draw(figure)
        figure.savefig(page, format="svg", metadata=nothing)
    return _for_page(page.getvalue(), name, label, size_px)


def _for_page(text: str, name: str, label: str, size_px: tuple[int, int]) -> str:
    """Return the SVG that matplotlib wrote, in the page's colours, with names of its own and a label."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
        _recolour(parent)
        _rename(parent, name)
    root.attrib |= {"role": "img", "aria-label": visible(label), "style": f"width: {size_px[0]}px"}
    for attribute in ("width", "height"):
        root.attrib.pop(attribute, None)
    return ElementTree.tostring(root, encoding="unicode")


def _recolour(element: ElementTree.Element) -> None:
    style = element.get("style")
    if style:
        for stand_in, colour in COLOURS.items():
            style = style.replace(stand_in, colour)
        element.set("style", style)


def _rename(element: ElementTree.Element, name: str) -> None:
    """Give what is referred to a name that no other figure of the page has; drop names that nothing refers to."""
    mark = element.get("id")
    if mark:
        element.set("id", f"{name}-{mark}")
    target = element.get(f"{{{XLINK}}}href", "")
    if target.startswith("#"):
        element.set(f"{{{XLINK}}}href", f"#{name}-{target[1:]}")
    clip = element.get("clip-path", "")
    if clip.startswith("url(#"):
        element.set("clip-path", f"url(#{name}-{clip[5:]}")
