"""Figures have the names that they always had, in JSON and in a blend's file, and survive the way there and back."""

import dataclasses
import json
from pathlib import Path

import pytest

import ensemble_kit as ek
from ensemble_kit.pipeline.blends.saved_figures import figures_from_json, figures_to_json
from ensemble_kit.results import KEYS
from ensemble_kit.results.json_text import as_json
from ensemble_kit.results.parts.figures import Estimates
from ensemble_kit.storage.blends import read_blend

HERE = Path(__file__)
TOY = HERE.parents[3] / "predictions" / "toy"
# keys of commit 9174bad, flat reports, and new ones at the end; values of today
AS_IT_WAS = json.loads((HERE.parent / "toy_blend.json").read_text(encoding="utf-8"))
HERE_ONLY = {"blend_path", "submission_path", "seconds"}  # what depends on the machine


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    return ek.blend(predictions=TOY, blends=folder / "blends", submissions=folder / "submissions", quiet=True)


def close(value):
    """The same, numbers as near as two machines bring them."""
    if isinstance(value, dict):
        return {key: close(one) for key, one in value.items()}
    if isinstance(value, list):
        return [close(one) for one in value]
    return pytest.approx(value, rel=1e-6, abs=1e-9) if isinstance(value, float) else value


def test_a_blend_in_json_has_every_key_that_it_had_with_its_value_in_their_order(made):
    said = json.loads(as_json(made))
    assert sorted(said) == sorted({*AS_IT_WAS["json"], *HERE_ONLY})
    told = {key: value for key, value in said.items() if key not in HERE_ONLY}
    assert list(told) == list(AS_IT_WAS["json"])
    assert told == close(AS_IT_WAS["json"])


def test_the_file_of_a_blend_keeps_the_figures_that_it_kept_by_the_same_names(made):
    kept = read_blend(made.blend_path).figures
    assert sorted(kept) == sorted(AS_IT_WAS["file"])
    assert kept == close(AS_IT_WAS["file"])


def test_what_a_file_keeps_is_what_was_found(made):
    assert figures_from_json(read_blend(made.blend_path).figures) == Estimates(made.this, made.equal, made.best_single)


@pytest.mark.parametrize("lost", AS_IT_WAS["file"])
def test_a_file_that_lacks_a_figure_tells_nothing(made, lost):
    figures = figures_to_json(Estimates(made.this, made.equal, made.best_single))
    del figures[lost]
    assert figures_from_json(figures) is None


def test_what_readers_of_the_front_page_ask_for_is_at_hand(made):
    this = made.this
    assert (made.honest_accuracy, made.honest_interval) == (this.honest_accuracy, this.honest_interval)
    assert made.tuned_val_accuracy == this.tuned_accuracy


def leaves(report, start=""):
    """The path of each figure of a report, that JSON holds either by a key of its own or with what it is a part of."""
    for field in dataclasses.fields(report):
        path, value = f"{start}{field.name}", getattr(report, field.name)
        if dataclasses.is_dataclass(value) and path not in KEYS.values():
            yield from leaves(value, f"{path}.")
        else:
            yield path


def test_every_figure_of_a_report_has_a_key_in_json(made):
    told_by_others = {"equal.name", "best_single.gain.resolvable"}  # a constant; never asked
    assert set(leaves(made)) - told_by_others == set(KEYS.values()) - {"vs_equal", "vs_best_single"}
