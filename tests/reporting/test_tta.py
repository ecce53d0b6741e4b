import math
from dataclasses import replace
from pathlib import Path

from ensemble_kit.reporting.tta import shared, views_added
from ensemble_kit.results.tta import (
    ClassHarmReport,
    CurveReport,
    CurveStepReport,
    EngineReport,
    OrderReport,
    ShardReport,
    TtaReport,
    ViewReport,
)

IDENTITY = ViewReport("identity", 0.84, 0.0, 1.0, None, None, None, False, 0.5)
MIRROR = ViewReport("hflip", 0.43, -0.41, 0.0, -0.21, (-0.256, -0.164), 0.0004, True, 0.52)
CROP = ViewReport("crop@0.875:tl", 0.83, -0.01, 0.0, 0.01, (-0.02, 0.04), 0.7, False, 0.61)
STEPS = tuple(
    CurveStepReport(place, f"view{place}", 0.8, (0.75, 0.84), -0.5, (-0.6, -0.4), 0.1 * place) for place in range(1, 12)
)
REPORT = TtaReport(
    member="cnn",
    choose="auto",
    views=(IDENTITY, MIRROR, CROP),
    class_harm=tuple(ClassHarmReport("hflip", f"sign{place}", 44, -0.5, 22, 0, 0.001) for place in range(8)),
    smallest_harm=0.023,
    smallest_class_harm=0.1,
    curve=CurveReport(STEPS, 9, Path("reports/cnn-views.json"), Path("reports/cnn-views.png")),
    val_images=300,
    val_accuracy_before=0.84,
    val_accuracy_after=0.85,
    val_log_loss_before=0.57,
    val_log_loss_after=0.55,
    honest_accuracy=0.845,
    honest_interval=(0.8, 0.88),
    gain=0.005,
    gain_interval=(-0.01, 0.02),
    gain_p=0.4,
    resolvable=0.021,
    ridge=0.1,
    computed=("hflip",),
    same={"scale@1.14": "crop@0.875:center"},
    engine=EngineReport("fused", "float32", "cpu", 64, 2.4e-7, 0, None),
    order=OrderReport(32, 3e-7, 0),
    note=None,
    path=Path("predictions/cnn"),
)


def one_line(text):
    return " ".join(text.split())


def test_a_harmful_view_is_named_with_its_cost_and_the_classes_that_suffer():
    said = one_line(views_added(REPORT))
    assert "Harmful: hflip beside identity costs 21.0 points (95 %: 16.4 to 25.6; p < 0.001, Holm, 2 views)." in said
    assert (
        "No other view is seen to do harm on these 300 images; minimum detectable harm: 2.3 points (80 % power)."
        in said
    )
    assert "hflip on 'sign0' -50.0 points (44 images: 22 lost, 0 won)" in said
    assert "'sign5'" in said
    assert "and 2 more." in said
    assert "'sign6'" not in said


def test_where_every_view_does_harm_nothing_is_said_of_others():
    alone = replace(REPORT, views=(IDENTITY, MIRROR), class_harm=())
    said = one_line(views_added(alone))
    assert "Harmful: hflip beside identity costs 21.0 points (95 %: 16.4 to 25.6; p < 0.001)." in said
    assert "is seen to do harm" not in said
    assert "Warning" not in said


def test_a_view_that_costs_likelihood_is_named_with_its_t_and_what_it_is_alone():
    flip = replace(
        MIRROR,
        val_accuracy=0.0667,
        beside=-0.02,
        beside_interval=(-0.05, 0.01),
        beside_p=0.3,
        likelihood=-0.222,
        likelihood_interval=(-0.27, -0.174),
        likelihood_t=-9.2,
        likelihood_p=1e-14,
    )
    report = replace(
        REPORT,
        views=(IDENTITY, flip),
        choose="equal",
        class_harm=(),
        likelihood_gain=-0.222,
        likelihood_gain_interval=(-0.27, -0.174),
        likelihood_gain_p=1e-14,
    )
    said = one_line(views_added(report))
    assert (
        "Harmful: hflip beside identity costs 0.222 nats of log-likelihood (95 %: 0.174 to 0.270; paired t = -9.2, "
        "p < 0.001); alone it has 6.7 % right, identity 84.0 %." in said
    )
    assert "seen to do harm" not in said
    assert "points (95 %: 5" not in said  # accuracy shows nothing, and nothing is said of it
    assert "Harmful: all views together, weighed by --choose equal" in said
    assert "log-likelihood -0.222 nats (95 %: -0.270 to -0.174; p < 0.001), worse." in said


def test_what_likelihood_could_have_shown_is_said_beside_accuracy():
    said = one_line(views_added(replace(REPORT, smallest_likelihood_harm=0.0312)))
    assert "minimum detectable harm: 2.3 points and 0.031 nats of log-likelihood (80 % power)." in said
    assert "all views together" not in said
    few_groups = one_line(views_added(replace(REPORT, smallest_likelihood_harm=math.inf)))
    assert "minimum detectable harm: 2.3 points (80 % power)." in few_groups


def test_the_gain_is_given_with_what_could_not_have_shown():
    said = one_line(views_added(REPORT))
    assert "+0.5 points (95 %: -1.0 to 2.0; p = 0.40), within chance; minimum detectable gain: 2.1 points" in said
    assert "The same pixels at this size, computed once: scale@1.14 is crop@0.875:center." in said


def test_the_curve_shows_its_beginning_where_to_stop_and_its_end():
    lines = views_added(REPORT).splitlines()
    numbers = [line for line in lines if line.startswith(("view1 ", "+ view"))]
    assert len(numbers) == 8
    assert "* 9" in numbers[6]
    assert "-0.500 ± 0.100  1.10" in numbers[7]
    assert "* stop here: the fewest views whose log-likelihood is within half a standard error of the best" in one_line(
        "\n".join(lines)
    )


def test_everything_fits_80_columns():
    assert max(map(len, views_added(REPORT).splitlines())) <= 80


def test_what_was_proved_and_what_computed_are_said():
    said = one_line(views_added(REPORT))
    assert (
        "over 32 images, shuffled and in other batches, no class changes and no logit moves by more than 3e-07" in said
    )
    assert "engine fused, float32, cpu, batch 64, differs from plain PyTorch by at most 2e-07" in said


def test_a_shard_says_what_is_next():
    report = ShardReport("cnn", (2, 3), 4, 128, 0, None, None, Path("predictions/cnn"))
    assert "shard 2 of 3: parts 4, images 128" in shared(report)
    assert "--merge" in shared(report)
    assert "parts of the whole that are not here yet: 7" in shared(replace(report, missing=7))
