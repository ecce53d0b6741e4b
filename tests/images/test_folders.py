import io
import os
from pathlib import Path

import pytest
from PIL import Image

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images.folders import list_class_folders, list_flat_folders, list_images, walk_images


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


JPEG, PNG, TIFF = (io.BytesIO() for _ in range(3))
for page, kind in ((JPEG, "JPEG"), (PNG, "PNG"), (TIFF, "TIFF")):
    Image.new("RGB", (3, 2)).save(page, kind)
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
IMAGES = {
    "a.heic": HEIC,
    "b.avif": b"\0\0\0\x1cftypavif\0\0\0\0",
    "c.HEIC": b"",
    "scan": bytes(128) + b"DICM" + bytes(9),
    "d.jxl": b"\xff\x0a\x01\x02",
    "e.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "f.psd": b"8BPS\0\1",
    "g.nef": TIFF.getvalue(),
    "h": JPEG.getvalue(),
    "i.download": PNG.getvalue(),
    "j.heic.tmp": HEIC,
    "k.xml": b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg width='3'/>",
}
NONE = {
    "a.txt": b"BMW and P5 are no images",
    "b.xml": b"<?xml version='1.0'?><annotation><object/></annotation>",
    "c.json": b"{}",
    "d.npy": b"\x93NUMPY",
    "e.mp4": b"\0\0\0\x18ftypisom",
    "f": b"",
    "g.html": b"<html><svg></svg>",
    "Thumbs.db": b"\xd0\xcf\x11\xe0",
}


@pytest.mark.parametrize("place", ["train", "test"])
def test_what_is_an_image_by_its_name_or_first_bytes_is_listed_and_nothing_else(tmp_path, place):
    folder = tmp_path / place / "sub"
    folder.mkdir(parents=True)
    for name, content in {**IMAGES, **NONE}.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe")
    passed_over = []
    read = list_class_folders if place == "train" else lambda one, over: list_flat_folders([one], over)
    assert [path.name for path in read(tmp_path / place, passed_over).paths] == sorted(IMAGES)
    assert {path.name for path in passed_over} == {*NONE, "pipe"}
    assert [image_id for image_id, _ in walk_images([tmp_path / place])] == [f"sub/{name}" for name in sorted(IMAGES)]


@pytest.mark.parametrize("link", ["loop", "cat/loop"])
@pytest.mark.parametrize("to", [".", "..", "../.."])
def test_a_link_that_goes_round_among_class_folders_is_refused_as_one(tmp_path, link, to):
    (tmp_path / "train/cat").mkdir(parents=True)
    (tmp_path / "train/cat/1.png").write_bytes(b"x")
    (tmp_path / "train" / link).symlink_to(to)
    with pytest.raises(BadDataError, match=f"'.*train/{link}' is a link to '.*', which it lies in. Remove the link."):
        list_class_folders(tmp_path / "train", [])
