"""What holds the house together: layers, names, help pages, tables."""

import ast
import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest
from understood import understood

import ensemble_kit
from ensemble_kit import errors
from ensemble_kit.cli import ek
from ensemble_kit.cli.train import RECIPES
from ensemble_kit.ensembling import BALLOTS, VIEW_CHOICES, WEIGHTS
from ensemble_kit.training import OPTIMIZERS, SCHEDULES

ROOT = Path(ensemble_kit.__file__).parents[1]
ISLANDS = {"images", "training", "inference", "ensembling", "storage", "reporting"}
HEIGHT = {
    "cli": 5,
    "pipeline": 4,
    **dict.fromkeys(ISLANDS, 3),
    **dict.fromkeys(["results", "types", "metrics"], 2),
    **dict.fromkeys(["aliases", "cached_array", "checksums", "columns", "csv_text", "disk", "extras", "groups"], 1),
    **dict.fromkeys(["paths", "processors", "sealed", "tables", "temporaries", "verdicts", "versions", "visible"], 1),
    "errors": 1,
}
HEAVY = ["torch", "torchvision", "timm", "numpy", "pandas", "sklearn", "scipy", "PIL", "rich"]
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


def room(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "ensemble_kit" and len(parts) > 1 and parts[1] in HEIGHT else None


@pytest.mark.parametrize("path", modules("ensemble_kit"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards_and_islands_never_meet(path):
    here = path.relative_to(ROOT / "ensemble_kit").parts[0].removesuffix(".py")
    if here in ("__init__", "__main__"):
        return  # the front door names every room
    for module in imported(path):
        there = room(module)
        if there is None or there == here:
            continue
        assert HEIGHT[there] <= HEIGHT[here], f"{path.name} imports {module}, a room above"
        assert not {here, there} <= ISLANDS, f"{path.name} imports {module}, another island"


@pytest.mark.parametrize("path", modules("models_zoo"), ids=lambda path: path.name)
def test_the_zoo_knows_nothing_of_ensemble_kit(path):
    assert not [module for module in imported(path) if module.split(".")[0] == "ensemble_kit"]


SOLVERS = {
    "bounds.py": {"scipy"},
    "certificate.py": {"scipy"},
    "public_half.py": {"scipy"},
    "stacking.py": {"sklearn"},
}


@pytest.mark.parametrize("path", modules("ensemble_kit/ensembling"), ids=lambda path: path.name)
def test_the_maths_needs_neither_torch_nor_files(path):
    heads = {module.split(".")[0] for module in imported(path)}
    forbidden = {"torch", "torchvision", "timm", "scipy", "sklearn", "pandas", "pathlib", "os"}
    assert not heads & (forbidden - SOLVERS.get(path.name, set()))


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
    ours = {name for name, p in signature.parameters.items() if p.kind is not p.VAR_KEYWORD}
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        ours |= {field.name for field in fields(RECIPES["assignment"])}
    assert {param.name for param in command.params} - PRINTS_ONLY == ours
    typed = understood(command, as_few_words_as_will_do(command))
    must_be_said = {param.name for param in command.params if param.required}
    for name, parameter in signature.parameters.items():
        if name in must_be_said:
            assert not (parameter.default is not parameter.empty and parameter.default), name
        elif parameter.default is not parameter.empty and (typed[name] or parameter.default):
            assert str(typed[name]) == str(parameter.default), name


def as_few_words_as_will_do(command):
    """The words that a command cannot do without."""
    for param in command.params:
        if param.required and isinstance(param, click.Option):
            yield param.opts[0]
        if param.required:
            yield "0.5" if param.type is click.FLOAT else "logits"


def test_the_public_names_are_these_and_no_others():
    assert ensemble_kit.__all__ == [
        "auto",
        "blend",
        "compare",
        "data_check",
        "demo",
        "demo_data",
        "doctor",
        "export",
        "find_lr",
        "members",
        "members_add",
        "members_rename",
        "members_rm",
        "predict",
        "probe",
        "report",
        "score",
        "show_augment",
        "soup",
        "submissions",
        "submissions_told",
        "submissions_withdraw",
        "submit",
        "train",
        "tta",
        "zoo",
    ]
    assert sorted("_".join(names).replace("-", "_") for names, _ in commands_of_python()) == ensemble_kit.__all__
    with pytest.raises(AttributeError, match="no attribute 'vote'"):
        _ = ensemble_kit.vote


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


@pytest.mark.parametrize("table", [BALLOTS, WEIGHTS, VIEW_CHOICES, OPTIMIZERS, SCHEDULES])
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
