"""How fast a network is trained and looks, by a clock that the test holds."""

import pytest
from torch import nn

import models_zoo
from ensemble_kit.training import timing
from ensemble_kit.training.recipes import resolve
from ensemble_kit.training.timing import seconds_per_image, seconds_per_pass

RECIPE = resolve("strong", {"batch_size": 7, "warmup_epochs": 0.0, "ema": 0.0})
CLASSES, SIZE_PX = 3, 16


class Clock:
    """Stands still, but for what a network's pass takes."""

    now = 100.0

    def perf_counter(self):
        return self.now


class Slow(nn.Module):
    """A linear network whose passes take the seconds given, the last one for ever; one of one image takes none."""

    def __init__(self, clock, *passes):
        super().__init__()
        self.layer = nn.Linear(3, CLASSES)
        self.clock, self.passes, self.seen = clock, list(passes), []

    def forward(self, pixels):
        if len(pixels) > 1:
            self.clock.now += self.passes[0] if len(self.passes) == 1 else self.passes.pop(0)
            self.seen.append((tuple(pixels.shape), self.training))
        return self.layer(pixels.mean(dim=(2, 3)))


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def as_it_is(pixels, *_):
    return pixels.float() / 255


def trained(module, at_least_s=0.7, recipe=RECIPE, augment=as_it_is):
    return seconds_per_image(module, recipe, SIZE_PX, CLASSES, augment, at_least_s=at_least_s)


def test_a_look_takes_what_the_faster_batch_does(clock):
    module = Slow(clock, 11.0, 3.5)
    assert seconds_per_pass(module, SIZE_PX, images=5) == pytest.approx(3.5 / 5)
    assert module.seen == [((5, 3, SIZE_PX, SIZE_PX), False)] * 2


def test_training_takes_the_median_step_without_the_first(clock):
    module = Slow(clock, 1000.0, 2.0, 2.0, 50.0, 3.0, 4.0, 5.0)
    assert trained(module, at_least_s=60.0) == pytest.approx(3.0 / 7)  # of 2, 2, 50, 3, 4: 61 s
    assert module.seen == [((7, 3, SIZE_PX, SIZE_PX), True)] * 6


@pytest.mark.parametrize(("at_least_s", "steps"), [(0.0, 3), (3.0, 5), (3.9, 5), (4.0, 6), (9.5, 11)])
def test_it_measures_as_long_as_it_is_told_and_two_steps_at_least(clock, at_least_s, steps):
    module = Slow(clock, 1.0)
    assert trained(module, at_least_s) == pytest.approx(1 / 7)
    assert len(module.seen) == steps


def test_a_slow_machine_is_left_after_a_few_steps(clock):
    module = Slow(clock, 600.0)
    assert trained(module) == pytest.approx(600 / 7)
    assert len(module.seen) == 3


def test_many_epochs_cycles_and_a_head_change_nothing(clock):
    recipe = resolve("strong", {"batch_size": 7, "epochs": 2, "cycles": 2, "head_epochs": 1, "mix": 0.0, "ema": 0.0})
    module = Slow(clock, 2.0)
    assert trained(module, at_least_s=20.0, recipe=recipe) == pytest.approx(2 / 7)
    assert len(module.seen) > 2


def test_images_are_augmented_as_in_training(clock):
    seen = []

    def augment(pixels, *more):
        seen.append(tuple(pixels.shape))
        clock.now += 5.0
        return as_it_is(pixels)

    assert trained(Slow(clock, 2.0), augment=augment) == pytest.approx(7 / 7)
    assert set(seen) == {(7, 3, SIZE_PX, SIZE_PX)}


def test_a_network_that_computes_a_hundred_times_as_much_takes_longer():
    """Coarse, and by the real clock: 2 x 2 channels against 96 x 96, the better of three each."""
    recipe = resolve("strong", {"batch_size": 16})

    def build(width):
        return models_zoo.build("cnn", CLASSES, 32, options={"width": width, "depth": 2})

    looks = [min(seconds_per_pass(build(width), 32) for _ in range(3)) for width in (2, 96)]
    assert 0 < looks[0] < looks[1]
    steps = [
        min(seconds_per_image(build(width), recipe, 32, CLASSES, as_it_is, at_least_s=0.0) for _ in range(3))
        for width in (2, 96)
    ]
    assert 0 < steps[0] < steps[1]
