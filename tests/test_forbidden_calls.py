"""No code of ours can be made to run what a file says: read from the syntax tree of every file."""

import ast
from pathlib import Path

import pytest

import ensemble_kit

ROOT = Path(ensemble_kit.__file__).parents[1]
MAY_BUILD_PICKLES = ROOT / "tests" / "test_hostile_files.py"
FOLDERS = ("ensemble_kit", "models_zoo", "predictions", "bench", "tests")
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if path != MAY_BUILD_PICKLES]
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {
    *("eval", "exec", "os.system", "os.popen", "runpy.run_path", "runpy.run_module"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"),
    *("pandas.read_pickle", "pd.read_pickle", "torch.hub.load", "torch.jit.load"),
}
SAFE_ONLY_WITH = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
SAFE_ONLY_WITH["numpy.load"] = SAFE_ONLY_WITH["np.load"]
ARGUMENTS = {"allow_pickle": True, "weights_only": False, "shell": True}


def found_in(text):
    """Return what is forbidden in a program, each with its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        yield from (f"{node.lineno}: import {name}" for name in names if name.split(".")[0] in MODULES)
        yield from (f"{node.lineno}: import {name}" for name in names if name in CALLS)
        if isinstance(node, ast.Call):
            yield from (f"{node.lineno}: {what}" for what in wrong_with(node))


def wrong_with(call):
    """Return what is forbidden about one call."""
    name = ast.unparse(call.func)
    given = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
    if name in CALLS or name == "__import__":
        yield name
    for argument, value in ARGUMENTS.items():
        if argument in given and given[argument] is not (not value):
            yield f"{name}({argument}={given[argument]})"
    if name in SAFE_ONLY_WITH:
        argument, value = SAFE_ONLY_WITH[name]
        if given.get(argument) is not value:
            yield f"{name} without {argument}={value}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_here_could_run_what_a_file_says(path):
    assert list(found_in(path.read_text(encoding="utf-8"))) == []


def test_the_files_are_found():
    names = {path.name for path in FILES}
    assert {"weights.py", "scores.py", "measuring.py", "test_road.py"} <= names
    assert MAY_BUILD_PICKLES.exists()


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import os, joblib",
        "from pickle import loads",
        "from dill.source import getsource",
        "import marshal as m",
        "from yaml import unsafe_load",
        "from os import system",
        "np.load(path)",
        "numpy.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "np.savez(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.full_load(text)",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=flag)",
        "__import__(name)",
    ],
)
def test_each_forbidden_thing_is_recognised(line):
    assert len(list(found_in(f"x = 1\n{line}\n"))) >= 1


@pytest.mark.parametrize(
    "line",
    [
        "network.eval()",
        "torch.load(path, weights_only=True)",
        "np.load(path, mmap_mode='r', allow_pickle=False)",
        "yaml.safe_load(text)",
        "subprocess.run([program], shell=False)",
        "import json",
    ],
)
def test_the_safe_ways_are_let_through(line):
    assert list(found_in(line)) == []
