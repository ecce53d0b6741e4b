"""The loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from torch import nn

from ensemble_kit.errors import InvalidOptionError, UnknownNameError
from ensemble_kit.training.computing import computes_in_bfloat16
from ensemble_kit.training.loop import fit, measure
from ensemble_kit.training.recipes import Computing, Recipe

SIDE, CLASSES = 11, 3
RECIPE = Recipe(epochs=2, lr=1e-2, batch_size=7, warmup_epochs=0.5, schedule="cosine")


def _plain(pixels, index, seed, epoch):
    return pixels.float() / 255


def _images(count, seed=0):
    """Noise whose brightest colour is the label."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    pixels = torch.randint(0, 156, (count, 3, SIDE, SIDE), generator=generator)
    pixels[torch.arange(count), labels] += 100
    return pixels.to(torch.uint8), labels


def _module(dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(5, CLASSES),
    )


def _fit(recipe=RECIPE, seed=3, module=None, augment=_plain, count=31, **more):
    return fit(module or _module(), *_images(count), *_images(13, seed=1), recipe, seed, augment, **more)


def _same(first, second):
    return all(torch.equal(first.state_dict[name], second.state_dict[name]) for name in first.state_dict)


def test_what_can_be_learnt_is_learnt():
    fitted = _fit(replace(RECIPE, epochs=20))
    assert fitted.history[-1].val_accuracy == 1.0
    assert fitted.history[-1].train_loss < fitted.history[0].train_loss / 2


@pytest.mark.parametrize("more", [{}, {"ema": 0.9}, {"mix": 0.5}, {"optimizer": "sgd"}, {"precision": "bfloat16"}])
def test_the_same_seed_gives_bitwise_equal_weights_whatever_torchs_state(more):
    recipe = replace(RECIPE, **more)
    runs = []
    for noise in (5, 6):
        module = _module(dropout=0.5)
        torch.manual_seed(noise)
        np.random.seed(noise)
        runs.append(_fit(recipe, module=module))
    assert _same(*runs)
    assert not _same(runs[0], _fit(recipe, seed=4, module=_module(dropout=0.5)))


def test_dropout_alone_depends_on_the_seed():
    recipe = replace(RECIPE, batch_size=31, epochs=1)  # one batch: its order cannot matter
    assert not _same(*(_fit(recipe, seed, _module(dropout=0.5)) for seed in (3, 4)))


def test_every_image_is_shown_once_an_epoch_in_an_order_of_its_own():
    shown = []

    def record(pixels, index, seed, epoch):
        assert torch.equal(pixels, _images(31)[0][index])
        assert seed == 3
        shown.append((epoch, index.tolist()))
        return _plain(pixels, index, seed, epoch)

    _fit(augment=record)
    orders = [[i for at, index in shown if at == epoch for i in index] for epoch in (0, 1)]
    assert all(sorted(order) == list(range(31)) for order in orders)
    assert orders[0] != orders[1]
    assert {len(index) for _, index in shown} == {6, 7}


def test_one_step_is_the_optimisers_own():
    module, other = _module(), _module()
    pixels, labels = _images(31)
    _fit(Recipe(epochs=1, lr=0.25, batch_size=31, optimizer="sgd", weight_decay=0.0), module=module)
    loss = nn.functional.cross_entropy(other.train()(pixels / 255), labels)
    loss.backward()
    for name, parameter in other.named_parameters():
        expected = parameter - 0.25 * 1.9 * parameter.grad
        assert torch.allclose(module.get_parameter(name), expected, atol=1e-5)


def _soft(labels, last, **more):
    """Fit where the last images have one-hot shares in place of labels."""
    images, _ = _images(31)
    shares = nn.functional.one_hot(labels[-last:], CLASSES).float()
    recipe, module = more.pop("recipe", RECIPE), _module(dropout=0.5)
    return fit(module, images, labels[:-last], *_images(13, seed=1), recipe, 3, _plain, soft_labels=shares, **more)


