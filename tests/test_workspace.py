"""The folders of a project: each named by its own option, all others under one root."""

from pathlib import Path

import ensemble_kit as ek
from ensemble_kit.workspace import Workspace


def test_folders_that_are_not_named_lie_under_the_root():
    found = Workspace.of({"workspace": "project", "runs": "/big/runs"})
    assert (found.runs, found.blends, found.cache) == (Path("/big/runs"), Path("project/blends"), Path("project/.ek"))


def test_without_a_root_they_lie_here():
    assert Workspace.of({"arch": "cnn"}) == Workspace()
    assert Workspace().submissions == Path("submissions")


def test_a_workspace_stands_for_its_root(tmp_path):
    assert Workspace.of({"workspace": Workspace.at(tmp_path), "blends": "elsewhere"}).blends == Path("elsewhere")
    assert Workspace.of({"workspace": Workspace.at(tmp_path)}) == Workspace.at(tmp_path)


def test_a_function_works_in_the_workspace_that_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scores = tmp_path / "scores.csv"
    scores.write_text("id,label,a,b\n1,a,2,0\n2,b,0,1\n3,a,1,0\n")
    added = ek.members_add("there", scores, kind="logits", workspace=tmp_path / "project")
    assert added.path == tmp_path / "project" / "predictions" / "there"
    assert [member.name for member in ek.members(workspace="project").members] == ["there"]
    assert not Path("predictions").exists()
    assert not Path(".ek").exists()
