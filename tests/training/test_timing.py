"""How fast a network is trained and looks, by a clock that the test holds."""

import pytest
import torch
from torch import nn

import models_zoo
from ensemble_kit.training import timing
from ensemble_kit.training.computing import choices
from ensemble_kit.training.recipes import Computing, resolve
from ensemble_kit.training.timing import ROUNDS, quickest, seconds_per_image, seconds_per_pass

RECIPE = resolve("strong", {"batch_size": 7, "warmup_epochs": 0.0, "ema": 0.0})
CLASSES, SIZE_PX = 3, 16


class Clock:
    """Stands still, but for what a network's pass takes."""

    now = 100.0

    def perf_counter(self):
        return self.now

    process_time = perf_counter


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


BFLOAT16, BFLOAT16_APART = Computing("bfloat16"), Computing("bfloat16", "contiguous")
FLOAT32, FLOAT32_APART = Computing("float32"), Computing("float32", "contiguous")
ALIKE = dict.fromkeys((BFLOAT16, BFLOAT16_APART, FLOAT32, FLOAT32_APART), 1.0)


class Torn(nn.Module):
    """A linear network whose steps take the seconds that belong to what it computes in, more in the one that is late.

    Copies share clock and steps.
    """

    def __init__(self, clock, seconds, late=()):
        super().__init__()
        self.layer = nn.Linear(3, CLASSES)
        self.told = (clock, seconds, dict(late), [])

    def __deepcopy__(self, memo):
        other = Torn(*self.told[:3])
        other.load_state_dict(self.state_dict())
        other.told = self.told
        return other

    @property
    def steps(self):
        return self.told[3]

    def forward(self, pixels):
        if len(pixels) > 1:
            clock, seconds, late, steps = self.told
            numbers = "bfloat16" if torch.is_autocast_enabled("cpu") else "float32"
            steps.append(Computing(numbers, "contiguous" if pixels.is_contiguous() else "channels_last"))
            clock.now += seconds[steps[-1]] + late.get(len(steps), 0.0)
        return self.layer(pixels.mean(dim=(2, 3)))


@pytest.fixture
def fastest(clock, monkeypatch):
    """Return what is found fastest on a processor with instructions for bfloat16, and what was tried."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})

    def find(seconds, late=(), precision="auto"):
        module = Torn(clock, {**ALIKE, **seconds}, late)
        recipe = resolve("strong", {"batch_size": 7, "precision": precision, "mix": 0.0})
        return quickest(module, recipe, SIZE_PX, CLASSES, as_it_is, 5), module.steps

    return find


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        ({}, BFLOAT16),
        ({FLOAT32: 0.96}, BFLOAT16),  # faster, but not clearly
        ({FLOAT32: 0.94}, FLOAT32),
        ({FLOAT32: 0.94, BFLOAT16_APART: 0.8, FLOAT32_APART: 0.7}, FLOAT32_APART),
        ({BFLOAT16: 7.0}, FLOAT32),  # the first of those alike
    ],
)
def test_the_usual_stays_unless_another_is_clearly_faster(fastest, seconds, wanted):
    assert fastest(seconds)[0].computing == wanted


def test_choices_take_turns_and_what_is_slower_has_none_after_the_first(fastest):
    found, steps = fastest({FLOAT32: 1.2, FLOAT32_APART: 90.0})
    begun = [BFLOAT16, FLOAT32, FLOAT32_APART, BFLOAT16_APART]  # a step that chooses kernels
    turns = [BFLOAT16, BFLOAT16_APART] * (ROUNDS - 1)
    assert steps == [*begun, BFLOAT16, FLOAT32, BFLOAT16_APART, *turns]
    assert found.seconds == pytest.approx({BFLOAT16: 1.0, BFLOAT16_APART: 1.0})


def test_a_step_that_something_else_delayed_decides_nothing(fastest):
    for late in range(1, 4 * (ROUNDS + 1) + 1):
        assert fastest({}, {late: 0.09})[0].computing == BFLOAT16
        assert fastest({FLOAT32: 0.8}, {late: 0.09})[0].computing == FLOAT32


def test_of_a_precision_that_was_given_the_layout_alone_is_chosen(fastest):
    found, steps = fastest({FLOAT32_APART: 0.5, BFLOAT16: 0.1}, precision="float32")
    assert found.computing == FLOAT32_APART
    assert set(steps) == {FLOAT32, FLOAT32_APART}


def test_measuring_leaves_the_module_as_it_is():
    module = models_zoo.build("cnn", CLASSES, SIZE_PX, options={"width": 5, "depth": 2}).eval()
    before = {name: (value.clone(), value.stride()) for name, value in module.state_dict().items()}
    quickest(module, RECIPE, SIZE_PX, CLASSES, as_it_is, 5)
    assert not module.training
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name][0])
        assert value.stride() == before[name][1]


@pytest.mark.parametrize(("threads", "by"), [(1, "process_time"), (2, "perf_counter")])
def test_one_thread_is_timed_by_its_own_seconds_and_several_by_the_clock(fastest, clock, monkeypatch, threads, by):
    read = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    for name in ("process_time", "perf_counter"):
        monkeypatch.setattr(clock, name, lambda name=name: read.append(name) or clock.now, raising=False)
    assert fastest({FLOAT32: 0.5})[0].computing == FLOAT32
    assert set(read) == {by}


def test_seconds_of_an_image_are_of_what_is_computed_in(clock):
    module = Torn(clock, {**ALIKE, BFLOAT16_APART: 0.35})
    asked = {"at_least_s": 0.0, "computing": BFLOAT16_APART}
    assert seconds_per_image(module, RECIPE, SIZE_PX, CLASSES, as_it_is, **asked) == pytest.approx(0.35 / 7)
    assert set(module.steps) == {BFLOAT16_APART}


@pytest.mark.parametrize(("able", "first"), [(True, "bfloat16"), (False, "float32")])
def test_the_usual_is_bfloat16_where_there_are_instructions_for_it(monkeypatch, able, first):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    found = choices("auto", torch.device("cpu"))
    assert found[0] == Computing(first, "channels_last")
    assert set(found) == set(ALIKE)
