"""What is said of views that lowered the accuracy and raised the likelihood, on the terminal and on the page."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import ensemble_kit as ek
from ensemble_kit.disk.sealed import SEAL
from ensemble_kit.ensembling.tuning.prepare import tune_views
from ensemble_kit.pipeline.views.view_report import curve_of, tta_report
from ensemble_kit.reporting.tta import views_added
from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.storage.members.members import write_member
from ensemble_kit.types import Predictions

IMAGES, CLASSES = 300, tuple("abcdefg")


def flipped():
    """A member that has 194 of 300 right (64.7 %) by identity, and 192 (64.0 %) by the mean of both views."""
    random = np.random.default_rng(5)
    labels = random.permutation(np.arange(IMAGES) % len(CLASSES))
    right = np.zeros((2, IMAGES), dtype=bool)
    right[:, random.permutation(IMAGES)[:194]] = True
    lost, won = np.flatnonzero(right[0])[:12], np.flatnonzero(~right[0])[:10]
    right[1, lost], right[1, won] = False, True
    said = np.eye(len(CLASSES))[np.where(right, labels, (labels + 1) % len(CLASSES))]
    identity = 4.0 * said[0] + 0.1 * random.normal(size=said[0].shape)
    mean = 4.0 * said[1] + 3.0 * np.eye(len(CLASSES))[labels] * ~right[1][:, None]
    ids = tuple(f"val-{place:03d}.png" for place in range(IMAGES))
    logits = np.stack([identity, 2 * mean - identity]).astype(np.float32)
    return Predictions("net", "val", ("identity", "hflip"), ids, CLASSES, logits, labels)


@pytest.fixture
def looked(tmp_path, monkeypatch):
    """What `ek tta` reports of that member, which is saved with its curve."""
    monkeypatch.chdir(tmp_path)
    val = flipped()
    chosen = tune_views(val.logits, val.labels, val.ids, val.groups, "auto")
    manifest = Manifest(
        name="net",
        arch="cnn",
        source="foreign",
        classes=CLASSES,
        views=val.views,
        view_weights=tuple(map(float, chosen.view_weights)),
        view_choice="auto",
        view_ridge=chosen.ridge,
    )
    write_member(Path("predictions"), manifest, {"val": val})
    return tta_report(
        val,
        chosen,
        "auto",
        manifest,
        curve=curve_of(val, manifest, Path("reports")),
        computed=(),
        same={},
        engine=None,
        order=None,
        path=Path("predictions/net"),
    )


def in_one_line(text):
    return " ".join(text.split())


def test_the_terminal_and_the_page_say_within_chance_and_neither_says_that_it_helps(looked):
    assert [f"{100 * step.accuracy:.1f}" for step in looked.curve.steps] == ["64.7", "64.0"]
    assert looked.curve.steps[1].log_likelihood > looked.curve.steps[0].log_likelihood
    told = in_one_line(views_added(looked))
    sentence = re.search(
        r"All 2 views against identity: accuracy -0\.7 points [^;]*; [^;]*, within chance; "
        r"[^;]*; p < 0\.001\), better\.",
        told,
    )
    assert sentence
    assert "helps" not in told
    ek.blend(weights="equal", quiet=True)
    report = ek.report(thumbnails=False, quiet=True)
    page = in_one_line(unescape(re.sub(r"<[^>]+>", " ", report.html.read_text(encoding="utf-8"))))
    assert sentence.group() in page
    assert "no more is gained" not in page
    held = json.loads(report.json.read_text(encoding="utf-8"))["looks"][0]["gain"]
    assert (held["accuracy_verdict"], held["views"], held["over"]) == ("unclear", 2, 1)
    assert held["likelihood_verdict"] == looked.curve.gain.likelihood_verdict == "better"


def test_a_curve_that_was_saved_before_gains_were_is_read_and_claims_nothing(looked):
    path = Path("reports/net-views.json")
    saved = json.loads(path.read_text(encoding="utf-8"))
    before = {name: value for name, value in saved.items() if name not in ("gain", SEAL)}
    path.write_text(json.dumps(before, indent=2), encoding="utf-8")
    ek.blend(weights="equal", quiet=True)
    report = ek.report(thumbnails=False, quiet=True)
    assert report.looks[0].gain is None
    assert "within half a standard error of the best</figcaption>" in report.html.read_text(encoding="utf-8")
    assert views_added(replace(looked, curve=replace(looked.curve, gain=None)))
