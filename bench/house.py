"""Claim: rooms are small, import only downwards, and are entered by their faces.

Prints, for each room of a checkout: modules, lines, floors (the longest chain of imports inside it), imports between
its modules, and other rooms that it imports. Imports through a face count as imports of the module that the face's stub
names. Reads files, imports nothing: `python bench/house.py [CHECKOUT]`.
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

PACKAGE = "ensemble_kit"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    modules = {dotted(path, root): path for path in sorted((root / PACKAGE).rglob("*.py"))}
    behind = {name: faces(path.with_suffix(".pyi")) for name, path in modules.items() if path.stem == "__init__"}
    arrows = {name: set(imports(path, modules, behind)) - {name} for name, path in modules.items()}
    rooms = defaultdict(list)
    for name, path in modules.items():
        if path.stem != "__init__" or len(path.read_text(encoding="utf-8").splitlines()) > 40:
            rooms[name if path.stem == "__init__" else name.rpartition(".")[0]].append(name)
    home = {name: room for room, names in rooms.items() for name in names}

    print("| room | modules | lines | floors | imports inside | other rooms imported |")
    print("|---|---|---|---|---|---|")
    for room, names in sorted(rooms.items()):
        inside = sum(len(arrows[name] & set(names)) for name in names)
        others = {home[below] for name in names for below in arrows[name] if below in home} - {room}
        lines = sum(len(modules[name].read_text(encoding="utf-8").splitlines()) for name in names)
        print(f"| {room} | {len(names)} | {lines:,} | {floors(names, arrows)} | {inside} | {len(others)} |")
    largest = max(len(names) for names in rooms.values())
    print(f"\n{len(home)} modules in {len(rooms)} rooms, at most {largest} in one; ", end="")
    print(f"{floors(home, arrows)} floors in all, {sum(map(len, arrows.values()))} imports.")


def floors(names, arrows):
    """The longest chain of imports among some modules; a circle counts once."""
    heights = {}

    def height(name, above):
        if name not in heights:
            below = arrows[name] & set(names) - above
            heights[name] = 1 + max((height(one, {*above, name}) for one in below), default=0)
        return heights[name]

    return max(height(name, {name}) for name in names)


def dotted(path, root):
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def faces(stub):
    """Name -> the module that it comes from, relative to the room, as its stub says."""
    if not stub.exists():
        return {}
    found = re.findall(r"^from \.([\w.]*) import (\w+)", stub.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: module or name for module, name in found}


def imports(path, modules, behind):
    """Every module of ours that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module in modules:
            for alias in node.names:
                shown = f"{node.module}.{behind.get(node.module, {}).get(alias.name, alias.name)}"
                yield shown if shown in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)


if __name__ == "__main__":
    main()
