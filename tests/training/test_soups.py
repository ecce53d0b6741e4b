"""Means of weights against torch's own averaging, greedy soups by hand, norms against torch's update_bn."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError
from ensemble_kit.training.soups import average, batch_norms, greedy, settle_norms, uniform
from ensemble_kit.training.tables import SOUPS


def network(seed, dropout=0.0):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(dropout)]
    layers += [nn.Conv2d(5, 7, 3), nn.BatchNorm2d(7), nn.Flatten(), nn.Linear(7 * 49, 2)]
    made = nn.Sequential(*layers)
    for norm in batch_norms(made):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return made


def some_images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 11, 11), dtype=np.uint8)


def scalar(value):
    return {"w": torch.tensor([value], dtype=torch.float64)}


def closeness(target):
    return lambda state: -((float(state["w"]) - target) ** 2)


def as_it_is(state):
    return dict(state)


def test_the_mean_is_that_of_torchs_averaged_model():
    nets = [network(seed) for seed in range(3)]
    theirs = AveragedModel(nets[0], use_buffers=True)
    for net in nets:
        theirs.update_parameters(net)
    ours = average(net.state_dict() for net in nets)
    for name, value in theirs.module.state_dict().items():
        torch.testing.assert_close(ours[name], value)
        assert ours[name].dtype == value.dtype


@pytest.mark.parametrize("copies", [2, 3, 7])
def test_the_mean_of_equal_weights_is_those_weights_to_the_bit(copies):
    state = network(0).state_dict()
    assert all(torch.equal(value, state[name]) for name, value in average([state] * copies).items())


def test_counters_are_those_of_the_first():
    states = [{"w": torch.tensor([value]), "steps": torch.tensor(steps)} for value, steps in ((1.0, 5), (2.0, 8))]
    assert {name: value.tolist() for name, value in average(states).items()} == {"w": [1.5], "steps": 5}


def test_the_states_themselves_are_left_as_they_were():
    states = [scalar(1.0), scalar(2.0), scalar(6.0)]
    assert average(states)["w"] == 3.0
    assert [float(state["w"]) for state in states] == [1.0, 2.0, 6.0]


@pytest.mark.parametrize("make", [average, lambda states: greedy(states, as_it_is, lambda state: 0.0)])
def test_weights_of_other_networks_are_refused_by_name(make):
    with pytest.raises(MisalignedError, match=r"'w' has shape \(2,\) in the first, \(3,\) in another"):
        make([{"w": torch.zeros(2)}, {"w": torch.zeros(3)}])
    with pytest.raises(MisalignedError, match=r"'v' has shape none in the first, \(2,\) in another"):
        make([{"w": torch.zeros(2)}, {"w": torch.zeros(2), "v": torch.zeros(2)}])


@pytest.mark.parametrize("name", SOUPS)
def test_nothing_makes_no_soup(name):
    with pytest.raises(InvalidOptionError, match="no weights to average"):
        SOUPS[name].load()([], as_it_is, lambda state: 0.0)


def test_a_uniform_soup_takes_all_settles_once_and_never_asks_val():
    settled = []

    def settle(state):
        settled.append(state)
        return {"w": state["w"] + 100}

    soup = uniform(map(scalar, (1.0, 2.0, 6.0)), settle, gain=None)
    assert (float(soup.state["w"]), soup.kept, soup.by_val) == (103.0, (True, True, True), False)
    assert len(settled) == 1


def test_a_greedy_soup_is_the_one_found_by_hand():
    # target 1.2; soup 1.0 (off 0.2) -> with 2.0: 1.5, worse -> with 1.4: 1.2, better -> with 0.9: 1.1, worse
    # -> with 1.2: (1.0 + 1.4 + 1.2) / 3 = 1.2, no worse
    soup = greedy(map(scalar, (1.0, 2.0, 1.4, 0.9, 1.2)), as_it_is, lambda state: round(closeness(1.2)(state), 9))
    assert soup.kept == (True, False, True, False, True)
    assert soup.by_val
    assert float(soup.state["w"]) == pytest.approx(1.2)


def test_a_greedy_soup_judges_weights_with_settled_norms_and_the_first_as_it_came():
    evaluated = []

    def gain(state):
        evaluated.append(float(state["w"]))
        return -len(evaluated)

    soup = greedy([scalar(1.0), scalar(3.0), scalar(7.0)], lambda state: {"w": state["w"] + 100}, gain)
    assert evaluated == [1.0, 102.0, 104.0]
    assert (float(soup.state["w"]), soup.kept) == (1.0, (True, False, False))


def test_a_soup_whose_gain_is_no_number_is_not_taken():
    soup = greedy([scalar(1.0), scalar(3.0)], as_it_is, lambda state: -1.0 if state["w"] == 1.0 else math.nan)
    assert soup.kept == (True, False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-9, 9), min_size=1, max_size=7), st.floats(-9, 9))
def test_no_greedy_soup_is_worse_than_its_first_and_it_is_the_mean_of_those_kept(values, target):
    soup = greedy(map(scalar, values), as_it_is, closeness(target))
    chosen = [value for value, kept in zip(values, soup.kept, strict=True) if kept]
    assert float(soup.state["w"]) == pytest.approx(np.mean(chosen))
    assert closeness(target)(soup.state) >= closeness(target)(scalar(values[0]))


def test_norms_settle_as_torchs_update_bn_settles_them_on_the_same_batches():
    ours, images, batches = network(1), some_images(39), []
    theirs = copy.deepcopy(ours)
    ours.register_forward_pre_hook(lambda module, given: batches.append(given[0].clone()))
    assert settle_norms(ours, images, batch_size=13) == 2
    assert [len(batch) for batch in batches] == [13, 13, 13]
    update_bn(batches, theirs)
    for one, other in zip(batch_norms(ours), batch_norms(theirs), strict=True):
        torch.testing.assert_close(one.running_mean, other.running_mean)
        torch.testing.assert_close(one.running_var, other.running_var)


def test_every_image_is_looked_at_once_in_batches_that_differ_by_one():
    net, seen, counted = network(0), [], []
    net.register_forward_pre_hook(lambda module, given: seen.append((given[0] * 255).round().to(torch.uint8)))
    images = some_images(29)
    settle_norms(net, images, batch_size=10, on_batch=counted.append)
    assert sorted(counted) == [9, 10, 10]
    rows = torch.cat(seen).numpy().reshape(29, -1).tolist()
    assert sorted(rows) == sorted(images.reshape(29, -1).tolist())
    assert rows != images.reshape(29, -1).tolist()


def test_images_that_lie_by_class_vary_as_they_do_in_any_order():
    dark_then_bright = np.repeat(np.array([0, 255], dtype=np.uint8), 192)[:, None, None, None]
    norm = nn.BatchNorm2d(3)
    settle_norms(norm, np.broadcast_to(dark_then_bright, (384, 3, 2, 2)), batch_size=64)
    np.testing.assert_allclose(norm.running_mean, 0.5, atol=1e-6)
    np.testing.assert_allclose(norm.running_var, 0.25, rtol=0.05)  # in the order of the files it would be 0


def test_dropout_stays_off_while_norms_settle():
    with_dropout, without = network(2, dropout=0.9), network(2)
    for net in (with_dropout, without):
        settle_norms(net, some_images(31), batch_size=31)
    for one, other in zip(batch_norms(with_dropout), batch_norms(without), strict=True):
        assert torch.equal(one.running_var, other.running_var)


def test_settling_leaves_evaluation_mode_momentum_and_weights_as_they_were_and_forgets_old_statistics():
    net, other = network(3).train(), network(3)
    for norm in batch_norms(other):
        norm.running_mean.fill_(1e6)
    weights = [value.clone() for value in net.parameters()]
    for one in (net, other):
        settle_norms(one, some_images(17))
        assert not any(part.training for part in one.modules())
    assert [norm.momentum for norm in batch_norms(net)] == [0.1, 0.1]
    assert all(torch.equal(old, new) for old, new in zip(weights, net.parameters(), strict=True))
    assert torch.equal(batch_norms(net)[0].running_mean, batch_norms(other)[0].running_mean)


def test_a_network_without_batch_norms_is_not_even_run():
    def run(*_):
        raise AssertionError

    net = nn.Sequential(nn.GroupNorm(1, 3), nn.BatchNorm2d(3, track_running_stats=False))
    net.register_forward_pre_hook(run)
    assert settle_norms(net, some_images(5)) == 0


def test_norms_want_images():
    with pytest.raises(BadDataError, match="no image to take batch-norm statistics from"):
        settle_norms(network(0), some_images(0))


def narrow():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3))


@pytest.mark.parametrize(("images", "batch_size"), [(2, 1), (3, 1), (3, 2), (5, 2), (65, 64)])
def test_a_norm_that_sees_one_pixel_settles_on_no_image_alone(images, batch_size):
    counted = []
    assert settle_norms(narrow(), some_images(images), batch_size, counted.append) == 1
    assert min(counted) > 1
    assert sum(counted) == images


def test_one_image_settles_a_norm_that_sees_more_than_one_pixel_of_it_and_no_other():
    assert settle_norms(network(0), some_images(1)) == 2
    with pytest.raises(BadDataError, match="one image .* sees one pixel of it, .* wanted two images or more"):
        settle_norms(narrow(), some_images(1))


def test_a_soup_of_a_network_with_itself_is_that_network_but_for_its_statistics():
    net, images = network(4), some_images(37)
    settle_norms(net, images)
    floats = torch.from_numpy(images).float() / 255
    with torch.no_grad():
        before = net(floats)
    settled = copy.deepcopy(net)
    settled.load_state_dict(average([net.state_dict()] * 2))
    settle_norms(settled, images)
    with torch.no_grad():
        torch.testing.assert_close(settled(floats), before)
