import math
from dataclasses import replace
from pathlib import Path

import pytest

from ensemble_kit.reporting.predict import predicted
from ensemble_kit.results.predict import AbstentionReport, EarlyExitReport, PredictReport

REPORT = PredictReport(
    name="all",
    blend=True,
    method="prob-mean",
    members=("cnn", "vit"),
    views=5,
    pictures=1037,
    unreadable=0,
    first_unreadable=None,
    abstained=0,
    cascade=None,
    abstain=None,
    seconds=1.25,
    path=Path("new.csv"),
)
EXACT = EarlyExitReport("exact", ("cnn", "vit"), 0.25, 0.385, 0.0, None, None, None)
MARGIN = EarlyExitReport("margin", ("cnn hflip", "vit"), 0.25, None, 0.02, 0.004, 0.019, 0.6)
FOUND = AbstentionReport(0.8498, 0.95, 0.701, (0.647, 0.75), 0.9798, (0.95, 0.99), 0.9506, 93, 300)


def said(**changes):
    return " ".join(predicted(replace(REPORT, **changes)).split())


def test_the_first_line_says_who_looked_and_the_last_where_it_stands():
    assert said().startswith("1,037 images by blend 'all': prob-mean, 2 members, 5 views; 1.2 s")
    assert predicted(REPORT).endswith("\n  new.csv")
    assert said(blend=False, pictures=1, views=1).startswith("1 image by member 'all': prob-mean, 1 view; ")


def test_images_that_could_not_be_read_are_counted_and_the_first_is_named():
    text = said(unreadable=37, first_unreadable="cannot read 'a.png': the file is empty.")
    assert text.startswith("1,000 images by")
    assert "37 images could not be read and have no label; the column `error` says why. First: cannot read" in text


@pytest.mark.parametrize(
    ("cascade", "wanted"),
    [
        (EXACT, "38.5 % of the work (ms) and 25.0 % of forward passes saved, exactly: no class differs"),
        (MARGIN, "0.4 % of images were lost, 1.9 % at most (95 %), and 60.0 % of the work saved; 2.0 % may be lost"),
        (MARGIN, "early exit: 25.0 % of forward passes saved, at the risk"),
        (MARGIN, "Order: cnn hflip, vit"),
        (replace(MARGIN, kind="all"), "val cannot promise that stopping early loses 2.0 % at most"),
        (replace(EXACT, order=("cnn",)), "'cnn' alone runs, so there is nothing to save"),
    ],
)
def test_a_cascade_says_what_it_saved_and_what_it_may_cost(cascade, wanted):
    assert wanted in said(cascade=cascade)


@pytest.mark.parametrize(
    ("abstain", "wanted"),
    [
        (AbstentionReport(0.5), "abstained: 61 of 1,037 (5.9 %) below 0.5"),
        (FOUND, "61 of 1,037 (5.9 %) below 0.850, found on val for 95.0 % right among the answered"),
        (
            FOUND,
            "70.1 % are answered (95 %: 64.7 to 75.0), and 98.0 % of these are right (95 %: 95.0 to 99.0; one-sided: "
            "at least 95.1)",
        ),
        (replace(FOUND, threshold=math.inf), "On 300 val images no threshold promises that 95.0 % of the answered"),
        (
            replace(FOUND, threshold=math.inf),
            "the answers are too often wrong, and that takes at least 93 answered images",
        ),
        (
            replace(FOUND, threshold=math.inf, val_images=60),
            "are right: that takes at least 93 answered images with one error",
        ),
    ],
)
def test_abstaining_says_how_often_and_what_may_be_expected_of_the_others(abstain, wanted):
    assert wanted in said(abstain=abstain, abstained=61)
