"""What holds the house together: layers, names, help pages, tables."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from understood import understood

import ensemble_kit
import models_zoo
from ensemble_kit import errors, results
from ensemble_kit.cli import ek
from ensemble_kit.cli.group.chapters import CHAPTERS
from ensemble_kit.context import DeviceOption, QuietOption, RunContext, ThreadsOption, VerifyOption
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.weights.table import VIEW_CHOICES, WEIGHTS
from ensemble_kit.images import Source, SourceOption
from ensemble_kit.training.recipes import Recipe, RecipeOption
from ensemble_kit.training.tables import OPTIMIZERS, SCHEDULES
from ensemble_kit.workspace import (
    BlendsOption,
    CacheOption,
    PredictionsOption,
    ReportsOption,
    RunsOption,
    SubmissionsOption,
    Workspace,
)

ROOT = Path(ensemble_kit.__file__).parents[1]
ISLANDS = {"images", "training", "inference", "ensembling", "storage", "reporting", "synthetic"}
HEIGHT = {
    "cli": 5,
    "pipeline": 4,
    **dict.fromkeys(ISLANDS, 3),
    **dict.fromkeys(["results", "types", "metrics"], 2),
    **dict.fromkeys(
        ["aliases", "columns", "context", "csv_text", "disk", "errors", "extras", "formerly", "groups", "id_forms"], 1
    ),
    **dict.fromkeys(["labels", "processors", "remedies", "splits", "tables", "texts", "verdicts"], 1),
    **dict.fromkeys(["versions", "visible", "workspace"], 1),
}
ORDER = {
    "pipeline": [
        *[["entry"], ["inputs"], ["models"], ["members"], ["runs"], ["views"], ["blends"]],
        *[["predict", "export", "report", "submit", "doctor"], ["auto"]],
    ],
    "ensembling": [
        *[["statistics"], ["combining"], ["weights"], ["tuning"], ["evaluation"]],
        ["diagnostics", "selective", "contest"],
    ],
    "storage": [["files"], ["runs", "partial"], ["members"], ["submissions"]],
    "inference": [["views"], ["engines"], ["blend_graph"]],
    "images": [["augmentation"], ["checks"]],
    "reporting": [["terminal"], ["html"]],
    "results": [["parts"]],
}
"""The rooms of a package from the ground up; those of one floor never import each other."""
MOST_MODULES = 22
HEAVY = ["torch", "torchvision", "timm", "numpy", "pandas", "sklearn", "scipy", "PIL", "rich"]
PYTHON_ONLY = {"workspace"}
BY_COMMAND = ("ensemble_kit.reporting", "ensemble_kit.results")
"""Where a module named after a command is imported as such, from anywhere."""
PRINTS_ONLY = {"as_json", "config", "show_recipe", "help"}


def modules(package):
    return sorted((ROOT / package).rglob("*.py"))


def imported(path):
    """Every module that a file imports, inside functions too, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place(module):
    """The package of a module below `ensemble_kit`, and its room there; None where there is none."""
    parts = [*module.split("."), None, None]
    package = parts[1] if parts[0] == "ensemble_kit" and parts[1] in HEIGHT else None
    rooms = [name for floor in ORDER.get(package, ()) for name in floor]
    return package, parts[2] if parts[2] in rooms else None


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


OURS = [path for path in modules("ensemble_kit") if path.parent != ROOT / "ensemble_kit" or path.stem in HEIGHT]
MODULES = {dotted(path) for path in modules("ensemble_kit")}
PACKAGES = {dotted(path) for path in modules("ensemble_kit") if path.stem == "__init__"} - {"ensemble_kit"}
OF_COMMANDS = {f"{room}.{name.replace('-', '_')}" for room in BY_COMMAND for name in ek.commands}