@pytest.mark.parametrize("more", [{}, {"mix": 0.5}, {"balance": "loss"}, {"balance": "sampling"}])
def test_soft_labels_that_are_sure_are_learnt_from_as_labels(more):
    recipe, labels = replace(RECIPE, **more), _images(31)[1]
    soft, hard = _soft(labels, 11, recipe=recipe), _fit(recipe, module=_module(dropout=0.5))
    assert [row.train_loss for row in soft.history] == pytest.approx([row.train_loss for row in hard.history], abs=1e-4)
    for name, value in hard.state_dict.items():
        assert torch.allclose(soft.state_dict[name].float(), value.float(), atol=1e-3)


def test_a_run_with_soft_labels_that_is_gone_on_with_comes_to_the_same_bits():
    labels, snapshots = _images(31)[1], []
    whole = _soft(labels, 11, on_pause=lambda take: snapshots.append(take()))
    assert _same(_soft(labels, 11, resume=snapshots[6]), whole)


def test_as_many_labels_and_soft_labels_as_images_are_wanted():
    images, labels = _images(31)
    with pytest.raises(InvalidOptionError, match="got 31 images and 20 labels and 7 soft labels"):
        fit(_module(), images, labels[:20], None, None, RECIPE, 3, _plain, soft_labels=torch.full((7, CLASSES), 1 / 3))


def test_history_has_a_row_an_epoch_with_the_figures_of_val():
    module = _module()
    rows = []
    fitted = _fit(module=module, on_epoch=rows.append)
    assert fitted.history == tuple(rows)
    assert [row.epoch for row in rows] == [1, 2]
    assert rows[-1].lr == pytest.approx(1e-2 * (1 + np.cos(np.pi * 7 / 8)) / 2, rel=1e-6)
    assert all(row.images_per_s == pytest.approx(31 / row.seconds) for row in rows)
    module.load_state_dict(fitted.state_dict)
    assert measure(module, *_images(13, seed=1))[:2] == (rows[-1].val_loss, rows[-1].val_accuracy)


def test_progress_is_told_after_every_step():
    told = []
    _fit(on_step=told.append)
    assert [(step.epoch, step.step) for step in told] == [(e, s) for e in (1, 2) for s in range(1, 6)]
    assert {(step.epochs, step.steps) for step in told} == {(2, 5)}
    assert all(float(step.loss) > 0 for step in told)


def test_the_last_epoch_is_kept_and_best_goes_by_val_log_loss():
    recipe = replace(RECIPE, epochs=7, lr=1.0, optimizer="sgd", schedule="constant")
    last, best = _fit(recipe), _fit(recipe, keep="best")
    assert last.kept_epoch == 7
    assert last.history[-1].val_loss == best.history[-1].val_loss
    losses = [row.val_loss for row in best.history]
    assert best.kept_epoch == 1 + losses.index(min(losses)) < 7
    module = _module()
    module.load_state_dict(best.state_dict)
    assert measure(module, *_images(13, seed=1))[0] == pytest.approx(min(losses), abs=1e-6)


def test_without_val_the_history_has_no_val_figures():
    fitted = fit(_module(), *_images(31), None, None, RECIPE, 3, _plain)
    assert [(row.val_loss, row.val_accuracy) for row in fitted.history] == [(None, None)] * 2
    assert _same(fitted, _fit())


def test_the_running_mean_is_what_is_measured_and_kept():
    module = _module()
    fitted = _fit(replace(RECIPE, ema=0.9), module=module)
    assert not torch.equal(fitted.state_dict["6.weight"], module.state_dict()["6.weight"])
    module.load_state_dict(fitted.state_dict)
    assert measure(module, *_images(13, seed=1))[0] == pytest.approx(fitted.history[-1].val_loss, abs=1e-6)


def test_label_smoothing_keeps_the_loss_from_zero():
    plain, smooth = (_fit(replace(RECIPE, epochs=20, label_smoothing=share)) for share in (0.0, 0.3))
    least = -(0.8 * np.log(0.8) + 0.2 * np.log(0.1))  # entropy of (.8, .1, .1)
    assert smooth.history[-1].train_loss > least > plain.history[-1].train_loss


def test_bfloat16_is_taken_where_it_is_asked_for():
    exact, rounded = (_fit(replace(RECIPE, precision=name)) for name in ("float32", "bfloat16"))
    assert (exact.computing.precision, rounded.computing.precision) == ("float32", "bfloat16")
    assert not _same(exact, rounded)
    assert all(value.dtype == exact.state_dict[name].dtype for name, value in rounded.state_dict.items())
    assert rounded.history[-1].val_loss == pytest.approx(exact.history[-1].val_loss, abs=0.05)


