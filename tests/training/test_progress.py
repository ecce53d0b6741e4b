"""Snapshots: a run that is left and taken up again is the run that was never left."""

import io
from dataclasses import replace

import pytest
import torch
from torch import nn

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.training.loop import fit
from ensemble_kit.training.recipes import Recipe

SIDE, CLASSES, STEPS = 11, 3, 5
RECIPE = Recipe(epochs=3, lr=1e-2, batch_size=7, warmup_epochs=0.5, schedule="cosine")


class Left(Exception):
    """The run was left here."""


def images(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8), (
        torch.arange(count) % CLASSES
    )


def module(seed=0):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(5, CLASSES))


def train(recipe, network=None, **more):
    def noisy(pixels, index, seed, epoch):
        return pixels.float() / 255

    return fit(network or module(), *images(31, 0), *images(13, 1), recipe, 3, noisy, **more)


def leave_after(pauses, recipe, resume=None, **more):
    """Leave a run at its so-manieth pause; return the snapshot as a file gives it back."""
    told, kept = [], []

    def pause(take):
        told.append(1)
        if len(told) == pauses:
            kept.append(take())
            raise Left

    with pytest.raises(Left):
        train(recipe, resume=resume, on_pause=pause, **more)
    buffer = io.BytesIO()
    torch.save(kept[0], buffer)
    return torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)


def assert_same(first, second):
    assert first.kept_epoch == second.kept_epoch
    assert all(torch.equal(value, second.state_dict[name]) for name, value in first.state_dict.items())
    rows = [[replace(row, seconds=0.0, images_per_s=0.0) for row in one.history] for one in (first, second)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("pauses", range(1, 3 * (STEPS + 1) + 1))
def test_a_run_left_at_any_pause_goes_on_bit_for_bit(pauses):
    whole = train(RECIPE)
    assert_same(whole, train(RECIPE, module(seed=9), resume=leave_after(pauses, RECIPE)))


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ({"ema": 0.9}, {}),
        ({"mix": 0.5, "optimizer": "sgd"}, {}),
        ({"optimizer": "adamw", "weight_decay": 0.1, "layer_decay": 0.7}, {}),
        ({"optimizer": "muon", "weight_decay": 0.1, "layer_decay": 0.7}, {}),
        ({"precision": "bfloat16"}, {}),
        ({"lr": 1.0, "optimizer": "sgd", "epochs": 5}, {"keep": "best"}),
        ({"ema": 0.5, "lr": 0.5, "epochs": 5}, {"keep": "best", "metric": "macro-f1", "patience": 2}),
    ],
)
def test_so_does_a_run_left_twice_whatever_the_recipe(more, options):
    recipe = replace(RECIPE, **more)
    first = leave_after(4, recipe, **options)
    second = leave_after(5, recipe, resume=first, **options)
    assert second["epoch"] == 1
    assert_same(train(recipe, **options), train(recipe, module(seed=9), resume=second, **options))


def test_a_snapshot_does_not_move_with_the_run():
    kept = []
    train(RECIPE, on_pause=lambda take: kept.append(take()) if not kept else None)
    again = leave_after(1, RECIPE)
    assert kept[0]["step"] == again["step"] == 1
    assert all(torch.equal(value, kept[0]["module"][name]) for name, value in again["module"].items())
    assert torch.equal(kept[0]["optimizer"]["state"][0]["exp_avg"], again["optimizer"]["state"][0]["exp_avg"])


def test_seconds_and_losses_of_an_epoch_add_up_over_the_pause():
    snapshot = leave_after(3, RECIPE)
    assert len(snapshot["losses"]) == 3
    snapshot["seconds"] = 1000.0
    history = train(RECIPE, resume=snapshot).history
    assert 1000 < history[0].seconds < 1100
    assert history[1].seconds < 100


def test_a_run_that_diverged_gives_no_snapshot():
    def spoil(network):
        with torch.no_grad():
            network[6].bias.fill_(torch.nan)

    network, kept = module(), []

    def pause(take):
        kept.append(take)
        spoil(network)

    with pytest.raises(InvalidOptionError, match=r"loss is nan at step 2 of epoch 1 \(learning rate .*Lower --lr"):
        train(RECIPE, network, on_pause=pause)
    assert len(kept) == 1
    with pytest.raises(InvalidOptionError, match="loss is nan at step 2 of epoch 1"):
        kept[0]()


@pytest.mark.parametrize(
    "change",
    [
        lambda taken: taken.pop("seconds"),
        lambda taken: taken["history"].append({"epoch": 1, "mood": "good"}),
        lambda taken: taken.update(best={"epoch": 1, "gain": 0.5, "state": {}, "mood": "good"}),
        lambda taken: taken["module"].update({"0.weight": torch.zeros(2, 3)}),
        lambda taken: taken["module"].update({"7.weight": torch.zeros(2, 3)}),
        lambda taken: taken["optimizer"]["param_groups"].pop(),
    ],
)
def test_a_snapshot_of_another_version_is_refused_with_what_to_install(change):
    taken = leave_after(3, RECIPE)
    change(taken)
    with pytest.raises(BadDataError, match=r"made elsewhere .*Begin anew with --replace. Install the ensemble_kit"):
        train(RECIPE, resume=taken)
