"""What `ek auto` prints: whole sentences in 80 columns, and nothing that is not so."""

from dataclasses import replace
from pathlib import Path

import pytest
from reporting.terminal.test_statements import blend_report

from ensemble_kit.reporting.auto import done
from ensemble_kit.results.auto import AutoPlanReport, AutoReport, AutoStepReport, FetchedReport, FlipReport

FOUND = FlipReport(True, False, 397, 0.907, 0.913, 0.8, 0.124, None, True, "harmless")


def planned(name="auto-cnn-deep-0", seconds=65.9, **more):
    return AutoPlanReport(name, "cnn-deep", False, 40, "strong", 60, seconds, **more)


def step(name, honest, added, epochs=60):
    return AutoStepReport(
        name=name,
        arch="cnn-deep",
        pretrained=False,
        size_px=40,
        recipe="strong",
        epochs=epochs,
        train_s=123.4,
        views=13,
        val_accuracy=0.876,
        honest_accuracy=honest,
        honest_interval=(0.8, 0.95),
        added=added,
    )


def blended(notes=()):
    """A blend of which only what is printed matters."""
    blend = blend_report(verdict="word " * 40, notes=tuple(notes))
    figures = replace(blend.this, honest_accuracy=0.9033, honest_interval=(0.8644, 0.9321))
    return replace(blend, this=figures)


def trained(**changes):
    steps = (step("auto-lite0-0", 0.89, None), step("auto-cnn-deep-0", 0.9033, 0.0133, epochs=17))
    report = AutoReport("auto", 20, 780, FOUND, (planned(),), steps, blended(), Path("submissions/auto.csv"))
    return replace(report, **changes)


def plan(*members, **changes):
    return replace(AutoReport("auto", 20, 66, FOUND, members or (planned(), planned("auto-cnn-deep-1"))), **changes)


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("report", [plan(), trained(), plan(flips=FlipReport(False, True)), plan(unlabelled="test")])
def test_every_line_fits_80_columns(monkeypatch, report):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, done(report).splitlines())) <= 80


def test_a_plan_says_what_will_be_trained_and_that_nothing_was():
    text = done(plan())
    assert text.splitlines()[2].split() == ["auto-cnn-deep-0", "strong", "no", "40", "60", "1:05"]
    assert "2:11 of 20 min, 1.1 of them used;" in text
    assert text.endswith("Nothing was trained. Next: the same without --plan")


def test_a_member_that_stands_takes_no_more_time():
    text = done(plan(planned(done=True), planned("auto-cnn-deep-1")))
    assert text.splitlines()[2].split()[-1] == "done"
    assert "1:05 of 20 min" in text


def test_what_each_member_added_is_told_signed_and_the_first_added_nothing():
    rows = [line.split() for line in done(trained()).splitlines()[2:4]]
    assert rows[0] == ["auto-lite0-0", "40", "60", "123", "13", "87.6", "89.0", "-"]
    assert rows[1] == ["auto-cnn-deep-0", "40", "17", "123", "13", "87.6", "90.3", "+1.3"]
    lost = trained(steps=(step("a", 0.9, None), step("b", 0.88, -0.02)))
    assert done(lost).splitlines()[3].split()[-1] == "-2.0"


def test_the_estimate_the_time_and_the_submission_are_told():
    text = done(trained())
    assert "Blend 'auto': honest estimate 90.3 % (86.4 to 93.2)" in text
    assert "13.0 of 20 min used." in flat(text)
    assert text.splitlines()[-1] == "Submission: submissions/auto.csv"


def test_that_there_is_no_submission_is_told():
    text = done(trained(submission_path=None, blend=blended(["No submission: no test logits in 'a'."])))
    assert "Submission:" not in text
    assert "No submission: no test logits in 'a'." in text


@pytest.mark.parametrize(
    ("flips", "sentence"),
    [
        (
            FOUND,
            "Images are mirrored: trained with mirror images a small network has 91.3 % of 397 held-out training "
            "images right, without 90.7 %, so mirroring costs at most 12 % of what it has learnt (95 %).",
        ),
        (
            FlipReport(True, False, 397, 0.8, 0.9, 1e-9, -0.04, None, True, "harmless"),
            "so mirroring costs at most 0 % of what it has learnt (95 %).",
        ),
        (
            FlipReport(False, False, 53, 0.9, 0.1, 1e-9, 1.4, None, True, "harmful"),
            "Images are not mirrored: trained with mirror images a small network has 10.0 % of 53 held-out training "
            "images right, without 90.0 %.",
        ),
        (
            FlipReport(False, False, 53, 0.9, 0.89, 0.5, 0.1, ("keep left", "keep right"), True, "harmful"),
            "Images are not mirrored: a small network takes mirror images of 'keep left' for 'keep right', and the "
            "other way round.",
        ),
        (
            FlipReport(False, False, 12, 10 / 12, 7 / 12, 0.25, 0.71, None, True, "unclear"),
            "Images are not mirrored: it could not be found out whether they may be: trained with mirror images a "
            "small network has 58.3 % of 12 held-out training images right, without 83.3 %, so mirroring may cost at "
            "most 71 % of what it has learnt (95 %). Where a mirrored image keeps its class: --flip",
        ),
        (
            FlipReport(False, False, 12, 0.2, 0.2, 1.0, None, None, True, "unclear"),
            "so mirroring may cost any share of what it has learnt (95 %).",
        ),
        (
            FlipReport(False, False, 12, 0.2, 0.2, 1.0, None, None, False, "unclear"),
            "Images are not mirrored: there was no time to find out whether they may be (trained with mirror images a",
        ),
        (FlipReport(True, True), "Images are mirrored, as asked."),
        (FlipReport(False, True), "Images are not mirrored, as asked."),
        (FlipReport(False, False, verdict="harmful"), "Images are not mirrored, as an older version found."),
        (
            FlipReport(False, False, 0, 0.0, 0.0, 1.0, None, None, True, "unclear"),
            "Images are not mirrored: there are too few of them, or of their groups, to find out whether they may be.",
        ),
    ],
)
def test_whether_images_are_mirrored_and_why_is_told(flips, sentence):
    assert sentence in flat(done(trained(flips=flips)))
    assert sentence in flat(done(plan(flips=flips)))


def test_what_was_fetched_is_said_with_size_and_licence_and_why_no_more_was():
    one = FetchedReport("timm:resnet18", "timm/resnet18.a1_in1k", "apache-2.0", 46.83, 12.4)
    for report in (plan(fetched=(one,)), trained(fetched=(one,))):
        assert "Fetched: the weights of timm:resnet18, 46.8 MB, apache-2.0, in 12 s." in flat(done(report))
        failed = flat(done(replace(report, not_fetched="The hub does not answer.")))
        assert "in 12 s. The hub does not answer. What was at hand was taken." in failed
    assert "etched" not in done(plan()) + done(trained())
