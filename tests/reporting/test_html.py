"""The page of a blend: what stands in it, and that names cannot do anything."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from ensemble_kit.reporting.html import charts, maps
from ensemble_kit.reporting.html.drawing import COLOURS, drawn
from ensemble_kit.reporting.html.words import short
from ensemble_kit.results.blend import CalibrationReport
from ensemble_kit.results.report import (
    BinReport,
    ConfusionReport,
    DisagreementReport,
    LearningReport,
    ReliabilityReport,
    ViewsReport,
    WorthReport,
)
from ensemble_kit.results.tta import CurveStepReport
from ensemble_kit.visible import visible

HOSTILE = ("<script>alert(1)</script>", "$x^2$", "a&b\"c'", "zwei\nZeilen", "#0a0b04", "\u202eevil", "\ud800", "クラス")
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def confusion(classes, images=7):
    cells = [ConfusionReport(one, one, images) for one in classes]
    return maps.confusion([*cells, ConfusionReport(classes[0], classes[1], 2)], classes)


def bins(accuracy=0.8):
    one = BinReport(low=0.8, high=0.9, images=11, confidence=0.85, accuracy=accuracy, interval=(0.6, 0.9))
    return ReliabilityReport(CalibrationReport(0.05, 0.2, 0.5), (one,))


def worth(name, kind, ms, accuracy, on_front=True):
    return WorthReport(name, kind, ms, accuracy, (accuracy - 0.05, accuracy + 0.05), on_front)


def every_chart():
    steps = tuple(CurveStepReport(k, f"v{k}", 0.8, (0.7, 0.9), -0.5, (-0.6, -0.4), 0.3) for k in (1, 2, 3))
    return {
        "confusion": confusion(HOSTILE),
        "disagreement": maps.disagreement(DisagreementReport(("$a$", "<b>"), ((0.0, 0.3), (0.3, 0.0)))),
        "reliability": charts.reliability(bins(), bins(0.9), 11),
        "learning": charts.learning(
            0, LearningReport("<b>$m$", (1, 2), (2.0, 1.0), (1.5, float("nan")), (0.5, 0.6), None)
        ),
        "views": charts.view_curve(1, ViewsReport("m", "auto", (), steps, 2, None)),
        "costs": charts.costs([worth("$a$", "member", 0.5, 0.7), worth("this <b>", "blend", 7.0, 0.9)]),
    }


@pytest.fixture(scope="module")
def drawings():
    """Every chart, drawn twice."""
    return every_chart(), every_chart()


NAMES = ("confusion", "disagreement", "reliability", "learning", "views", "costs")


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_has_a_label_its_own_ids_and_the_colours_of_the_page(drawings, name):
    svg = drawings[0][name]
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert len(root.get("aria-label")) > 20
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    assert all(one.startswith(name) for one in ids)
    referred = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    assert set(referred) <= set(ids)
    drawn_in = " ".join(one.get("style", "") for one in root.iter())
    assert "var(--muted)" in drawn_in
    assert not any(colour in drawn_in for colour in COLOURS)
    assert not {one.tag for one in root.iter()} & {f"{SVG}style", f"{SVG}script", f"{SVG}metadata", f"{SVG}image"}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_numbers_give_the_same_bytes(drawings, name):
    assert drawings[0][name] == drawings[1][name]
    assert not re.search(r"20\d\d-\d\d-\d\d|Matplotlib v", drawings[0][name])


def test_what_a_matplotlibrc_says_is_not_heard():
    import matplotlib

    plain = confusion(("a", "b"))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "text.usetex": True, "svg.fonttype": "path"}):
        assert confusion(("a", "b")) == plain


def test_names_in_a_chart_are_text_as_they_are(drawings):
    said = texts(drawings[0]["confusion"])
    for name in HOSTILE:
        assert said.count(visible(name)) == 2, name
    assert "<script" not in drawings[0]["confusion"]


def test_a_matrix_of_many_classes_has_numbers_on_its_axes_and_stays_small():
    classes = [f"class {place:03d}" for place in range(211)]
    svg = confusion(classes)
    assert len(svg) < 200_000
    assert "class 007" not in texts(svg)
    assert "100" in texts(svg)


def test_the_numbers_of_a_small_matrix_stand_in_it():
    said = texts(confusion(("a", "b", "c")))
    assert said.count("7") == 3
    assert "2" in said


def test_times_far_apart_stand_on_an_axis_of_plain_numbers():
    said = texts(charts.costs([worth("a", "member", 0.5, 0.7), worth("b", "blend", 70.0, 0.9)]))
    assert {"1", "10", "100", "2", "5"} <= set(said)
    assert not any("10^" in one or "mathdefault" in one for one in said)


def test_without_times_there_is_no_chart_of_them():
    assert charts.costs([worth("a", "member", None, 0.7)]) is None


def test_before_is_left_out_where_nothing_was_before():
    assert any("before" in one for one in texts(charts.reliability(bins(), bins(), 11)))
    assert not any("before" in one for one in texts(charts.reliability(None, bins(), 11)))


def test_a_name_is_shown_without_marks_that_have_no_form():
    assert visible("a\tb\x1b[1m\u202e\u2028\ud800") == r"a\tb\x1b[1m\u202e\u2028\ud800"
    assert visible("Zoë 👩‍👩‍👧 ‌") == "Zoë 👩‍👩‍👧 ‌"
    assert len(short("x" * 300)) == 28


def test_a_figure_says_what_it_is_where_it_is_not_seen():
    class Labels(HTMLParser):
        found = None

        def handle_starttag(self, tag, attributes):
            self.found = self.found or dict(attributes).get("aria-label")

    parser = Labels()
    parser.feed(drawn("x", 'a "quoted" <b>\n', (200, 100), lambda figure: figure.subplots()))
    assert parser.found == 'a "quoted" <b>\\n'
