"""What the extras of ensemble_kit ask for, what of it is here, and the command that installs the rest.

The command names the packages themselves, so no index has to know ensemble_kit, and it works for a
checkout and for a wheel alike. What an extra asks for stands in setup.cfg alone.
"""

import re
import shlex
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path


def installed(package: str) -> str | None:
    """Return the version of an installed package, None where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def requirements_of(extra: str) -> dict[str, str]:
    """Return what an extra asks for: by package, what pip is told, as onnx>=1.16.

    Raises:
        PackageNotFoundError: ensemble_kit itself is not installed.
    """
    marked = re.compile(rf"extra == ['\"]{re.escape(extra)}['\"]")
    asked = [line.partition(";")[0].strip() for line in requires("ensemble_kit") or () if marked.search(line)]
    return {re.split(r"[\s<>=!~\[(]", one, maxsplit=1)[0]: one.replace(" ", "") for one in asked}


def install_hint(extra: str) -> str:
    """Return the command that installs what is missing of an extra; all of it, where nothing seems to be.

    Example:
        >>> install_hint("report").partition(" ")[0]
        'pip'
    """
    try:
        asked = requirements_of(extra)
    except PackageNotFoundError:
        return f"pip install -e {shlex.quote(f'{Path(__file__).parents[1]}[{extra}]')}"
    missing = [requirement for package, requirement in asked.items() if installed(package) is None]
    return shlex.join(["pip", "install", *(missing or asked.values())])
