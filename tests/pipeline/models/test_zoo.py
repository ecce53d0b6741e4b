"""The list of architectures holds whatever one of them takes."""

import pytest

import ensemble_kit as ek
import models_zoo
from ensemble_kit.errors import InvalidOptionError


def test_an_architecture_that_takes_large_images_alone_is_listed_at_the_smallest_that_it_takes(monkeypatch):
    monkeypatch.setitem(models_zoo.ARCHITECTURES, "mlp", models_zoo.ARCHITECTURES["mlp"]._replace(smallest_px=61))
    listed = {arch.arch: arch.size_px for arch in ek.zoo().archs}
    assert (listed["mlp"], listed["cnn"]) == (61, 48)
    with pytest.raises(InvalidOptionError, match="'mlp' takes images from 61 px, got 60 px"):
        ek.zoo(size=60)