def test_what_is_handed_in_is_computed_in_whatever_the_recipe_says():
    handed = _fit(computing=Computing("bfloat16"))
    assert handed.computing == Computing("bfloat16", "channels_last")
    assert _same(handed, _fit(replace(RECIPE, precision="bfloat16")))


def test_filters_and_images_lie_as_asked_and_learn_the_same_but_for_rounding():
    seen, modules = [], {"contiguous": _module(), "channels_last": _module()}

    def look(module, arguments):
        if module.training:
            seen.append((arguments[0].is_contiguous(), module.weight.is_contiguous()))

    ends = []
    for layout, module in modules.items():
        module[0].register_forward_pre_hook(look)
        ends.append(_fit(replace(RECIPE, optimizer="sgd"), module=module, computing=Computing("float32", layout)))
    steps = 2 * 5  # epochs, batches of 7 of 31 images
    assert seen == [(True, True)] * steps + [(False, False)] * steps
    for name, weight in ends[0].state_dict.items():
        torch.testing.assert_close(weight, ends[1].state_dict[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("computing", [Computing(one, "contiguous") for one in ("float32", "bfloat16")])
def test_a_run_that_is_taken_up_in_what_it_began_with_ends_with_the_same_bits(computing):
    taken = []

    def on_pause(snapshot):
        if len(taken) < 7:
            taken.append(snapshot())

    whole = _fit(computing=computing, on_pause=on_pause)
    again = _fit(computing=computing, module=_module(seed=1), resume=taken[-1])
    assert _same(whole, again)


@pytest.mark.parametrize("supported", [True, False])
def test_auto_goes_by_the_processor(monkeypatch, supported):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": supported})
    cpu = torch.device("cpu")
    assert computes_in_bfloat16("auto", cpu) is supported
    assert computes_in_bfloat16("bfloat16", cpu)
    assert not computes_in_bfloat16("float32", cpu)


def test_a_loss_that_is_no_number_names_the_step_and_the_remedy():
    def spoil(pixels, index, seed, epoch):
        images = _plain(pixels, index, seed, epoch)
        return torch.where((index == 17)[:, None, None, None] & (epoch == 1), torch.nan, images)

    with pytest.raises(InvalidOptionError, match=r"loss is nan at step \d of epoch 2 .*Lower --lr"):
        _fit(augment=spoil)


def test_an_interrupt_passes_through():
    def interrupt(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _fit(on_step=interrupt)


def test_arguments_that_do_not_fit_are_refused():
    pixels, labels = _images(31)
    with pytest.raises(InvalidOptionError, match="Wanted keep 'last' or 'best', got 'first'"):
        _fit(keep="first")
    with pytest.raises(InvalidOptionError, match="keep 'best' goes by val, and there is no val"):
        fit(_module(), pixels, labels, None, None, RECIPE, 3, _plain, keep="best")
    with pytest.raises(InvalidOptionError, match="got 31 images and 29 labels"):
        fit(_module(), pixels, labels[:29], None, None, RECIPE, 3, _plain)
    with pytest.raises(InvalidOptionError, match="or neither; got one without the other"):
        fit(_module(), pixels, labels, pixels, None, RECIPE, 3, _plain)


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "macro-f1", "log-loss"])
def test_best_is_best_by_the_metric_that_was_asked_for(metric):
    recipe = replace(RECIPE, epochs=7, lr=1.0, optimizer="sgd", schedule="constant")
    best = _fit(recipe, keep="best", metric=metric)
    scores = [row.val_score for row in best.history]
    assert best.kept_epoch == 1 + scores.index((min if metric == "log-loss" else max)(scores))
    module = _module()
    module.load_state_dict(best.state_dict)
    pixels, labels = _images(13, seed=1)
    predicted = module.eval()(pixels / 255).argmax(dim=1)
    expected = {
        "accuracy": accuracy_score(labels, predicted),
        "balanced-accuracy": balanced_accuracy_score(labels, predicted),
        "macro-f1": f1_score(labels, predicted, average="macro"),
        "log-loss": nn.functional.cross_entropy(module(pixels / 255), labels).item(),
    }
    assert scores[best.kept_epoch - 1] == pytest.approx(expected[metric], abs=1e-5)


def test_patience_ends_a_run_that_gets_no_better():
    recipe = replace(RECIPE, epochs=50, lr=1.0, optimizer="sgd", schedule="constant")
    whole, short = _fit(recipe, patience=50), _fit(recipe, patience=3)
    losses = [row.val_loss for row in whole.history]
    best = [1 + losses.index(min(losses[:epoch])) for epoch in range(1, 51)]
    ends = next(epoch for epoch in range(1, 51) if epoch - best[epoch - 1] == 3)
    assert len(short.history) == short.kept_epoch == ends < 50
    assert [row.val_loss for row in short.history] == losses[:ends]
    assert _fit(recipe, patience=3, keep="best").kept_epoch == ends - 3


def test_patience_and_metrics_that_cannot_be_are_refused():
    with pytest.raises(InvalidOptionError, match="patience is -1; wanted epochs"):
        _fit(patience=-1)
    with pytest.raises(InvalidOptionError, match="patience is 2; wanted .* or 0 without val"):
        fit(_module(), *_images(31), None, None, RECIPE, 3, _plain, patience=2)
    with pytest.raises(UnknownNameError, match="No metric is named 'f1'"):
        _fit(metric="f1")


def test_a_loss_that_is_no_number_ends_the_run_at_its_step():
    steps = []

    def spoil(pixels, index, seed, epoch):
        return _plain(pixels, index, seed, epoch) * (torch.nan if (17 in index) else 1.0)

    with pytest.raises(InvalidOptionError, match="loss is nan at step") as said:
        _fit(augment=spoil, on_step=steps.append)
    assert f"at step {len(steps) + 1} of epoch 1" in str(said.value)


def test_cycles_begin_anew_and_the_end_of_each_but_the_last_is_told():
    recipe, told = replace(RECIPE, epochs=6, cycles=3), []

    def on_cycle(cycle, weights, history):
        told.append((cycle, dict(weights), history))

    fitted = _fit(recipe, on_cycle=on_cycle)
    assert [(cycle, len(history)) for cycle, _, history in told] == [(1, 2), (2, 4)]
    rates = [row.lr for row in fitted.history]
    assert rates[3] == pytest.approx(rates[5])
    assert rates[2] > rates[1]
    alone = _fit(replace(recipe, epochs=2, cycles=1))
    assert all(torch.equal(told[0][1][name], alone.state_dict[name]) for name in alone.state_dict)


@pytest.mark.parametrize(("steps", "epochs"), [(3, 1), (5, 1), (7, 2)])
def test_the_clock_ends_training_after_the_step_and_what_is_there_is_kept(steps, epochs):
    seen = []
    fitted = _fit(replace(RECIPE, epochs=9), on_step=seen.append, time_gone=lambda: len(seen) / steps)
    assert not fitted.in_time
    assert len(seen) == steps
    assert len(fitted.history) == fitted.kept_epoch == epochs
    assert fitted.history[-1].val_accuracy is not None


def _rates(steps, **changes):
    """The learning rates of all steps of a run that has time for so many."""
    rates, seen = [], []

    class Recorded(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    recipe = replace(RECIPE, optimizer="sgd", **changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.optim.SGD", Recorded)
        _fit(recipe, on_step=seen.append, time_gone=lambda: len(seen) / steps)
    return rates


def test_a_run_that_the_clock_shortens_goes_through_its_whole_schedule():
    whole, short = _rates(10**9, epochs=12), _rates(20, epochs=12)
    assert (len(whole), len(short)) == (60, 20)
    assert max(short) == pytest.approx(max(whole), rel=0.01)
    assert short[2:] == pytest.approx(whole[6::3], rel=1e-6)  # a third of the steps, spread alike; after the warm-up
    assert short[-1] < 0.01 * max(short)


def test_a_clock_with_time_to_spare_changes_nothing():
    assert _rates(61, epochs=12) == _rates(10**9, epochs=12)


def test_a_machine_that_slows_down_midway_still_ends_with_the_smallest_rate():
    rates, seen = [], []

    def time_gone():  # from step 12 on each takes three times as long
        return (len(seen) + 2 * max(0, len(seen) - 12)) / 60

    def on_step(step):
        seen.append(step)
        rates.append(step.epochs)

    fitted = _fit(replace(RECIPE, epochs=12), on_step=on_step, time_gone=time_gone)
    assert not fitted.in_time
    assert len(seen) == 28
    assert fitted.history[-1].lr < 0.02 * RECIPE.lr
    assert rates[0] == 12
    assert rates[-1] == len(fitted.history) == 6


def test_a_clock_ends_a_cycle_within_an_epoch():
    seen, told = [], []
    _fit(
        replace(RECIPE, epochs=6, cycles=2),
        on_step=seen.append,
        on_cycle=lambda cycle, weights, history: told.append((cycle, len(seen), len(history))),
        time_gone=lambda: len(seen) / 14,
    )
    assert told == [(1, 7, 1)]


def test_a_run_taken_up_has_its_whole_time_for_what_is_left():
    class Left(Exception):
        pass

    seen, snapshots = [], []

    def leave(take):
        if len(seen) == 8:
            snapshots.append(take())
            raise Left

    recipe = replace(RECIPE, epochs=6)
    with pytest.raises(Left):
        _fit(recipe, on_step=seen.append, on_pause=leave, time_gone=lambda: len(seen) / 15)
    again = []
    fitted = _fit(recipe, resume=snapshots[0], on_step=again.append, time_gone=lambda: len(again) / 5)
    assert len(again) == 5
    assert fitted.history[-1].lr < 0.1 * RECIPE.lr


def test_val_is_measured_a_few_times_unless_it_decides():
    looked = [row.epoch for row in _fit(replace(RECIPE, epochs=50)).history if row.val_loss is not None]
    assert looked == [10, 20, 30, 40, 50]
    assert all(row.val_loss is not None for row in _fit(replace(RECIPE, epochs=12), keep="best").history)
    assert all(row.val_loss is not None for row in _fit(replace(RECIPE, epochs=12), patience=12).history)


def test_time_that_ends_with_the_last_step_was_enough():
    fitted = _fit(time_gone=lambda: 1.0, recipe=replace(RECIPE, epochs=1, batch_size=31))
    assert fitted.in_time
    assert not _fit(time_gone=lambda: 1.0).in_time


def test_balanced_sampling_shows_rare_classes_as_often_as_frequent_ones():
    shown = []

    def augment(pixels, index, seed, epoch):
        shown.append(index.clone())
        return _plain(pixels, index, seed, epoch)

    images, labels = _images(31)
    labels = torch.where(torch.arange(31) < 4, 1, 0)
    fit(_module(), images, labels, None, None, replace(RECIPE, balance="sampling"), 3, augment)
    often = torch.bincount(labels[torch.cat(shown)])
    assert often.tolist() in ([31, 31], [30, 32], [32, 30])


def test_a_run_whose_last_image_joins_the_batch_before_it_is_taken_up_bit_for_bit():
    def narrow(seed):
        torch.manual_seed(seed)
        parts = nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(5, CLASSES)
        return nn.Sequential(*parts)

    recipe, taken, sizes = replace(RECIPE, batch_size=2, ema=0.9), [], []

    def augment(pixels, index, seed, epoch):
        sizes.append(len(index))
        return _plain(pixels, index, seed, epoch)

    whole = _fit(recipe, module=narrow(0), augment=augment, count=7, on_pause=lambda take: taken.append(take()))
    assert sizes == [3, 2, 2] * recipe.epochs
    for snapshot in taken:
        assert _same(whole, _fit(recipe, module=narrow(9), count=7, resume=snapshot))


@pytest.mark.parametrize(
    "more", [{"clip": 0.5}, {"balance": "sampling"}, {"balance": "loss"}, {"cycles": 2, "epochs": 4}]
)
def test_a_run_taken_up_anywhere_goes_on_bit_for_bit(more):
    recipe, taken = replace(RECIPE, mix=0.5, **more), []
    whole = _fit(recipe, on_pause=lambda snapshot: taken.append(snapshot()))
    for snapshot in taken[3::4]:
        assert _same(whole, _fit(recipe, module=_module(seed=9), resume=snapshot))
