"""What docstrings, messages and pages refer to is there: names in backticks, commands and their options."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from itertools import takewhile
from pathlib import Path

import click

import ensemble_kit
from ensemble_kit.cli import ek

ROOT = Path(ensemble_kit.__file__).parents[1]
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for package in ("ensemble_kit", "models_zoo")
    for path in sorted((ROOT / package).rglob("*.py"))
}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OF_OTHERS = {"NA", "T_blend", "custom_metadata_map", "taskset", "ek.NAME"}
"""In backticks, and no name of ours."""
FILE = re.compile(r"[\w.]+\.(csv|ext|json|png|pyi|yaml)")
OTHER_PACKAGES = {"codecs", "ek", "np", "numpy", "os", "scipy", "sklearn", "torch", "torchvision", "timm"}
NAME = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`")
CALL = re.compile(r"\bek((?: [\w./|=,-]+| '[^']*'| \{\w+\})+)")
ENDS = {"and", "or", "with", "beside", "by", "for", "to", "than", "as", "is", "in", "does", "ek"}
"""Words that lead from a command back into its sentence."""


def identifiers(path):
    """Every name that the code of a module speaks of, those that its stub shows too."""
    stub = path.with_suffix(".pyi")
    text = SOURCES[path] + (stub.read_text(encoding="utf-8") if stub.exists() else "")
    return {token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == 1}


def parts_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


IDENTIFIERS = {parts_of(path): identifiers(path) for path in SOURCES}
STEMS = {part for parts in IDENTIFIERS for part in parts}
KNOWN = STEMS.union(*IDENTIFIERS.values())


def docstrings(text):
    """Every string that stands alone: docstrings, and what is said below a constant."""
    alone = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)]
    return [one.value for one in alone if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def strings(text):
    """Every string of a module, f-strings with X for what is filled in."""
    inside = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


WRITTEN = {word for text in SOURCES.values() for said in strings(text) for word in re.findall(r"[\w.-]+", said)}


def is_of_others(name):
    return name in OF_OTHERS or FILE.fullmatch(name) is not None


HOMES = defaultdict(list)
for home, there in IDENTIFIERS.items():
    for start in range(len(home)):
        HOMES[home[start:]].append(there)


def stands(name):
    """Whether a name is that of something here: a module, what it holds, or an attribute of a class or a package."""
    parts = tuple(name.split("."))
    if len(parts) == 1:
        return name in KNOWN or name in WRITTEN
    for cut in range(len(parts), 0, -1):
        if any(cut == len(parts) or parts[cut] in there for there in HOMES.get(parts[:cut], ())):
            return True
    return (parts[0][0].isupper() or parts[0] in OTHER_PACKAGES) and all(part in KNOWN for part in parts)


def test_names_in_backticks_are_there():
    missing = []
    for path, text in SOURCES.items():
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
        for said in [*comments, *docstrings(text)]:
            missing += [f"{path.relative_to(ROOT)}: {name}" for name in NAME.findall(said) if not stands(name)]
    assert [one for one in missing if not is_of_others(one.rpartition(" ")[2])] == []


def calls(text):
    """Every `ek ...` in a text: its words, its command, and the options that are typed with it."""
    for match in CALL.finditer(text):
        command, words = ek, match[1].split()
        typed = list(takewhile(lambda word: word not in ENDS, words))
        while typed and isinstance(command, click.Group) and typed[0] in command.commands:
            command = command.commands[typed.pop(0)]
        yield match[0], command, [word.partition("=")[0].rstrip(".,") for word in typed if word.startswith("--")]


def unknown_options(text):
    for words, command, typed in calls(text):
        options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
        yield from (f"{words}: {option}" for option in typed if option not in {*options, "--help", "--version"})


def test_commands_that_texts_tell_to_type_have_their_options_by_their_present_names():
    texts = [(path, text) for path in SOURCES for text in strings(SOURCES[path])]
    texts += [(path, path.read_text(encoding="utf-8")) for path in PAGES]
    unknown = [f"{path.relative_to(ROOT)}: {one}" for path, text in texts for one in unknown_options(text)]
    assert sorted(set(unknown)) == []


def test_benchmarks_that_pages_tell_to_run_have_their_options():
    pages = [*PAGES, *(ROOT / "bench").iterdir(), ROOT / "Makefile"]
    texts = {page: page.read_text(encoding="utf-8") for page in pages if page.is_file()}
    found = [(page, re.findall(r"python bench/(\w+\.py)([^`\n]*)", text)) for page, text in texts.items()]
    calls = [(page, *call) for page, those in found for call in those]
    assert len(calls) > 30
    for page, script, rest in calls:
        source = (ROOT / "bench" / script).read_text(encoding="utf-8")
        unknown = [option for option in re.findall(r"--[a-z][a-z0-9-]*", rest) if f'"{option}"' not in source]
        assert not unknown, f"{page.name}: python bench/{script}{rest}"


def test_a_name_that_was_and_an_option_that_was_are_found():
    assert not stands("ballots.decide")
    assert not stands("view_names")
    assert stands("voting.decide")
    assert list(unknown_options("For more: ek train --weights FILE.")) == ["ek train --weights FILE.: --weights"]
    assert list(unknown_options("ek blend --weights auto, or ek members add x --val a.csv")) == []


def test_the_map_of_the_code_names_what_is_there_and_every_module_at_the_top():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./]+)`", text)
    paths = [name for name in named if "/" in name and "NAME" not in name]
    assert [path for path in paths if not (ROOT / path).exists() and not (ROOT / "ensemble_kit" / path).exists()] == []
    top = {path.stem for path in (ROOT / "ensemble_kit").glob("*.py")} - {"__init__", "__main__"}
    assert top <= set(named)
    packages = {path.parent.name for path in (ROOT / "ensemble_kit").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"^      (\w+)  ", text, re.MULTILINE))
