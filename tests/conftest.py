"""A small road, walked once a test run: drawn images, two members, their views."""

import os
import shutil

import pytest
from jaxtyping import config

os.environ.setdefault("COLUMNS", "80")

UNCHECKED = ("auto", "blends", "report")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Leave shapes unchecked where whole blends are made again and again, a third of the time of such a test.

    What they are made of is checked where it is tested, and whole commands are in tests/pipeline/test_road.py.
    """
    config.update(
        "jaxtyping_disable", item.path.parent.parent.name == "pipeline" and item.path.parent.name in UNCHECKED
    )


@pytest.fixture(scope="session")
def walked(tmp_path_factory):
    """A working folder with `data`, two trained members with two views each, and their runs."""
    import ensemble_kit as ek

    folder = tmp_path_factory.mktemp("road")
    ek.demo_data(folder / "data", train=150, val=60, test=37, size=24, quiet=True)
    before = os.getcwd()
    os.chdir(folder)
    try:
        ek.train("data", "mlp", recipe="assignment", epochs=3, quiet=True, device="cpu")
        plain = {"recipe": "assignment", "epochs": 3, "lr": 2e-3, "arch_option": {"width": 8}}
        ek.train("data", "cnn", quiet=True, device="cpu", **plain)
        for name in ("mlp", "cnn"):
            ek.tta(f"runs/{name}", views="flips,scale@1.1", quiet=True, device="cpu")
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def road(walked, tmp_path, monkeypatch):
    """A copy of the walked road to work in; it is the current folder."""
    folder = tmp_path / "road"
    shutil.copytree(walked, folder)
    monkeypatch.chdir(folder)
    return folder
