"""Every engine gives eager's logits, leaves the module alone, and says what it cannot do."""

import copy
import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from ensemble_kit.errors import BadDataError, InvalidOptionError, UnknownNameError
from ensemble_kit.inference.engines.start import start
from ensemble_kit.inference.engines.table import ENGINES
from ensemble_kit.tables import Entry

engines = importlib.import_module("ensemble_kit.inference.engines.start")

IMAGES = np.random.default_rng(0).integers(0, 256, (19, 3, 11, 11), dtype=np.uint8)
PIXELS = torch.from_numpy(IMAGES).float() / 255


def network():
    torch.manual_seed(0)
    module = nn.Sequential(
        *(nn.Conv2d(3, 13, 3, bias=False), nn.BatchNorm2d(13), nn.ReLU()),
        *(nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(13, 5)),
    )
    module[1].running_mean.normal_()
    module[1].running_var.uniform_(0.5, 2)
    return module


def logits_of(module):
    with torch.no_grad():
        return copy.deepcopy(module).eval()(PIXELS)


def wrong(distance):
    """The builder of an engine that is so far from eager."""
    return lambda module, sample, precision: lambda pixels: module(pixels) * (1 + distance)


def with_engine(monkeypatch, builder):
    monkeypatch.setattr(engines, "ENGINES", {**ENGINES, "fused": Entry("", lambda: builder)})


@pytest.mark.parametrize("engine", ["eager", "fused", "onnx", "auto", pytest.param("compiled", marks=pytest.mark.slow)])
def test_each_engine_gives_the_logits_of_the_module_for_any_number_of_images(engine):
    module = network()
    expected, before = logits_of(module), {name: one.clone() for name, one in module.state_dict().items()}
    running = start(module, engine, "cpu", IMAGES[:7])
    assert running.engine == {"auto": "fused"}.get(engine, engine)
    assert running.relative_error < 1e-4
    assert (running.changed, running.note) == (0, "")
    with torch.inference_mode():
        for count in (19, 1, 2, 7):
            torch.testing.assert_close(running.run(PIXELS[:count]), expected[:count], rtol=0, atol=1e-5)
    assert all(torch.equal(before[name], one) for name, one in module.state_dict().items())
    assert [type(part) for part in module] == [type(part) for part in network()]


@pytest.mark.parametrize("engine", ["eager", "fused", "onnx"])
def test_pixels_may_lie_in_memory_in_any_way(engine):
    module = network()
    running = start(module, engine, "cpu", IMAGES)
    strided = PIXELS.flip(-1).transpose(-1, -2)
    with torch.inference_mode():
        torch.testing.assert_close(running.run(strided), module.eval()(strided.contiguous()), rtol=0, atol=1e-5)


@pytest.mark.parametrize("engine", ["eager", "fused"])
def test_bfloat16_is_near_and_not_the_same(engine):
    running = start(network(), engine, "cpu", IMAGES, "bfloat16")
    assert running.precision == "bfloat16"
    assert 1e-4 < running.relative_error < 5e-2
    assert running.run(PIXELS).dtype == torch.float32


def test_any_callable_runs_as_it_is_to_tensors_or_arrays():
    for call in (lambda pixels: pixels.mean((2, 3)), lambda pixels: pixels.numpy().mean((2, 3))):
        running = start(call, "auto", "cpu", IMAGES)
        assert running.engine == "eager"
        np.testing.assert_allclose(running.run(PIXELS), IMAGES.mean((2, 3)) / 255, atol=1e-6)


@pytest.mark.parametrize(("engine", "precision"), [("fused", "float32"), ("onnx", "float32"), ("auto", "bfloat16")])
def test_a_callable_has_no_other_engine_and_no_other_precision(engine, precision):
    with pytest.raises(
        InvalidOptionError, match=f"--engine {engine} with --precision {precision} needs a torch module"
    ):
        start(lambda pixels: pixels.mean((2, 3)), engine, "cpu", IMAGES, precision)


def test_names_that_are_not_there_are_refused():
    with pytest.raises(UnknownNameError, match="No engine is named 'fuse'; did you mean 'fused'"):
        start(network(), "fuse", "cpu", IMAGES)
    with pytest.raises(UnknownNameError, match="No precision is named 'float16'"):
        start(network(), "eager", "cpu", IMAGES, "float16")