def test_every_room_has_its_place():
    assert {module.split(".")[1] for module in MODULES - {"ensemble_kit", "ensemble_kit.__main__"}} == set(HEIGHT)
    for package, floors in ORDER.items():
        folders = {name.split(".")[2] for name in PACKAGES if name.startswith(f"ensemble_kit.{package}.")}
        assert sorted(name for floor in floors for name in floor) == sorted(folders)


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards_and_islands_never_meet(path):
    here, room = place(dotted(path))
    for module in imported(path):
        there, other = place(module)
        if there is not None and there != here:
            assert HEIGHT[there] <= HEIGHT[here], f"{path.name} imports {module}, a room above"
            assert not {here, there} <= ISLANDS, f"{path.name} imports {module}, another island"
        if there == here and other != room and None not in (room, other):
            floor = {name: number for number, names in enumerate(ORDER[here]) for name in names}
            assert floor[other] < floor[room], f"{path.name} imports {module}, a room that is not below"


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_is_entered_by_its_face_or_by_a_command(path):
    home = dotted(path) if path.stem == "__init__" else dotted(path).rpartition(".")[0]
    for module in set(imported(path)) - OF_COMMANDS:
        package = module.rpartition(".")[0]
        if module in MODULES - PACKAGES and package in PACKAGES and not f"{home}.".startswith(f"{package}."):
            stub = (ROOT / package.replace(".", "/") / "__init__.pyi").read_text(encoding="utf-8")
            shown = module.rpartition(".")[2]
            assert f"import {shown} as {shown}\n" in stub, f"{path.name} imports {module}, past the face of {package}"


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_face_shows_what_is_there_and_says_what_the_room_does(name):
    room = importlib.import_module(name)
    assert len(room.__doc__.strip().splitlines()) <= 25
    for shown in getattr(room, "__all__", ()):
        assert getattr(room, shown) is not None


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in modules("ensemble_kit")}), ids=lambda path: path.name
)
def test_no_folder_is_too_full_to_read(folder):
    assert len([path for path in folder.glob("*.py") if path.stem != "__init__"]) <= MOST_MODULES


@pytest.mark.parametrize("path", modules("models_zoo"), ids=lambda path: path.name)
def test_the_zoo_knows_nothing_of_ensemble_kit(path):
    assert not [module for module in imported(path) if module.split(".")[0] == "ensemble_kit"]


