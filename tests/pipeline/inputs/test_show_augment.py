"""`ek show-augment`: the sheet shows the images as they are, and what training makes of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError, UnknownNameError
from ensemble_kit.images.augmentation.augment import augment
from ensemble_kit.images.checks.contact_sheet import SIDE_PX
from ensemble_kit.pipeline.inputs.show_augment import choose

STEP, LEFT, TOP = SIDE_PX + 20, 10, 30  # from one square of the sheet to the next, and where the first begins


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """23 images of noise in five classes, and a test image; there is no val."""
    folder, random = tmp_path_factory.mktemp("drawn"), np.random.default_rng(0)
    for place in [*(f"train/{'abcde'[i % 5]}/{i:02d}.png" for i in range(23)), "test/00.png"]:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)).save(folder / place)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def squares(path, rows, columns, lines):
    """The images on a sheet, (rows, columns, side, side, 3)."""
    page, step = np.asarray(Image.open(path)), SIDE_PX + lines * 14 + 20
    cut = [
        page[TOP + row * step : TOP + row * step + SIDE_PX, LEFT + column * STEP :][:, :SIDE_PX]
        for row in range(rows)
        for column in range(columns)
    ]
    return np.stack(cut).reshape(rows, columns, SIDE_PX, SIDE_PX, 3)


def originals(folder, image_ids):
    return np.stack([np.asarray(Image.open(folder / "train" / one).convert("RGB")) for one in image_ids])


@pytest.mark.parametrize("strength", ["strong", "trivial"])
def test_the_sheet_holds_the_images_and_then_what_training_sees_of_them(drawn, here, strength):
    report = ek.show_augment(drawn, augment=strength, flip=True, size=SIDE_PX, rows=5, copies=3, seed=7)
    assert report.path.as_posix() == f"reports/augment-{strength}.png"
    shown = squares(report.path, 5, 4, lines=2)
    plain = originals(drawn, report.image_ids)
    assert (shown[:, 0] == plain).all()
    ids = sorted(path.relative_to(drawn / "train").as_posix() for path in (drawn / "train").rglob("*.png"))
    index = torch.tensor([ids.index(one) for one in report.image_ids])
    pixels = torch.from_numpy(plain.transpose(0, 3, 1, 2).copy())
    for epoch in range(3):
        seen = augment(pixels, index, 7, epoch, strength=strength, flip=True)
        wanted = (seen * 255).round().byte().permute(0, 2, 3, 1).numpy()
        assert (shown[:, 1 + epoch] == wanted).all()


def test_without_any_change_all_columns_are_alike(drawn, here):
    report = ek.show_augment(drawn, recipe="assignment", size=SIDE_PX, rows=3, copies=2, out="plain.png")
    shown = squares("plain.png", 3, 3, lines=2)
    assert (shown == shown[:, :1]).all()
    assert (report.augment, report.flip, report.mix, report.applied, report.cautions) == ("none", False, 0.0, (), ())


def test_mixed_pairs_hold_both_images(drawn, here):
    report = ek.show_augment(drawn, recipe="assignment", mix=1.0, size=SIDE_PX, rows=5, copies=5)
    shown = squares(report.path, 5, 6, lines=3).astype(float)
    plain, partner = shown[:, 0], np.roll(shown[:, 0], 1, axis=0)
    kinds = set()
    for column in range(1, 6):
        own, other = (np.abs(shown[:, column] - of).max(axis=-1) == 0 for of in (plain, partner))
        kinds.add(bool((own | other).all()))
        if not (own | other).all():
            share = ((shown[:, column] - partner) * (plain - partner)).sum() / ((plain - partner) ** 2).sum()
            assert np.abs(share * plain + (1 - share) * partner - shown[:, column]).max() < 2
    assert kinds == {True, False}
    assert "mixed in pairs" in report.applied[0]


def test_a_recipe_says_what_is_shown_and_single_options_beat_it(drawn, here):
    whole = ek.show_augment(drawn, recipe="finetune", rows=2, copies=1)
    assert (whole.augment, whole.flip) == ("strong", True)
    other = ek.show_augment(drawn, recipe="finetune", augment="rand", flip=False, rows=2, copies=1)
    assert (other.augment, other.flip) == ("rand", False)
    assert whole.size_px == SIDE_PX


def test_without_a_recipe_it_shows_what_a_plain_train_does(drawn, here):
    shown = ek.show_augment(drawn, rows=2, copies=1)
    ek.train(drawn, "mlp", epochs=1, size=8, val_fraction=0.3, quiet=True, device="cpu", cache="cache")
    trained = json.loads(Path("predictions/mlp/member.json").read_text(encoding="utf-8"))
    asked = trained["training"]["hyperparameters"]
    assert (shown.recipe, shown.augment, shown.flip, shown.mix) == (
        trained["recipe"],
        asked["augment"],
        asked["flip"],
        asked["mix"],
    )
    assert shown.recipe == "strong"


def test_a_plain_train_says_that_it_mirrors_and_how_not_to(drawn, here):
    words = ["train", "--data", str(drawn), "--arch", "mlp", "--epochs", "1", "--size", "8", "--val-fraction", "0.3"]
    for more, wanted in (
        ((), "Recipe strong, 1 epoch; images mirrored (signs, letters: --no-flip)."),
        (("--no-flip",), "Recipe strong, 1 epoch."),
    ):
        done = CliRunner().invoke(command, [*words, *more])
        assert done.exit_code == 0, done.stderr
        assert wanted in done.stderr.splitlines()
    done = CliRunner().invoke(command, [*words, "--recipe", "assignment"])
    assert "Recipe" not in done.stderr


def test_rows_are_of_as_many_classes_as_possible():
    labels = np.array([0] * 31 + [1] * 2 + [2] * 7 + [3])
    assert sorted(labels[choose(labels, 4, 0)]) == [0, 1, 2, 3]
    assert labels[choose(labels, 7, 0)].tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert len({tuple(choose(labels, 3, seed)) for seed in range(20)}) > 10
    assert sorted(choose(labels, 41, 5)) == list(range(41))
    assert len(choose(labels, 99, 5)) == 41


def test_what_may_make_a_label_wrong_is_said_only_where_it_is_done(drawn, here):
    def said(**given):
        return " ".join(ek.show_augment(drawn, rows=1, copies=1, **given).cautions)

    assert said(augment="rand", flip=False) == ""
    assert "left and right" in said(augment="light", flip=True)
    wide = said(augment="trivial", flip=False, size=28)
    assert "Turns are wide" in wide
    assert "Shifts of up to 32 px can move most of an image of 28 px" in wide
    assert "Shifts" not in said(augment="trivial", flip=False, size=64)


def test_the_command_prints_where_the_sheet_is_and_what_was_done(drawn, here):
    words = ["show-augment", "--data", str(drawn), "--augment", "trivial", "--rows", "2", "--copies", "1"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "Sheet: reports/augment-trivial.png"
    assert "- in 25 % of the images 2 to 25 % painted over in grey" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads(CliRunner().invoke(command, [*words, "--json"]).stdout)
    assert (report["path"], report["augment"], len(report["image_ids"])) == (
        "reports/augment-trivial.png",
        "trivial",
        2,
    )


def test_what_cannot_be_asked_is_refused_before_anything_is_written(drawn, here):
    for options, message in (
        ({"rows": 0}, "--rows is 0; wanted a whole number from 1 to 40"),
        ({"rows": 1, "mix": 0.5}, "--rows is 1; wanted a whole number from 2 to 40, since images are mixed in pairs"),
        ({"copies": 41}, "--copies is 41; wanted a whole number from 1 to 40"),
        ({"size": 7}, "--size is 7; wanted a whole number from 8 to 1024"),
        ({"mix": 1.5}, "--mix is 1.5; wanted a number from 0 to 1"),
        ({"out": "sheet.gif"}, "--out is 'sheet.gif'; wanted a name that ends in .png"),
        ({"out": drawn / "test" / "sheet.png"}, "would lie among the images"),
    ):
        with pytest.raises(InvalidOptionError, match=message):
            ek.show_augment(drawn, **options)
    with pytest.raises(UnknownNameError, match="did you mean 'trivial'"):
        ek.show_augment(drawn, augment="trivail")
    with pytest.raises(BadDataError, match="Wanted a data folder, got 'nowhere'"):
        ek.show_augment("nowhere")
    assert list(here.iterdir()) == []
