"""The folders of a project, under one root; the options by which commands name them, each declared here once.

To give commands another folder: a field of `Workspace`, and the option below that names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypedDict


@dataclass(frozen=True)
class Workspace:
    """Where the members, runs, blends, submissions, reports and the cache of a project lie.

    cache: decoded images and verified checksums.
    """

    predictions: Path = Path("predictions")
    runs: Path = Path("runs")
    blends: Path = Path("blends")
    submissions: Path = Path("submissions")
    reports: Path = Path("reports")
    cache: Path = Path(".ek")

    @classmethod
    def at(cls, root: str | Path) -> "Workspace":
        """Return the workspace with all its folders under one root.

        Example:
            >>> Workspace.at("demo").blends.as_posix()
            'demo/blends'
        """
        return cls(*(Path(root, folder.default) for folder in fields(cls)))  # type: ignore[arg-type]

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Workspace":
        """Return the workspace that options name: folders, each its own, and those not named under `workspace`.

        Example:
            >>> Workspace.of({"workspace": "demo", "runs": "/big/runs", "arch": "cnn"}).runs.as_posix()
            '/big/runs'
        """
        root = options.get("workspace") or ""
        under = root if isinstance(root, cls) else cls.at(root)
        named = {folder.name: options.get(folder.name) for folder in fields(cls)}
        return cls(**{name: getattr(under, name) if path is None else Path(path) for name, path in named.items()})

    def member(self, named: str | Path) -> str:
        """Return the name of the member that is meant by its name, or by the path of its folder or its run.

        Example:
            >>> Workspace().member("runs/cnn"), Workspace().member("predictions/cnn/"), Workspace().member("cnn")
            ('cnn', 'cnn', 'cnn')
        """
        path = Path(named)
        folders = (self.predictions.absolute(), self.runs.absolute())
        return path.name if path.parent.absolute() in folders else str(named)


class WorkspaceOption(TypedDict, total=False):
    """workspace: the root of all folders that are not named, or a `Workspace`."""

    workspace: str | Path | Workspace


class PredictionsOption(WorkspaceOption, total=False):
    """predictions: folder of members."""

    predictions: str | Path


class RunsOption(WorkspaceOption, total=False):
    """runs: folder of training runs."""

    runs: str | Path


class BlendsOption(WorkspaceOption, total=False):
    """blends: folder of blends."""

    blends: str | Path


class SubmissionsOption(WorkspaceOption, total=False):
    """submissions: folder of submissions and their log."""

    submissions: str | Path


class ReportsOption(WorkspaceOption, total=False):
    """reports: folder of pages and plots."""

    reports: str | Path


class CacheOption(WorkspaceOption, total=False):
    """cache: folder of decoded images and verified checksums."""

    cache: str | Path
