"""Recipes and their ranges."""

from dataclasses import asdict, fields, replace

import pytest

from ensemble_kit.errors import InvalidOptionError, UnknownNameError
from ensemble_kit.images.augmentation.augment import STRENGTHS
from ensemble_kit.training.recipes import AUGMENTS, RANGES, RECIPES, Recipe, check, default_recipe, resolve


def test_every_field_has_one_range_of_its_own_type():
    assert [field.name for field in fields(Recipe)] == list(RANGES)
    for name, limits in RANGES.items():
        assert type(getattr(Recipe(), name)) is limits.kind


def test_a_recipe_may_name_every_strength_of_augmentation():
    assert tuple(STRENGTHS) == AUGMENTS


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_named_recipe_is_within_its_ranges(name):
    check(RECIPES[name])
    assert resolve(name) == RECIPES[name]


def test_the_assignment_is_the_assignments():
    assert resolve("assignment") == Recipe(
        epochs=20,
        lr=2e-4,
        batch_size=32,
        optimizer="adam",
        weight_decay=1e-5,
        dropout=0.2,
        schedule="constant",
        warmup_epochs=0.0,
        label_smoothing=0.0,
        augment="none",
        flip=False,
        ema=0.0,
        mix=0.0,
        precision="float32",
    )


def test_without_a_name_it_is_strong_and_from_pretrained_weights_a_finetuning():
    assert default_recipe(pretrained=False) == "strong"
    assert default_recipe(pretrained=True) == "finetune-far"
    alike = ("augment", "flip", "mix")  # what `show-augment` shows, which knows no network
    plain, tuned = (asdict(resolve(default_recipe(pretrained))) for pretrained in (False, True))
    assert [plain[name] for name in alike] == [tuned[name] for name in alike]


def test_single_options_override_the_recipe_and_none_keeps_it():
    recipe = resolve("strong", {"epochs": 7, "lr": None, "flip": False})
    assert recipe == replace(RECIPES["strong"], epochs=7, flip=False)


@pytest.mark.parametrize("name", [name for name, limits in RANGES.items() if limits.kind in (int, float)])
def test_a_number_beyond_its_range_is_refused_with_the_range(name):
    limits = RANGES[name]
    assert getattr(resolve("assignment", {name: limits.kind(limits.high)}), name) == limits.high
    low = limits.low if limits.above else limits.low - 1
    for bad in (limits.high + 1, low, float("nan"), "three", True):
        with pytest.raises(InvalidOptionError, match=f"--{name.replace('_', '-')} is .*; wanted .*{limits.high:g}"):
            resolve("assignment", {name: bad})


def test_a_range_says_whether_its_end_is_allowed():
    assert str(RANGES["lr"]) == "a number above 0 and at most 10"
    assert str(RANGES["epochs"]) == "a whole number from 1 to 10000"
    assert str(RANGES["flip"]) == "true or false"
    assert str(RANGES["schedule"]) == "one of constant, cosine"


def test_names_that_no_table_holds_are_refused():
    with pytest.raises(UnknownNameError, match="No recipe is named 'stron'; did you mean 'strong'"):
        resolve("stron")
    with pytest.raises(UnknownNameError, match="No recipe field is named 'epoch'; did you mean 'epochs'"):
        resolve("strong", {"epoch": 3})
    with pytest.raises(UnknownNameError, match="No --optimizer is named 'adamx'; did you mean 'adam"):
        resolve("strong", {"optimizer": "adamx"})
    with pytest.raises(InvalidOptionError, match="--flip is 1; wanted true or false"):
        resolve("strong", {"flip": 1})


def test_a_whole_number_is_taken_where_a_number_is_wanted():
    assert repr(resolve("assignment", {"warmup_epochs": 3}).warmup_epochs) == "3.0"


def test_a_recipe_made_by_hand_is_checked_too():
    with pytest.raises(InvalidOptionError, match="--epochs is 0; wanted a whole number from 1 to 10000"):
        check(Recipe(epochs=0))
