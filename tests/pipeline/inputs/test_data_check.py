"""`ek data check` on a broken set: everything is found, printed within 80 columns, and nothing is changed."""

import csv
import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "data"
    ek.demo_data(folder, train=71, val=31, test=29, size=40, quiet=True)
    return folder


@pytest.fixture
def sound(drawn, tmp_path):
    """A drawn set without a fault."""
    return Path(shutil.copytree(drawn, tmp_path / "data"))


@pytest.fixture
def broken(sound):
    """The same with a truncated, an empty and an HTML file, a dead link, a bomb, and images in two splits."""
    first, second = sorted((sound / "train").iterdir())[:2]
    one, two, three, four, five, *_ = sorted(first.iterdir())
    one.write_bytes(one.read_bytes()[:-999])
    two.write_bytes(b"")
    (first / "page.jpg").write_text("<!DOCTYPE html><html>404</html>")
    (first / "link.png").symlink_to(sound / "gone.png")
    (first / "bomb.png").write_bytes(bomb())
    (sound / "val" / first.name / "copied.png").write_bytes(three.read_bytes())
    ImageOps.mirror(Image.open(four).convert("RGB")).save(sound / "test" / "mirrored.jpg", quality=80)
    (second / "mislabelled.png").write_bytes(five.read_bytes())
    Image.fromarray(np.arange(3 * 400 * 20, dtype=np.uint8).reshape(20, 400, 3)).save(second / "strip.png")
    (first / "notes.txt").write_text("no image")
    return sound


def bomb():
    """A PNG of 81 megapixels and 10 kB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, rows = struct.pack(">IIBBBBB", 9000, 9000, 1, 0, 0, 0, 0), bytes(1126 * 9000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def typed(*words):
    return CliRunner().invoke(command, [str(word) for word in ("data", "check", *words)])


def test_a_sound_set_is_clean(sound):
    report = ek.data_check(sound, quiet=True)
    assert report.clean
    assert [(split.split, split.images) for split in report.splits] == [("train", 71), ("val", 31), ("test", 29)]
    assert sum(report.splits[0].classes.values()) == 71
    assert (report.unreadable, report.leaks, report.conflicts) == (0, 0, 0)
    done = typed(sound, "--quiet")
    assert done.exit_code == 0
    assert "Every file can be read." in done.stdout
    assert "No image and no group stands in two splits." in done.stdout


def test_every_fault_is_found_and_named(broken):
    report = ek.data_check(broken, quiet=True)
    first, second = report.classes[:2]
    bad = {one.image_id.split("/")[1]: one.detail for one in report.findings if one.kind == "unreadable"}
    assert report.unreadable == len(bad) == 5
    assert "it is an HTML page" in bad["page.jpg"]
    assert "a broken link" in bad["link.png"]
    assert "9000 x 9000 px" in bad["bomb.png"]
    assert sorted(reason[:9] for reason in bad.values())[-2:] == ["the file ", "truncated"]
    leaks = {(one.kind, one.split, one.image_id, one.other_split) for one in report.findings if one.leak}
    assert leaks == {
        ("same bytes", "val", f"{first}/copied.png", "train"),
        ("mirrored", "test", "mirrored.jpg", "train"),
    }
    assert report.leaks == 2
    (conflict,) = (one for one in report.findings if one.conflict)
    assert (conflict.label, conflict.other_label, report.conflicts) == (second, first, 1)
    assert (report.duplicates, report.passed_over) == (1, 1)
    assert [one.detail for one in report.findings if one.kind == "elongated"] == ["400 x 20 px"]
    train = report.splits[0]
    assert sum(train.formats.values()) == train.images - 5


def test_the_report_comes_first_then_exit_3(broken, tmp_path):
    done = typed(broken, "--csv", tmp_path / "found.csv", "--sheet", tmp_path / "found.png")
    assert done.exit_code == 3
    for line in ("Unreadable: 5 files", "Leaks: 2", "Two labels on one image: 1", "Elongated", "against train"):
        assert line in done.stdout
    assert "To put right first: 5 unreadable files and 2 leaks." in done.stdout
    assert max(map(len, done.stdout.replace(str(tmp_path), "").splitlines())) <= 80
    said = typed(broken, "--json", "--quiet")
    assert said.exit_code == 3
    assert json.loads(said.stdout)["leaks"] == 2
    with open(tmp_path / "found.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(json.loads(said.stdout)["findings"])
    assert sum(row["leak"] == "True" for row in rows) == 2
    assert Image.open(tmp_path / "found.png").width > 400


def test_no_image_is_changed(broken, tmp_path):
    def state():
        files = sorted(path for path in broken.rglob("*") if path.is_file())
        return [(path, path.stat().st_mtime_ns, path.read_bytes()) for path in files], sorted(broken.rglob("*"))

    before = state()
    typed(broken, "--csv", tmp_path / "found.csv", "--sheet", tmp_path / "found.jpg")
    assert (tmp_path / "found.jpg").exists()
    assert state() == before


def test_groups_and_manifests_are_understood(sound, tmp_path):
    def rows(split, part):
        return [
            [f"{split}/{i}", str(path), path.parent.name, f"scene{i % 7 + part}"] for i, path in enumerate(files[split])
        ]

    files = {split: sorted((sound / split).rglob("*.png")) for split in ("train", "val")}
    for split, part in (("train", 0), ("val", 6)):
        with open(tmp_path / f"{split}.csv", "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["image_id", "path", "label", "group"], *rows(split, part)])
    report = ek.data_check(train_csv=tmp_path / "train.csv", val_csv=tmp_path / "val.csv", quiet=True)
    assert [one.detail.split(":")[0] for one in report.findings if one.kind == "group"] == ["group 'scene6'"]
    assert not report.clean


def test_a_set_without_val_or_test_can_be_checked(sound):
    for split in ("val", "test"):
        (sound / split).rename(sound / f"no-{split}")
    report = ek.data_check(sound, quiet=True)
    assert [split.split for split in report.splits] == ["train"]
    assert report.shifts == ()
    assert "two splits" not in typed(sound, "--quiet").stdout


def test_what_cannot_be_asked_is_refused_before_anything_is_read(sound, tmp_path):
    for options, message in (
        ({"near": 33}, "--near is 33; wanted a whole number from 0 to 32"),
        ({"sheet": tmp_path / "found.gif"}, "ends in .png, .jpg, .jpeg"),
        ({"sheet": sound / "test" / "found.png"}, "would lie among the images"),
        ({"csv": sound / "test" / "found.csv"}, "--csv '.*' would lie among the images"),
    ):
        with pytest.raises(InvalidOptionError, match=message):
            ek.data_check(sound, quiet=True, **options)
    with pytest.raises(BadDataError, match="Wanted a data folder, got 'nowhere'"):
        ek.data_check("nowhere", quiet=True)
    assert not (sound / "test" / "found.png").exists()


def test_a_smaller_near_finds_less(sound):
    image = Image.open(min((sound / "train").rglob("*.png"))).convert("RGB")
    image.resize((23, 23)).save(sound / "test" / "small.jpg", quality=30)
    found = [one for one in ek.data_check(sound, near=16, quiet=True).findings if one.image_id == "small.jpg"]
    assert [one.kind for one in found] == ["near"]
    below = found[0].distance - 1
    assert below >= 0
    assert not [one for one in ek.data_check(sound, near=below, quiet=True).findings if one.image_id == "small.jpg"]
