"""What is built holds everything, and works where nothing else of this folder is."""

import configparser
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from setuptools import find_packages

import ensemble_kit

ROOT = Path(ensemble_kit.__file__).parents[1]
ROOMS = ("ensemble_kit", "models_zoo", "predictions")
EVERYWHERE = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
MADE_BY_COMMANDS = shutil.ignore_patterns("build", "dist", "demo", "bench-work", "runs", "blends")


def left_out(folder, names):
    """What no copy holds: caches anywhere, and at the top what commands write there."""
    return EVERYWHERE(folder, names) | (MADE_BY_COMMANDS(folder, names) if Path(folder) == ROOT else set())


def read_setup():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def files():
    """Every file of the packages that is no work of the user's, as a path from the root."""
    found = [path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    ours = [path for path in found if path.parts[0] != "predictions" or path.parts[1] in MADE_HERE]
    return {path.as_posix() for path in ours if "__pycache__" not in path.parts and path.name != ".lock"}


MADE_HERE = {"README.md", "__init__.py", "toy"}


def test_every_folder_with_an_init_is_a_package_and_nothing_else_is():
    setup = read_setup()
    assert setup["options"]["packages"] == "find:"
    found = find_packages(str(ROOT), include=setup["options.packages.find"]["include"].split())
    there = {path.parent.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    assert sorted(found) == sorted(".".join(path.parts) for path in there)


def test_every_file_that_is_no_module_is_package_data():
    setup = read_setup()
    globs = [
        f"{package.replace('.', '/')}/{glob.strip()}"
        for package, value in setup["options.package_data"].items()
        for glob in value.split(",")
    ]
    data = [path for path in files() if not path.endswith(".py")]
    assert data
    assert not [path for path in data if not any(fnmatch(path, glob) for glob in globs)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that was built from it; nothing is written into this folder."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "copy", ignore=left_out)
    for path in (folder / "copy" / "predictions").iterdir():
        if path.name not in MADE_HERE:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(folder / "copy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages_and_no_test(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == files()


@pytest.mark.slow
def test_the_sdist_can_be_tested(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert files() <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "Makefile", "setup.cfg", "pyproject.toml"} <= names
    assert {"tests/conftest.py", "tests/test_packaging.py", "bench/RESULTS.md", "docs/tutorial.md"} <= names
    assert not [name for name in names if name.startswith(".") or "__pycache__" in name]


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A folder of programs where the wheel is installed, as a stranger has it.

    The heavy dependencies are those of the running environment, lent by a .pth file: installing them
    again takes minutes. The .pth files of that environment are not read, so its `ensemble_kit` is out of sight
    but for what the wheel has installed.
    """
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    home = {"base": str(folder), "platbase": str(folder)}
    programs, packages = (Path(sysconfig.get_path(key, "venv", home)) for key in ("scripts", "purelib"))
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([*pip, str(built[1])], check=True)
    return programs, packages


def run(program, *words, cwd):
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(program), *map(str, words)], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_module_imports_from_the_wheel_alone(installed, tmp_path):
    programs, packages = installed
    modules = [
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in files() if path[-3:] == ".py"
    ]
    script = (
        "import sys, importlib\n"
        "for name in sys.argv[2:]:\n"
        "    if not name.endswith('__main__'):\n"
        "        module = importlib.import_module(name)\n"
        "        assert module.__file__.startswith(sys.argv[1]), module.__file__\n"
    )
    run(programs / "python", "-c", script, packages, *modules, cwd=tmp_path)


@pytest.mark.slow
def test_the_command_of_the_wheel_works(installed, tmp_path):
    programs, packages = installed
    assert "Submissions:" in run(programs / "ek", "--help", cwd=tmp_path)
    assert "cnn-augmented-2" in run(
        programs / "ek", "members", "--predictions", packages / "predictions" / "toy", cwd=tmp_path
    )
    drawn = run(programs / "ek", "demo-data", "drawn", "--train", "20", "--val", "10", "--test", "3", cwd=tmp_path)
    assert "20 train" in drawn
    assert len(list((tmp_path / "drawn" / "test").iterdir())) == 3
