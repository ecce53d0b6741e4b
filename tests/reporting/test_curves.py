import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ensemble_kit.reporting.curves import view_curve_plot
from ensemble_kit.results.tta import CurveReport, CurveStepReport


def curve(stop, views=5):
    steps = tuple(
        CurveStepReport(k, f"crop@0.8:0.{k}x0.5", 0.8 + k / 100, (0.75, 0.88), -0.5, (-0.6, -0.4), 0.3 * k)
        for k in range(1, views + 1)
    )
    return CurveReport(steps, stop, Path("x.json"), None)


def reds(image):
    """The columns that hold the colour of the line where to stop, and nothing else of it."""
    pixels = np.asarray(image.convert("RGB")).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 110) & (pixels[..., 2] < 110)
    return np.flatnonzero(red.sum(axis=0) > 100)


def test_the_image_marks_where_to_stop():
    places = []
    for stop in (1, 3, 5):
        with Image.open(io.BytesIO(view_curve_plot(curve(stop), "cnn", 300))) as image:
            assert image.format == "PNG"
            marked = reds(image)
        assert 1 <= len(marked) <= 3
        places.append(marked.mean())
    assert places[0] < places[1] < places[2]
    assert abs((places[1] - places[0]) - (places[2] - places[1])) < 2


def test_thirty_views_are_numbered_and_still_drawn():
    assert len(view_curve_plot(curve(17, views=30), "cnn", 300)) > 10_000


def test_without_matplotlib_there_is_no_image(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert view_curve_plot(curve(1), "cnn", 300) is None
