from pathlib import Path

import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.folders import list_flat_folders, list_images, walk_images


@pytest.fixture
def places(tmp_path):
    for name in ("a.png", "new/b.png", "new/deep/c.png", "old/b.png", "empty/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 3)).save(tmp_path / name) if name.endswith("png") else (tmp_path / name).touch()
    return tmp_path


def test_files_go_by_their_names_and_folders_by_what_is_in_them(places):
    assert list(walk_images([places / "new", places / "a.png"])) == [
        ("a.png", places / "a.png"),
        ("b.png", places / "new/b.png"),
        ("deep/c.png", places / "new/deep/c.png"),
    ]
    both = [image_id for image_id, _ in walk_images([places / "new", places / "old"])]
    assert both == ["new/b.png", "new/deep/c.png", "old/b.png"]


def test_a_walk_goes_by_the_code_points_of_the_whole_id_as_a_listing_does(tmp_path):
    for name in (
        "a/x.png",
        "a/b/y.png",
        "a-b/z.png",
        "a.png",
        "a0.png",
        "ä/x.png",
        ".hidden/n.png",
        "notes.txt",
        "B.PNG",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listed = list_flat_folders([tmp_path], [])
    assert list(walk_images([tmp_path])) == list(zip(listed.ids, listed.paths, strict=True))
    assert listed.ids == ("B.PNG", "a-b/z.png", "a.png", "a/b/y.png", "a/x.png", "a0.png", "ä/x.png")


@pytest.mark.parametrize(
    ("named", "error", "message"),
    [
        ([], InvalidOptionError, "Wanted images or folders of images, got none"),
        (["old/b.png", "new/b.png"], InvalidOptionError, "Two images have the id 'b.png'"),
        (["old/b.png", "new"], InvalidOptionError, "Two images have the id 'b.png'"),
        (["nowhere.png"], BadDataError, "There is no file or folder '.*nowhere.png'"),
        (["empty"], BadDataError, "Wanted images in '.*empty', got none"),
    ],
)
def test_what_cannot_be_predicted_is_refused(places, named, error, message):
    with pytest.raises(error, match=message):
        list(walk_images([places / Path(name) for name in named]))


@pytest.mark.parametrize("links", [{"sub/up": ".."}, {"sub/here": "."}, {"a/x": "../b", "b/y": "../a"}])
def test_links_that_go_round_are_refused_and_not_followed(tmp_path, links):
    for name, to in links.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(to)
    (tmp_path / "1.png").write_bytes(b"x")
    with pytest.raises(BadDataError, match="is a link to '.*', which it lies in. Remove the link"):
        list_images([tmp_path])
    with pytest.raises(BadDataError, match="is a link to '.*', which it lies in. Remove the link"):
        list_flat_folders([tmp_path], [])


def test_a_link_to_a_folder_elsewhere_is_followed_and_one_to_itself_is_no_folder(tmp_path):
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "out/1.png").write_bytes(b"x")
    (tmp_path / "in/linked").symlink_to("../out")
    (tmp_path / "in/self.png").symlink_to("self.png")
    assert list_images([tmp_path / "in"]).ids == ("linked/1.png", "self.png")
    assert list_flat_folders([tmp_path / "in"], []).ids == ("linked/1.png", "self.png")
