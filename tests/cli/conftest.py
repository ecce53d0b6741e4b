import shutil

import pytest
from cli.working_folder import prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture
def small(prepared, tmp_path, monkeypatch):
    """A copy of the small working folder to type in; it is the current folder."""
    folder = tmp_path / "small"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    return folder
