"""What strangers wrote down leads nowhere in silence: names stay in their folder, paths out of this one are told."""

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import ensemble_kit as ek
from ensemble_kit.cli import ek as typed
from ensemble_kit.disk.sealed import seal
from ensemble_kit.errors import CorruptError, InvalidOptionError
from ensemble_kit.storage.blends import parse_blend
from ensemble_kit.storage.files.ledger import LEDGER_NAME
from ensemble_kit.storage.runs.runs import read_checkpoint, write_checkpoint
from ensemble_kit.storage.submissions.log import HANDED_IN, read_log

OUT = ["../outside", "a/../../outside", "/outside", "..", "c:\\outside", "a\nb"]


def sealed_anew(path, change):
    """Change what a sealed file says, as a stranger could who knows how it is sealed."""
    content = json.loads(path.read_bytes())
    change(content)
    path.write_bytes(seal(content))
    return path


@pytest.mark.parametrize("name", OUT)
def test_a_blend_whose_name_leads_out_of_its_folder_is_refused(name, road):
    ek.blend(name="b", quiet=True)
    path = sealed_anew(Path("blends/b.json"), lambda content: content.update(name=name))
    for call in (ek.report, ek.submit):
        with pytest.raises(CorruptError, match="is no blend: Wanted a name"):
            call("b", quiet=True)
    assert parse_blend.__doc__
    assert path.exists()


@pytest.mark.parametrize("name", OUT)
def test_a_blend_of_members_outside_the_folder_is_refused(name, road):
    ek.blend(name="b", quiet=True)
    sealed_anew(Path("blends/b.json"), lambda content: content["members"][0].update(name=name))
    with pytest.raises(CorruptError, match="is no blend: Wanted a name"):
        ek.predict(["data/test"], blend="b", quiet=True)


def test_a_submission_whose_name_leads_out_of_the_folder_is_refused(tmp_path):
    line = {"kind": HANDED_IN, "time": "2026-01-01T00:00:00+00:00", "name": "../../secret", "images": 3}
    (tmp_path / LEDGER_NAME).write_bytes(seal(line, one_line=True))
    with pytest.raises(CorruptError, match="holds a line that says nothing"):
        read_log(tmp_path)


def renamed_checkpoint(road, change):
    """A checkpoint whose metadata say something else, as a stranger may write them."""
    tensors, facts = read_checkpoint(next(Path("runs/cnn").glob("checkpoint-*")))
    change(facts["plan"])
    return write_checkpoint(Path("runs/given"), tensors, facts).path


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside"])
def test_a_checkpoint_cannot_name_a_member_outside_the_folder(name, road):
    path = renamed_checkpoint(road, lambda plan: plan.update(name=name))
    before = sorted(one.as_posix() for one in road.parent.rglob("*outside*"))
    with pytest.raises(InvalidOptionError, match="Wanted a name"):
        ek.tta(path, views="flips", quiet=True, device="cpu")
    assert sorted(one.as_posix() for one in road.parent.rglob("*outside*")) == before
    assert not Path("/tmp/outside").exists()


def test_images_that_a_checkpoint_names_outside_this_folder_are_read_with_a_word(road, capsys):
    shutil.move("data", "../elsewhere")
    there = os.path.abspath("../elsewhere")
    path = renamed_checkpoint(road, lambda plan: plan.update(source={"data": there}, name="given"))
    ek.tta(path, views="flips", quiet=True, device="cpu")
    assert f"data of runs/given lies outside this folder: {there}" in capsys.readouterr().err


def test_images_that_are_named_in_the_command_are_read_without_a_word(road, capsys):
    shutil.move("data", "../elsewhere")
    ek.tta("runs/cnn", views="vflip", data="../elsewhere", quiet=True, device="cpu")
    assert "outside" not in capsys.readouterr().err


def test_a_config_that_writes_outside_this_folder_is_followed_with_a_word(road):
    away = os.path.abspath("../away")
    Path("given.yaml").write_text(
        f"data: data\narch: mlp\nepochs: 1\nname: given\npredictions: {away}/predictions\nruns: {away}/runs\n"
    )
    done = CliRunner().invoke(typed, ["train", "--config", "given.yaml", "--quiet"])
    assert done.exit_code == 0, done.stderr
    assert f"predictions in given.yaml lies outside this folder: {away}/predictions" in done.stderr
    assert f"runs in given.yaml lies outside this folder: {away}/runs" in done.stderr


@pytest.mark.parametrize("run", ["/etc", "/etc/passwd", "/dev/zero", "../../../../etc"])
def test_a_member_whose_run_is_elsewhere_has_nothing_there_read_but_its_checkpoint(run, road):
    path = sealed_anew(Path("predictions/cnn/member.json"), lambda content: content.update(run=run))
    assert path.exists()
    ek.blend(["cnn", "mlp"], name="b", quiet=True)
    with pytest.raises(InvalidOptionError, match="does not hold the checkpoint"):
        ek.predict(["data/test"], blend="b", quiet=True)
    assert ek.report("b", quiet=True, thumbnails=False).learning[0].note is None  # from runs/cnn, whose sha256 fits
