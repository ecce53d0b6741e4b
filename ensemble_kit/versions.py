"""Which versions made a file, beside those that are here, and what to install where the two differ too much.

An intact file that cannot be used was made elsewhere: by another ensemble_kit, or beside another torch, torchvision
or timm. To add a package: its name in NAMES.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ensemble_kit.errors import BadDataError, CorruptError
from ensemble_kit.extras import installed

NAMES: Final = ("ensemble_kit", "torch", "torchvision", "timm", "onnxruntime")
_VERSION: Final = re.compile(r"\d[\w.+!-]{0,40}")  # others' words reach no shell


def made_elsewhere(path: Path | str, why: str, versions: object = None) -> BadDataError:
    """Return the error for an intact file that this machine has not what to use with.

    Args:
        path: of the file, or what it is called.
        why: a sentence.
        versions: of what made it, by package, as the file says.
    """
    return BadDataError(f"{path} was made elsewhere and cannot be used here: {why.strip()} {what_to_install(versions)}")


def what_to_install(versions: object) -> str:
    """Return what to do where other versions made a file.

    Example:
        >>> what_to_install({"ensemble_kit": "99.0"}).partition(" To")[0]
        'It was made with ensemble_kit 99.0 (here 0.1.0).'
    """
    said: Mapping[str, Any] = versions if isinstance(versions, Mapping) else {}
    there = {name: said[name] for name in NAMES if _VERSION.fullmatch(str(said.get(name, "")))}
    other = {name: version for name, version in there.items() if version != installed(name)}
    if not other:
        return "Install the ensemble_kit that made it, with the packages it had, or make the file anew here."
    listed = ", ".join(f"{name} {version} (here {installed(name) or 'none'})" for name, version in other.items())
    packages = [f"{name}=={version}" for name, version in other.items() if name != "ensemble_kit"]
    ways = [f"install ensemble_kit {other['ensemble_kit']} from its folder"] if "ensemble_kit" in other else []
    ways += [f"pip install {' '.join(packages)}"] if packages else []
    return f"It was made with {listed}. To use it here: {'; '.join(ways)}. Or make it anew here."


def check_schema(content: Mapping[str, Any], schema: int, path: Path | str, remedy: str) -> None:
    """Raise unless a file's content has the schema that is read here.

    Args:
        remedy: what to do where it is none that ever was.

    Raises:
        BadDataError: a later one; says what to install.
        CorruptError: none, or one that no version had.
    """
    got = content.get("schema")
    if isinstance(got, int) and not isinstance(got, bool) and got > schema:
        why = f"it has schema {got}, this version of ensemble_kit reads {schema}: a newer one wrote it."
        raise made_elsewhere(path, why, content.get("versions"))
    if got != schema or isinstance(got, bool):
        raise CorruptError(f"{path} has schema {got!r}, this version of ensemble_kit reads {schema}. {remedy}")
