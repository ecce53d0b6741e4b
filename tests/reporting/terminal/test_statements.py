"""No sentence says more than its numbers do, and the page, the terminal and the JSON say the same."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reporting.test_compare import REPORT as COMPARED
from reporting.test_tta import REPORT as LOOKED

from ensemble_kit.reporting.auto import done
from ensemble_kit.reporting.blend import verdict as blend_verdict
from ensemble_kit.reporting.compare import sentence
from ensemble_kit.reporting.html.words import headline
from ensemble_kit.reporting.submit import submitted
from ensemble_kit.reporting.terminal.statements import PHRASES, WORDS, curve_gain
from ensemble_kit.reporting.tta import views_added
from ensemble_kit.results.auto import AutoReport, FlipReport
from ensemble_kit.results.blend import BlendReport, DiversityReport, EvaluatedReport, NumbersReport, ProcedureReport
from ensemble_kit.results.json_text import as_json
from ensemble_kit.results.parts.figures import BaselineFigures, BlendFigures, Gain
from ensemble_kit.results.parts.full_report import FullReport
from ensemble_kit.results.submit import ChangeReport, SubmitReport
from ensemble_kit.results.tta import CurveGainReport, CurveReport
from ensemble_kit.verdicts import VERDICTS

CLAIM = re.compile(r"\b(better|worse|helps?|beats?|wins?|loses?|harms?|harmful|really|proven|no more|as good)\b")
SMALL = st.floats(-0.3, 0.3)


@st.composite
def gains(draw):
    """A difference inside its interval, and a p-value that may or may not go with it."""
    low, difference, high = sorted(draw(st.tuples(SMALL, SMALL, SMALL)))
    p = draw(st.sampled_from([0.0, 0.0004, 0.02, 0.3, 1.0]))
    assume(not Gain(difference, (low, high), p).is_of_itself)  # two that are one have nothing to be told
    return difference, (low, high), p


def blend_report(equal=(0.01, (-0.017, 0.037), 0.63), single=(0.008, (-0.01, 0.026), 0.56), trials=1, **given):
    """A blend of two members with these gains."""
    bounds = (0.86, 0.93)
    worth = {
        "tuned_accuracy": 0.9,
        "tuned_score": 0.9,
        "honest_accuracy": 0.9,
        "honest_interval": bounds,
        "honest_score": 0.9,
        "honest_score_interval": bounds,
    }
    weights, temperatures = {"cnn": 0.7, "mlp": 0.3}, {"cnn": 1.0, "mlp": 1.0}
    return BlendReport(
        **{
            "name": "b",
            "procedure": ProcedureReport("logit-sum", "auto", {}, "accuracy", "val"),
            "numbers": NumbersReport(("cnn", "mlp"), (), weights, temperatures, None, 1.0, None),
            "evaluated": EvaluatedReport("val", 300, None, 300, trials),
            "this": BlendFigures(
                **worth, tuned_interval=bounds, tuned_score_interval=bounds, optimism=0.01, tuned_oof_accuracy=0.9
            ),
            "equal": BaselineFigures(**worth, name="equal weights", gain=Gain(*equal, 0.036)),
            "best_single": BaselineFigures(**worth, name="cnn", gain=Gain(*single)),
            "calibration_before": None,
            "calibration_after": None,
            "diversity": DiversityReport(0.8, 0.95, 0.2, 0.1, 0.5, 0.4, (), None),
            "full": FullReport(),
            "verdict": "",
            "notes": (),
            "blend_path": Path("blends/b.json"),
            "submission_path": None,
            "seconds": 1.0,
        }
        | given
    )


def curve_report(accuracy, likelihood, over=1, views=2):
    """A curve whose last step gains so much."""
    gain = CurveGainReport(views, over, *accuracy, *likelihood)
    steps = LOOKED.curve.steps[:views]
    return CurveReport(steps, over if over > 1 else views, None, None, gain)


def holds_nought(gain):
    low, high = gain[1]
    return low <= 0 <= high


def claims(text):
    return CLAIM.findall(" ".join(text.split()))


def test_every_verdict_has_its_words():
    assert set(PHRASES) == set(WORDS) == set(VERDICTS)


@given(gains(), gains(), st.integers(0, 7))
@settings(deadline=None)
def test_a_blend_is_called_better_or_worse_only_where_its_intervals_say_so(equal, single, trials):
    report = blend_report(equal, single, trials)
    told = blend_verdict(report), headline(report)
    if holds_nought(equal) and holds_nought(single):
        assert not any(map(claims, told))
    for rival, code in (
        ("picking the best single member ('cnn')", report.vs_best_single),
        ("equal weights", report.vs_equal),
    ):
        for text in told:
            phrase = re.search(
                rf"(?:(is better than|is worse than|looks better than|looks worse than)) {re.escape(rival)}", text
            )
            assert (phrase.group(1) if phrase else "cannot be told apart from") == PHRASES[code], text
    held = json.loads(as_json(report))
    assert (held["vs_equal"], held["vs_best_single"]) == (report.vs_equal, report.vs_best_single)


@given(gains(), st.integers(0, 7), st.sampled_from(["accuracy", "log-loss"]))
@settings(deadline=None)
def test_one_of_two_is_called_better_only_where_the_interval_says_so(gain, trials, metric):
    report = replace(
        COMPARED, metric=metric, difference=gain[0], interval=gain[1], p=gain[2], trials=trials, resolvable=0.04
    )
    assert bool(claims(sentence(report))) == (report.verdict not in ("unclear", "as-good"))
    if holds_nought(gain):
        assert not claims(sentence(report))
    if report.verdict in ("better", "worse"):
        larger = report.a if gain[0] > 0 else report.b
        smaller = report.b if gain[0] > 0 else report.a
        ahead, behind = (larger, smaller) if metric == "accuracy" else (smaller, larger)
        assert f"{ahead} is better than {behind} by" in sentence(report)
    assert json.loads(as_json(report))["verdict"] == report.verdict


@given(gains(), gains(), st.integers(1, 2))
@settings(deadline=None)
def test_views_are_said_to_gain_only_where_intervals_say_so(accuracy, likelihood, over):
    curve = curve_report(accuracy, likelihood, over, 2 if over == 1 else 5)
    said = " ".join(views_added(replace(LOOKED, views=LOOKED.views[:1], class_harm=(), curve=curve)).split())
    assert curve_gain(curve.gain) in said  # what the page says below its chart, to the letter
    if holds_nought(accuracy) and holds_nought(likelihood):
        assert not claims(said)


@given(gains())
@settings(deadline=None)
def test_weighed_views_are_said_to_gain_only_where_the_interval_says_so(gain):
    report = replace(
        LOOKED, views=(LOOKED.views[0], LOOKED.views[2]), class_harm=(), curve=None, smallest_harm=None,
        gain=gain[0], gain_interval=gain[1], gain_p=gain[2],
    )  # fmt: skip
    if holds_nought(gain):
        assert not claims(views_added(report))
    assert WORDS[report.gain_verdict] in " ".join(views_added(report).split())


@given(gains(), st.integers(0, 5))
@settings(deadline=None)
def test_a_submission_is_called_better_than_the_last_only_where_val_says_so(gain, trials):
    change = ChangeReport("old", 7, (), 3.5, 0.03, 0.02, *gain, trials, 0.2)
    report = SubmitReport(
        "new",
        None,
        "b",
        500,
        250,
        0.9,
        (0.86, 0.93),
        (0.8, 0.95),
        None,
        change,
        None,
        5,
        4,
        "2026-01-01T00:00+00:00",
        (),
    )
    if holds_nought(gain):
        assert not claims(submitted(report))
    assert WORDS[change.val_verdict] in " ".join(submitted(report).split())


def test_flips_that_lowered_the_honest_figure_are_not_said_to_help():
    """64.7 with identity, 64.0 with the flip, of 300: two images less, and a log-likelihood that rose."""
    curve = curve_report((-2 / 300, (-0.025, 0.012), 0.6), (0.021, (0.004, 0.038), 0.015))
    said = " ".join(views_added(replace(LOOKED, curve=curve)).split())
    assert "every view still helps" not in said
    assert (
        "All 2 views against identity: accuracy -0.7 points (95 %: -2.5 to 1.2; p = 0.60), within chance; "
        "log-likelihood +0.021 nats (95 %: 0.004 to 0.038; p = 0.015), better."
    ) in said


@pytest.mark.parametrize("trials", [0, 1])
def test_a_blend_that_no_ledger_knows_is_not_better_for_it(trials):
    """p = 0.63 times no trial at all was below 0.05."""
    assert not claims(blend_verdict(blend_report(trials=trials)))


def test_auto_says_what_to_expect_on_test_beside_the_honest_estimate_where_test_images_are_known():
    blend = blend_report()
    known = replace(blend, evaluated=replace(blend.evaluated, test_images=500), expected_on_test=(0.8521, 0.9382))
    said, unsaid = (
        " ".join(done(AutoReport("auto", 20, 780, FlipReport(True, True), (), (), one)).split())
        for one in (known, blend)
    )
    told = "(86.0 to 93.0) If test is like val, expect 85.2 to 93.8 % on its 500 images (95 of 100 times)"
    assert told in said
    assert "If test is like" not in unsaid
