from pathlib import Path

import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.folders import list_pictures


@pytest.fixture
def places(tmp_path):
    for name in ("a.png", "new/b.png", "new/deep/c.png", "old/b.png", "empty/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 3)).save(tmp_path / name) if name.endswith("png") else (tmp_path / name).touch()
    return tmp_path


def test_files_go_by_their_names_and_folders_by_what_is_in_them(places):
    found = list_pictures([places / "new", places / "a.png"])
    assert found.ids == ("a.png", "b.png", "deep/c.png")
    assert found.paths == (places / "a.png", places / "new/b.png", places / "new/deep/c.png")
    assert list_pictures([places / "new", places / "old"]).ids == ("new/b.png", "new/deep/c.png", "old/b.png")


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ([], InvalidOptionError, "Wanted pictures or folders of pictures, got none"),
        (["old/b.png", "new/b.png"], InvalidOptionError, "Two pictures have the id 'b.png'"),
        (["old/b.png", "new"], InvalidOptionError, "Two pictures have the id 'b.png'"),
        (["nowhere.png"], BadDataError, "There is no file or folder '.*nowhere.png'"),
        (["empty"], BadDataError, "Wanted pictures in '.*empty', got none"),
    ],
)
def test_what_cannot_be_predicted_is_refused(places, named, error, message):
    with pytest.raises(error, match=message):
        list_pictures([places / Path(name) for name in named])
