from dataclasses import replace

from ensemble_kit.reporting.compare import compared, sentence
from ensemble_kit.results.compare import CompareReport

REPORT = CompareReport(
    a="vit",
    b="cnn",
    metric="accuracy",
    val_images=300,
    groups=None,
    a_score=0.93,
    a_interval=(0.895, 0.954),
    b_score=0.90,
    b_interval=(0.861, 0.929),
    difference=0.03,
    interval=(0.004, 0.056),
    only_a=14.25,
    only_b=5.25,
    test="exact McNemar, mean of 4 repeats",
    p=0.031,
    trials=1,
    resolvable=0.04,
    better="vit",
    notes=(),
    sentence="",
)


def test_the_better_one_is_named_with_the_difference_its_interval_and_p() -> None:
    wanted = "On these 300 val images vit is better than cnn by 3.0 points (95 %: 0.4 to 5.6; p = 0.031)."
    assert sentence(REPORT) == wanted
    turned = replace(REPORT, a="cnn", b="vit", difference=-0.03, interval=(-0.056, -0.004))
    assert sentence(turned) == wanted


def test_what_cannot_be_told_apart_says_what_could_have_been_resolved() -> None:
    open_question = replace(REPORT, difference=0.007, interval=(-0.021, 0.034), p=0.72, better=None)
    assert sentence(open_question) == (
        "On these 300 val images vit cannot be told apart from cnn: +0.7 points "
        "(95 %: -2.1 to 3.4; p = 0.72); minimum detectable gain: 4.0 points (80 % power)."
    )


def test_nothing_is_printed_as_minus_nought() -> None:
    close = replace(REPORT, difference=-0.0001, interval=(-0.0004, 0.0003), p=0.9, better=None)
    assert "cannot be told apart from vit: +0.0 points (95 %: 0.0 to 0.0; p = 0.90)" in sentence(close)


def test_many_trials_take_the_proof_away() -> None:
    tried = replace(REPORT, trials=7, better=None)
    assert sentence(tried) == (
        "On these 300 val images vit looks better than cnn by 3.0 points (95 %: 0.4 to 5.6; p = 0.031, "
        "p = 0.22 for 7 configurations tried), but after so many this is no proof."
    )


def test_log_loss_is_in_nats_and_less_is_better() -> None:
    loss = replace(
        REPORT, metric="log-loss", difference=-0.0312, interval=(-0.05, -0.0101), groups=23, only_a=None, only_b=None
    )
    assert sentence(loss) == (
        "On these 300 val images in 23 groups vit is better than cnn by 0.031 nats (95 %: 0.010 to 0.050; p = 0.031)."
    )


def test_the_table_shows_both_sides_the_test_and_the_notes() -> None:
    text = compared(replace(REPORT, notes=("val also decided how these were made",), sentence="Vit is better."))
    assert text.splitlines() == [
        "accuracy on val  honest %  95 % interval  only it is right",
        "──────────────────────────────────────────────────────────",
        "vit                  93.0   89.5 to 95.4             14.25",
        "cnn                  90.0   86.1 to 92.9              5.25",
        "only it is right: so many images, mean over the repeats of the folds",
        "exact McNemar, mean of 4 repeats: p = 0.031",
        "val also decided how these were made",
        "",
        "Vit is better.",
    ]