@pytest.mark.parametrize("path", modules("ensemble_kit"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_zoo_is_entered_by_its_face(path):
    named = [module.split(".")[1:] for module in imported(path) if module.startswith("models_zoo.")]
    assert all(len(parts) == 1 and parts[0] in models_zoo.__all__ for parts in named), named


SOLVERS = {
    "contest/public_split.py": {"scipy"},
    "statistics/exact_bounds.py": {"scipy"},
    "statistics/paired_means.py": {"scipy"},
    "statistics/spread.py": {"scipy"},
    "weights/optimality.py": {"scipy"},
    "weights/stacking.py": {"sklearn"},
}


@pytest.mark.parametrize("path", modules("ensemble_kit/ensembling"), ids=lambda path: path.name)
def test_the_maths_needs_neither_torch_nor_files(path):
    heads = {module.split(".")[0] for module in imported(path)}
    forbidden = {"torch", "torchvision", "timm", "scipy", "sklearn", "pandas", "pathlib", "os"}
    assert not heads & (forbidden - SOLVERS.get(f"{path.parent.name}/{path.name}", set()))


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_are_imported_only_where_they_solve(name):
    tree = ast.parse((ROOT / "ensemble_kit" / "ensembling" / name).read_text(encoding="utf-8"))
    inside = {id(node) for part in ast.walk(tree) if isinstance(part, ast.FunctionDef) for node in ast.walk(part)}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = [(id(node) in inside, getattr(node, "module", None) or node.names[0].name) for node in imports]
    found = [is_inside for is_inside, module in named if module.split(".")[0] in SOLVERS[name]]
    assert found
    assert all(found)


def commands(group=ek, path=()):
    """Every command of the tree with its words; groups that do something themselves too."""
    for name, command in group.commands.items():
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def commands_of_python():
    """Every command that is a function too; completion is the shell's affair."""
    return [case for case in commands() if case[0] != ("completion",)]


def words(case):
    return " ".join(case[0])


@pytest.mark.parametrize("case", list(commands()), ids=words)
def test_every_command_has_an_example_in_its_help(case):
    names, command = case
    assert f"ek {' '.join(names)}" in (command.help or "").partition("Example:")[2]


@pytest.mark.parametrize("case", commands_of_python(), ids=words)
def test_the_command_and_the_python_function_share_name_and_parameters(case):
    names, command = case
    function = getattr(ensemble_kit, "_".join(names).replace("-", "_"))
    signature = inspect.signature(function)
    assert {param.name for param in command.params} - PRINTS_ONLY == set(signature.parameters) - PYTHON_ONLY
    typed = understood(command, as_few_words_as_will_do(command))
    must_be_said = {param.name for param in command.params if param.required}
    for name, parameter in signature.parameters.items():
        if name in must_be_said:
            assert not (parameter.default is not parameter.empty and parameter.default), name
        elif (
            name not in PYTHON_ONLY and parameter.default is not parameter.empty and (typed[name] or parameter.default)
        ):
            assert str(typed[name]) == str(parameter.default), name


@pytest.mark.parametrize("name", ensemble_kit.__all__)
def test_a_function_takes_at_most_two_arguments_by_place(name):
    kinds = [parameter.kind for parameter in inspect.signature(getattr(ensemble_kit, name)).parameters.values()]
    assert sum(kind is not inspect.Parameter.KEYWORD_ONLY for kind in kinds) <= 2


@pytest.mark.parametrize(
    ("carried", "options"),
    [
        (Source, [SourceOption, {"data": Path}]),
        (Workspace, [PredictionsOption, RunsOption, BlendsOption, SubmissionsOption, ReportsOption, CacheOption]),
        (RunContext, [QuietOption, DeviceOption, ThreadsOption, VerifyOption]),
        (Recipe, [RecipeOption]),
    ],
)
def test_what_a_command_takes_along_has_an_option_for_each_of_its_parts(carried, options):
    named = {name for one in options for name in (one if isinstance(one, dict) else one.__annotations__)}
    assert named - PYTHON_ONLY == {field.name for field in fields(carried)}


def as_few_words_as_will_do(command):
    """The words that a command cannot do without."""
    for param in command.params:
        if param.required and isinstance(param, click.Option):
            yield param.opts[0]
        if param.required:
            yield "0.5" if param.type is click.FLOAT else "logits"


def test_a_public_name_is_a_command_and_every_command_is_public():
    stub = (ROOT / "ensemble_kit" / "__init__.pyi").read_text(encoding="utf-8")
    lines = [re.fullmatch(r"from \.pipeline(\.\w+)+ import (\w+) as (\w+)", line) for line in stub.splitlines()]
    declared = sorted(line[2] for line in lines if line[2] == line[3])
    assert len(declared) == len(lines)
    assert sorted("_".join(names).replace("-", "_") for names, _ in commands_of_python()) == declared
    assert ensemble_kit.__all__ == declared
    with pytest.raises(AttributeError, match="attribute vote"):
        _ = ensemble_kit.vote


def test_help_lists_every_command_in_its_chapter_with_its_whole_summary():
    script = "from ensemble_kit.cli import ek; ek(['--help'])"
    env = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    listed = done.stdout[done.stdout.index("\nData:\n") :].strip().split("\n\n")
    assert [part.partition(":\n")[0] for part in listed] == list(CHAPTERS)
    rows = [line.split(maxsplit=1) for part in listed for line in part.splitlines()[1:]]
    first_sentences = {
        name: " ".join(one.help.split()).partition(". ")[0].rstrip(".") for name, one in ek.commands.items()
    }
    assert sorted(rows) == sorted([name, f"{sentence}."] for name, sentence in first_sentences.items())
    for part in listed:
        chapter, _, lines = part.partition(":\n")
        for name in (line.split()[0] for line in lines.splitlines()):
            module = importlib.import_module(ek.commands[name].callback.__module__)
            assert (module.CHAPTER, ek.commands[name] in module.COMMANDS) == (chapter, True)


@pytest.mark.parametrize("name", [name for name, one in ek.commands.items() if isinstance(one, click.Group)])
def test_help_of_a_group_has_the_whole_summary_of_each_command(name):
    shown = " ".join(CliRunner().invoke(ek, [name, "--help"]).output.partition("\nCommands:\n")[2].split())
    for command in ek.commands[name].commands.values():
        assert " ".join(command.get_short_help_str(limit=sys.maxsize).split()) in shown


def test_the_face_of_results_shows_every_report():
    for path in modules("ensemble_kit/results"):
        classes = [
            node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)
        ]
        for name in classes:
            line = f"from {dotted(path).removeprefix('ensemble_kit.results')} import {name} as {name}"
            assert name in results.__all__, f"ensemble_kit/results/__init__.pyi wants the line: {line}"
            assert getattr(results, name).__module__ == dotted(path)


@pytest.mark.parametrize("case", [((), ek), *commands()], ids=words)
def test_no_help_page_loads_anything_heavy(case):
    script = (
        "import sys\n"
        "from ensemble_kit.cli import ek\n"
        f"ek({[*case[0], '--help']!r}, standalone_mode=False)\n"
        f"heavy = set({HEAVY}) & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("table", [METHODS, WEIGHTS, VIEW_CHOICES, OPTIMIZERS, SCHEDULES])
def test_every_line_of_a_table_has_help_and_leads_somewhere(table):
    for name, entry in table.items():
        assert entry.help, name
        assert entry.load() is not None, name


def test_the_exit_codes_are_those_of_the_tree():
    found = {name: error.exit_code for name, error in vars(errors).items() if isinstance(error, type)}
    assert found == {
        "EnsembleKitError": 1,
        "InvalidOptionError": 2,
        "UnknownNameError": 2,
        "BadDataError": 3,
        "MisalignedError": 4,
        "CorruptError": 5,
        "ResourceError": 6,
        "LockedError": 7,
    }
    tree = errors.__doc__
    assert all(name in tree for name in found)
