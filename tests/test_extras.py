"""What an extra asks for, and the command that installs it: read from setup.cfg alone."""

import configparser
import shlex
import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import ensemble_kit
from ensemble_kit import extras

ROOT = Path(ensemble_kit.__file__).parents[1]
EVERY = ("onnx", "pretrained", "report")


def asked(extra):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return [line.replace(" ", "") for line in setup["options.extras_require"][extra].split("\n") if line]


@pytest.mark.parametrize("extra", EVERY)
def test_the_hint_names_the_packages_that_setup_cfg_asks_for_and_no_index_of_ours(extra, monkeypatch):
    monkeypatch.setattr(extras, "installed", lambda package: None)
    assert shlex.split(extras.install_hint(extra)) == ["pip", "install", *asked(extra)]


def test_only_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(extras, "installed", {"onnx": "1.17", "onnxruntime": "1.20"}.get)
    assert shlex.split(extras.install_hint("onnx"))[2:] == [one for one in asked("onnx") if "onnxscript" in one]


def test_where_ensemble_kit_is_not_installed_the_hint_names_the_folder_it_runs_from(monkeypatch):
    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "requires", nothing)
    assert shlex.split(extras.install_hint("report")) == ["pip", "install", "-e", f"{ROOT}[report]"]


def test_no_text_names_an_index_that_has_ensemble_kit():
    read = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *(ROOT / "ensemble_kit").rglob("*.py")]
    read += [*(ROOT / "models_zoo").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
    assert not [path for path in read if "install 'ensemble_kit[" in path.read_text(encoding="utf-8")]


def planned(*words):
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if " pip install " in line]


def test_make_demo_installs_every_extra_that_the_readme_uses(tmp_path):
    (installed,) = planned("demo", f"VENV={tmp_path / 'env'}")
    assert installed.endswith(f"-e '.[{','.join(EVERY)}]'")


def test_make_demo_takes_pytorch_from_its_own_index_before_all_else_where_a_build_is_named(tmp_path):
    torch, rest = planned("demo", "TORCH=cpu", f"VENV={tmp_path / 'env'}")
    assert torch.endswith("torch torchvision --index-url https://download.pytorch.org/whl/cpu")
    assert rest.endswith(f"-e '.[{','.join(EVERY)}]'")
    assert "/whl/cu126" in planned("demo", "TORCH=cu126", f"VENV={tmp_path / 'env'}")[0]


def test_make_refuses_another_build_of_torch_in_an_environment_that_has_one(tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("bin/python", "installed"):
        (tmp_path / name).touch()
    words = ["make", "demo", "TORCH=cpu", f"VENV={tmp_path}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "First: make clean. Then again: make demo TORCH=cpu" in done.stdout
