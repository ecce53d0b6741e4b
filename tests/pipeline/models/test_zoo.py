"""The list of architectures holds whatever one of them takes."""

import pytest

import ensemble_kit as ek
import models_zoo
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.reporting.zoo import zoo as printed


def test_an_architecture_that_takes_large_images_alone_is_listed_at_the_smallest_that_it_takes(monkeypatch):
    monkeypatch.setitem(models_zoo.ARCHITECTURES, "mlp", models_zoo.ARCHITECTURES["mlp"]._replace(smallest_px=61))
    listed = {arch.arch: arch.size_px for arch in ek.zoo().archs}
    assert (listed["mlp"], listed["cnn"]) == (61, 48)
    with pytest.raises(InvalidOptionError, match="'mlp' takes images from 61 px, got 60 px"):
        ek.zoo(size=60)


def test_published_weights_have_licence_size_and_where_they_are(monkeypatch):
    monkeypatch.setattr(models_zoo, "weights_at_hand", lambda arch: "cached" if arch == "timm:resnet34" else "hub")
    lines = {line.split()[0]: line.split()[1:] for line in printed(ek.zoo()).splitlines() if line.startswith("timm:")}
    assert lines["timm:resnet34"] == ["21.80", "87.3", "apache-2.0", "cached"]
    assert lines["timm:regnety_004"] == ["4.34", "17.5", "bsd-3-clause", "hub"]
    assert set(models_zoo.IMAGENET) < set(lines)  # no name is shortened


def test_a_default_that_stands_for_none_is_said_in_words(monkeypatch):
    monkeypatch.setattr(models_zoo, "weights_at_hand", lambda arch: "hub")
    report = ek.zoo()
    text = " ".join(printed(report).split())
    assert "cells=1 dropout (as the recipe)" in text
    assert "input_px (the weights' own where pre-trained, else the images')" in text
    assert "-1" not in text
    options = {arch.arch: arch.options for arch in report.archs}
    assert options["cnn"]["dropout"] == models_zoo.ARCHITECTURES["cnn"].options["dropout"].default  # as data
