"""The commands that a report gives, for every kind of member, as the command line takes them."""

import shlex
from pathlib import Path

import pytest
from understood import understood

from ensemble_kit.cli import ek as command
from ensemble_kit.pipeline.models.saved_blend import OpenBlend
from ensemble_kit.pipeline.report.reproduce import repeat_of
from ensemble_kit.storage.blends import Blend, PinnedMember
from ensemble_kit.storage.members.manifest import Manifest
from ensemble_kit.storage.members.read import Member
from ensemble_kit.workspace import Workspace

FOLDERS = Workspace()


def repeated(*manifests, **facts):
    pins = tuple(PinnedMember(one.name, "f" * 64, None, one.views, one.view_weights, 1.0, 1.0) for one in manifests)
    saved = Blend("b", "logit-sum", pins, classes=("ape", "bee"), **{"weights_method": "auto", **facts})
    opened = OpenBlend(saved, Path("blends/b.json"), tuple(Member(one, "f" * 64, {}) for one in manifests))
    return repeat_of(opened, FOLDERS)


def lines(*manifests, **facts):
    return list(repeated(*manifests, **facts).commands)


def parsed(line):
    """What the command line understands by a line."""
    words, group = shlex.split(line)[1:], command
    while hasattr(group, "commands"):
        group, words = group.commands[words[0]], words[1:]
    return understood(group, words)


def trained(name="cnn", views=("identity",), **plan):
    return Manifest(
        name=name,
        arch="cnn",
        source="trained",
        classes=("ape", "bee"),
        views=views,
        view_weights=(1.0, *(0.0 for _ in views[1:])),
        run=f"runs/{name}",
        family=plan.get("family"),
        training={"arch": "cnn", "recipe": "assignment", **plan},
    )


def test_paths_are_seen_from_the_working_folder_and_quoted():
    source = {
        "train_csv": "../../my data/train.csv",
        "test_dir": ["../../a", "/b"],
        "column": {"id": "Id", "label": "x y"},
    }
    given = parsed(lines(trained(source=source, weights="../../w.pth"))[0])
    assert given["train_csv"] == Path("my data/train.csv")
    assert list(given["test_dir"]) == [Path("a"), Path("/b")]
    assert given["column"] == {"id": "Id", "label": "x y"}
    assert given["init"] == Path("w.pth")


def test_what_the_recipe_says_itself_is_left_out():
    plan = {"recipe": "strong", "hyperparameters": {"epochs": 50, "lr": 0.5, "flip": False, "clip": 0.0}}
    assert lines(trained(**plan))[0] == "ek train --name cnn --recipe strong --lr 0.5 --no-flip"


def test_folds_and_cycles_are_made_by_the_command_of_their_family():
    fold = trained("a-fold-2", folds=5, fold=2, family="a")
    assert lines(fold)[0] == "ek train --name a-fold-2 --recipe assignment --folds 5 --fold 2"
    cycle = {"hyperparameters": {"cycles": 2}, "family": "c"}
    made = lines(trained("c-cycle-1", **cycle), trained("c", **cycle))
    assert made[:-1] == ["ek train --name c --recipe assignment --cycles 2"]
    assert lines(trained(family="others"))[0] == "ek train --name cnn --recipe assignment --family others"


def test_a_soup_and_a_probe_have_commands_of_their_own():
    soup = {"method": "greedy", "metric": "log-loss", "ingredients": [{"name": "a"}, {"name": "b"}]}
    report = repeated(trained("s", soup=soup))
    assert report.commands[0] == "ek soup a b --method greedy --metric log-loss --name s"
    assert "ingredients of a soup have to be trained first" in report.notes[0]
    probe = trained(
        "p", recipe="probe", size=64, pretrained=True, hyperparameters={"flip": True}, source={"data": "../../d"}
    )
    given = parsed(lines(probe)[0])
    assert (given["name"], given["data"], given["size"], given["flip"], given["pretrained"]) == (
        "p",
        Path("d"),
        64,
        True,
        True,
    )


def test_imported_members_are_added():
    said = {"kind": "logits", "files": {"val": "v.npz", "test": "t.npz"}, "group_from": None}
    report = repeated(Manifest("other's", "imported", "imported", ("ape", "bee"), imported=said))
    given = parsed(report.commands[0])
    assert (given["name"], given["val"], given["test"], given["kind"]) == (
        "other's",
        Path("v.npz"),
        Path("t.npz"),
        "logits",
    )
    assert "scores of imported members" in report.notes[0]


def foreign(arch, **training):
    return Manifest(
        name="theirs",
        arch=arch,
        source="foreign",
        classes=("ape", "bee"),
        views=("identity", "hflip"),
        view_weights=(0.5, 0.5),
        view_choice="equal",
        preprocessing={"size_px": 96, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
        training={"source": {"data": "../../d"}, **training},
    )


def test_networks_of_others_are_named_with_all_that_had_to_be_said():
    given = parsed(lines(foreign("timm:resnet18", weights="../../w.pth"))[0])
    assert (given["ckpt"], given["weights"]) == (Path("timm:resnet18"), Path("w.pth"))
    assert (given["mean"], given["size"], given["data"]) == ((0.5, 0.5, 0.5), 96, Path("d"))
    assert (given["name"], given["choose"], given["views"]) == ("theirs", "equal", "hflip")
    assert parsed(lines(foreign("net", weights="../../net.onnx"))[0])["ckpt"] == Path("net.onnx")
    report = repeated(foreign("callable"))
    assert "--ckpt CALLABLE" in report.commands[0]
    assert "CALLABLE was a Python function" in report.notes[0]


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({}, "ek blend cnn --name b"),
        ({"weights_method": "cnn=1", "metric": "macro-f1"}, "ek blend cnn --weights cnn=1 --metric macro-f1 --name b"),
        (
            {"weights_method": "accuracy", "settings": {"certify_seconds": 7.0}},
            "ek blend cnn --weights accuracy --certify-seconds 7.0 --certify --name b",
        ),
        ({"settings": {"tune_on": "oof", "max_ms": 5.0}}, "ek blend cnn --tune-on oof --max-ms 5.0 --name b"),
        ({"settings": {"temperatures": "none"}}, "ek blend cnn --temperatures none --name b"),
    ],
)
def test_the_blend_is_made_in_the_same_way(facts, wanted):
    assert lines(trained(), **facts)[-1] == wanted
    assert parsed(wanted)["name"] == "b"


def test_a_member_that_the_clock_ended_is_named():
    assert "ended by the clock" in repeated(trained(in_time=False)).notes[0]
