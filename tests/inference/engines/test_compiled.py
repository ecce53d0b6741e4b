"""torch.compile where there is no compiler, and where it refuses."""

import importlib

import numpy as np
import pytest
import torch
from torch import nn

from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.inference.engines.start import start

compiling = importlib.import_module("ensemble_kit.inference.engines.compiled")
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 7, 7), dtype=np.uint8)
NETWORK = nn.Sequential(nn.Flatten(), nn.Linear(147, 3))


def test_without_a_compiler_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    with pytest.raises(ResourceError, match="wants a C.. compiler .* finds none. Install one.*--engine fused"):
        start(NETWORK, "compiled", "cpu", IMAGES)


def test_a_compiler_that_is_named_is_enough(monkeypatch):
    monkeypatch.setenv("CXX", "/opt/own/c++-99")
    monkeypatch.setattr(compiling.shutil, "which", lambda name: name if name == "/opt/own/c++-99" else None)
    assert callable(compiling.compiled(NETWORK, torch.zeros(1, 3, 7, 7), "float32"))


def test_a_network_that_cannot_be_compiled_is_refused_in_one_line(monkeypatch):
    def refuse(pixels):
        raise torch._dynamo.exc.Unsupported("a step nobody knows\nand a page of details")

    monkeypatch.setattr(torch, "compile", lambda module: refuse)
    with pytest.raises(InvalidOptionError, match=r"cannot compile this network \(a step nobody knows\). Use"):
        start(NETWORK, "compiled", "cpu", IMAGES)
