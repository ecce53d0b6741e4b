"""Names that would do harm if they were shown as they are, all the way from folders of images to the page."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from screen import Screen

from ensemble_kit.cli import ek

NAMES = {
    "terminal": "a\x1b[2J\x1b]0;owned\x07\x1b[31m",
    "line": "b\nSTRAY line",
    "return": "c\rSTRAY\tand tab",
    "controls of one byte": "d\x9b31m\x85\x7f",
    "turned round": "e\u202egnp\u2066x\u2069",
    "unseen": "f\u200b\ufeff\u2060",
    "page": "g<img src=x onerror=alert(1)>&\"'",
    "markup": "h[bold red]x[link=file:y][blink]",
    "mathematics": "$x^{y}_$",
    "formula": '=HYPERLINK("x","y")',
    "template": "{{ 7*7 }}{% raw %}{x}%s%n",
}
UNSEEN_AT_THE_END = ("\x85\x7f", "\u2069", "\u200b\ufeff\u2060")
HARMFUL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]|^STRAY", re.M
)


def without_marks_around(name):
    """The class of a folder: marks that nobody sees at its end, as blanks there, are no part of its name."""
    return next((name.removesuffix(end) for end in UNSEEN_AT_THE_END if name.endswith(end)), name)


CLASSES = [without_marks_around(name) for name in NAMES.values()]


def typed(*words, fails=False):
    done = CliRunner().invoke(ek, list(map(str, words)))
    assert fails or done.exit_code == 0, done.stderr or done.exception
    assert not isinstance(done.exception, Exception) or done.exit_code in range(2, 8), done.exception
    for said in (done.stdout, done.stderr):
        assert not HARMFUL.search(said), said
    return done


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """Images of hostile classes under hostile names, and two members that were trained on them."""
    folder, draw = tmp_path_factory.mktemp("hostile"), np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for place, name in enumerate(NAMES.values()):
            for split, count in (("train", 4), ("val", 3)):
                for number in range(count):
                    draw_image(Path("data", split, name, f"{name} {number}.png"), place, draw)
            draw_image(Path("data", "test", f"{name}.png"), place, draw)
        for arch in ("mlp", "cnn"):
            typed("train", "--data", "data", "--arch", arch, "--epochs", 1, "--size", 16, "--device", "cpu")
    return folder


def draw_image(path, place, draw):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = draw.integers(0, 256, (16, 16, 3)) // 2 + 10 * place
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture
def hostile(learnt, tmp_path, monkeypatch):
    shutil.copytree(learnt, tmp_path / "hostile")
    monkeypatch.chdir(tmp_path / "hostile")


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_data_check_shows_them_as_escapes_and_its_csv_and_json_hold_them_as_they_are(hostile):
    image = Path("data/val", NAMES["line"], f"{NAMES['terminal']} x.png")
    image.write_bytes(b"no image")
    shutil.copy(
        Path("data/train", NAMES["line"], f"{NAMES['line']} 0.png"), Path("data/test", NAMES["return"] + ".png")
    )
    done = typed("data", "check", "data", "--csv", "found.csv", "--sheet", "found.png", fails=True)
    assert done.exit_code == 3
    assert r"a\x1b[2J" in done.stdout
    ids = {cell for row in rows("found.csv") for cell in row}
    assert f"{image.parent.name}/{image.name}" in ids
    assert f"{NAMES['return']}.png" in ids
    assert json.loads(typed("data", "check", "data", "--json", fails=True).stdout)["classes"] == sorted(CLASSES)


def test_errors_name_an_unreadable_image_in_one_line(hostile):
    for name in NAMES.values():
        Path("data/val", name, f"{name} x.png").write_bytes(b"")
    done = typed("train", "--data", "data", "--arch", "mlp", "--epochs", 1, fails=True)
    assert done.exit_code == 3
    recipe, *lines = done.stderr.splitlines()
    assert recipe.startswith("Recipe strong")
    remarks, error = lines[:-3], lines[-3:]
    assert len(remarks) == len(("train", "val")) * len(UNSEEN_AT_THE_END), done.stderr
    assert all("it is read as" in line for line in remarks), done.stderr
    assert error[0].startswith("BadDataError: 11 of ")
    assert error[1].endswith(" x.png' and 10 more: the file is empty.")
    done = typed("train", "--data", "data", "--arch", "mlp", "--epochs", 1, "--skip-bad", "--device", "cpu")
    assert "images that cannot be read, left out: 11." in done.stderr


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_was_typed_is_shown_as_names_are(hostile, name):
    for words in (
        [name],
        ["train", f"--{name}"],
        *(
            ["train", f"--{option}", name]
            for option in ("epochs", "arch", "config", "data", "recipe", "keep", "metric")
        ),
        ["train", "--data", "data", "--group-from", f"{name}("],
        *([*command.split(), name] for command in ("predict", "report", "blend", "data check", "members rm")),
        *(["tta", "--ckpt", "runs/cnn", f"--{option}", name] for option in ("views", "engine", "precision", "shard")),
        ["tta", "--ckpt", name],
        ["blend", "--method", name],
        ["score", name, "--labels", name],
        ["compare", name, name],
        ["submit", "--csv", name],
        ["members", "add", "x", "--val", name, "--kind", "logits"],
        ["members", "rename", "mlp", f"/{name}"],
    ):
        assert typed(*words, fails=True).exit_code in (2, 3, 4)


def test_members_and_what_comes_of_them_show_them_as_escapes_and_keep_their_bytes(hostile):
    for number, name in enumerate(NAMES.values()):
        done = typed("members", "rename", ("mlp", "cnn")[number % 2], name, fails=True)
        if done.exit_code == 0:
            typed("members")
            typed("compare", "cnn" if number % 2 == 0 else "mlp", name)
            typed("blend", "--name", f"{name} blend")
            typed("members", "rename", name, ("mlp", "cnn")[number % 2])


def test_a_blend_its_page_and_its_submission(hostile):
    said = typed("blend", "--full", "--name", "all").stdout
    assert "mlp" in said
    ids, labels = zip(*rows("submissions/all.csv")[1:], strict=True)
    assert sorted(ids) == sorted(f"{name}.png" for name in NAMES.values())
    assert set(labels) <= set(CLASSES)
    typed("report", "all")
    page = Path("reports/all.html").read_text(encoding="utf-8")
    assert not HARMFUL.search(page)
    assert marks(page) <= {"src=data:"}
    assert "49" not in {word for name in re.findall(r"<strong>(.*?)</strong>", page) for word in name.split()}
    told = json.loads(Path("reports/all.json").read_text(encoding="utf-8"))
    assert {one["name"] for one in told["classes"]} == set(CLASSES)
    done = typed("submit", "all")
    assert "ids or labels begin as formulas of a spreadsheet do" in " ".join(done.stdout.split())
    assert rows("submissions/handed-in/all.csv") == rows("submissions/all.csv")
    assert "formulas" in json.loads(Path("submissions/all.json").read_text(encoding="utf-8"))["cells"]


def marks(page):
    """What a page would run or fetch: every handler, and every address with its first letters."""
    found = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.update(f"{tag}" for _ in [0] if tag in ("script", "iframe", "object", "embed"))
            found.update(name for name, _ in attrs if name.startswith("on"))
            found.update(f"{name}={value[:5]}" for name, value in attrs if name == "src")

    Reader().feed(page)
    return found


def test_predictions_keep_every_byte_and_the_terminal_sees_none_of_it(hostile):
    Path("data/test", f"{NAMES['terminal']} x.png").write_bytes(b"<html>")
    done = typed("predict", "--ckpt", "runs/cnn", "data/test", "--top", 2, "--device", "cpu")
    assert r"a\x1b[2J" in done.stdout
    header, *told = rows("predictions.csv")
    assert {row[0] for row in told} == {f"{name}.png" for name in [*NAMES.values(), f"{NAMES['terminal']} x"]}
    assert {row[header.index("label")] for row in told} <= {"", *CLASSES}


def test_tta_and_its_classes_that_suffer(hostile):
    typed("tta", "--ckpt", "runs/cnn", "--views", "flips", "--device", "cpu")
    typed("members")
    typed("soup", "cnn", "--name", "soup", fails=True)


def test_folders_of_such_names_are_worked_in(hostile):
    for name in NAMES.values():
        folder = f"in {name}"
        typed("blend", "--name", "x", "--blends", f"{folder}/blends", "--submissions", f"{folder}/submissions")
        typed("submissions", "--submissions", f"{folder}/submissions")
    Path("data").rename(NAMES["line"])
    typed("train", "--data", NAMES["line"], "--arch", "mlp", "--epochs", 1, "--name", "again", "--device", "cpu")
    typed("find-lr", "--data", NAMES["line"], "--arch", "mlp", "--steps", 20, "--device", "cpu")
    Path(NAMES["line"]).rename(NAMES["mathematics"])
    typed("find-lr", "--data", NAMES["mathematics"], "--arch", "mlp", "--steps", 20, "--device", "cpu")
    typed("show-augment", "--data", NAMES["mathematics"], "--rows", 2, "--copies", 2)


def test_on_a_terminal_no_name_of_it_does_anything(hostile):
    Path("data").rename(NAMES["terminal"])
    screen = Screen(80)
    name = NAMES["markup"]
    how = ("--arch", "mlp", "--epochs", 1, "--device", "cpu", "--name", name)
    code = screen.ek("train", "--data", NAMES["terminal"], *how)
    shown = screen.close()
    assert code == 0, shown
    assert screen.is_clean
    assert b"\x1b[2J" not in screen.raw
    assert b"\x1b]0" not in screen.raw
    assert any(line.startswith(f"{name}  epoch 1/1") for line in shown), shown


def test_json_that_is_printed_is_exact(hostile):
    done = typed("blend", "--name", "all", "--json")
    assert json.loads(done.stdout)["name"] == "all"
    reports = typed("data", "check", "data", "--json", fails=True)
    assert json.loads(reports.stdout)["splits"][0]["classes"].keys() == set(CLASSES)