def test_an_engine_that_computes_something_else_is_an_error(monkeypatch):
    with_engine(monkeypatch, wrong(2e-4))
    with pytest.raises(
        BadDataError, match="'fused' does not compute what PyTorch does: on 19 .* is 0.0002 .*wanted 1e-04"
    ):
        start(network(), "fused", "cpu", IMAGES)


def test_an_engine_within_the_tolerance_says_how_far_it_is(monkeypatch):
    with_engine(monkeypatch, wrong(5e-5))
    assert start(network(), "fused", "cpu", IMAGES).relative_error == pytest.approx(5e-5, rel=0.02)


def test_an_engine_that_changes_a_class_is_an_error_though_the_logits_are_near(monkeypatch):
    def builder(module, sample, precision):
        return lambda pixels: torch.tensor([[1.0, 0.00013, 0.0], [0, 0.00004, 0.00005]])

    with_engine(monkeypatch, builder)
    monkeypatch.setattr(engines, "eager", lambda *_: lambda pixels: torch.tensor([[1.0, 0, 0], [0, 0.00018, 0.00006]]))
    with pytest.raises(BadDataError, match="and 1 images change their class. Use --engine eager"):
        start(network(), "fused", "cpu", IMAGES[:2])


@pytest.mark.parametrize("trouble", ["wrong", "broken", "not finite"])
def test_auto_falls_back_to_eager_and_says_so(monkeypatch, trouble):
    def broken(module, sample, precision):
        raise RuntimeError("no such instruction")

    with_engine(monkeypatch, {"wrong": wrong(1.0), "broken": broken, "not finite": wrong(float("nan"))}[trouble])
    module = network()
    running = start(module, "auto", "cpu", IMAGES)
    assert running.engine == "eager"
    assert running.note.startswith("Fell back to plain PyTorch, in float32. ")
    torch.testing.assert_close(running.run(PIXELS), logits_of(module), rtol=0, atol=1e-5)


def test_a_diverged_network_is_not_blamed_on_the_engine():
    module = network()
    nn.init.constant_(module[-1].weight, float("inf"))
    for engine in ("auto", "fused"):
        with pytest.raises(BadDataError, match="not finite for view 'identity' of image 0: the training diverged"):
            start(module, engine, "cpu", IMAGES)


@pytest.mark.parametrize(
    ("output", "came"),
    [
        (lambda pixels: (pixels.mean((2, 3)),), "tuple"),
        (lambda pixels: pixels.mean((1, 2, 3)), r"torch.float32 \(19,\)"),
    ],
)
def test_a_module_that_gives_something_else_than_logits_is_refused(output, came):
    class Odd(nn.Module):
        def forward(self, pixels):
            return output(pixels)

    with pytest.raises(InvalidOptionError, match=f"The model gave {came} for 1?9 images; wanted one tensor of logits"):
        start(Odd(), "eager", "cpu", IMAGES).run(PIXELS)


def test_without_the_extra_the_onnx_engine_says_what_to_install(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "ensemble_kit.inference.engines.onnx_session.find_spec",
        lambda name: None if name == "onnxscript" else real(name),
    )
    with pytest.raises(InvalidOptionError, match=r"ONNX needs onnxscript. Install: pip install .*'onnxscript>="):
        start(network(), "onnx", "cpu", IMAGES)


def test_the_onnx_engine_knows_float32_alone():
    with pytest.raises(InvalidOptionError, match="--engine onnx runs on the CPU in float32, .* --precision bfloat16"):
        start(network(), "onnx", "cpu", IMAGES, "bfloat16")


def test_the_onnx_engine_refuses_a_network_that_cannot_be_exported():
    class Hostile(nn.Module):
        def forward(self, pixels):
            return pixels.mean((2, 3)) if pixels.sum().item() > 0 else pixels.amax((2, 3))

    with pytest.raises(InvalidOptionError, match="cannot be exported to ONNX .*--engine fused"):
        start(Hostile(), "onnx", "cpu", IMAGES)


def test_the_onnx_engine_keeps_its_mouth_shut(capfd, recwarn):
    start(network(), "onnx", "cpu", IMAGES)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_every_engine_of_the_table_can_be_loaded():
    assert all(callable(entry.load()) for entry in ENGINES.values())
    assert list(ENGINES) == ["eager", "fused", "compiled", "onnx"]
