"""Files that another machine made, by every command that reads them: exit 3, with what to install, never a traceback.

They are made from files of this machine: what they say is changed, and they are sealed anew by the functions
that wrote them, so that each is intact and only cannot be used here.
"""

import hashlib
import io
import json
import struct
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from ensemble_kit.cli import ek
from ensemble_kit.disk.sealed import seal, unseal
from ensemble_kit.storage.runs import runs as run_store
from ensemble_kit.storage.runs.resume_state import write_state

LATER = {"ensemble_kit": "99.1", "timm": "88.0.2", "torch": "77.3"}
INSTALL = "pip install torch==77.3 timm==88.0.2"
QUICK = "--device cpu --quiet"
LOOKS = {
    "tta": f"tta --ckpt runs/mlp --views vflip {QUICK}",
    "predict --ckpt": f"predict --ckpt runs/mlp data/test --engine eager {QUICK}",
    "predict --blend": f"predict small data/test --engine eager {QUICK}",
    "export": "export small --size 16 --quiet",
    "soup": f"soup mlp mlp-2 --name soup {QUICK}",
}
"""What puts a checkpoint to use."""
READS_BLENDS = {
    **{name: LOOKS[name] for name in ("predict --blend", "export")},
    "report": "report small --quiet",
    "submit": "submit small --quiet",
    "compare": "compare blends/small.json mlp --quiet",
}
READS_MEMBERS = {**LOOKS, "members": "members", "blend": "blend mlp cnn --quiet", **READS_BLENDS}


def run(typed):
    return CliRunner().invoke(ek, typed.split())


def said(done):
    return " ".join(done.output.split())


def rewrite(path, change):
    """Change what a sealed file says, and seal it anew."""
    content = unseal(path.read_bytes(), path)
    change(content)
    path.write_bytes(seal(content))


def repin(name, checkpoint_sha256=None):
    """Let member and blends name a checkpoint and a member.json as they are by now."""
    path = Path("predictions", name, "member.json")
    if checkpoint_sha256 is not None:
        rewrite(path, lambda content: content.update(checkpoint_sha256=checkpoint_sha256))
    for blend in Path("blends").glob("*.json"):

        def pin(content):
            for one in content["members"]:
                if one["name"] == name:
                    one["manifest_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
                    one["checkpoint_sha256"] = checkpoint_sha256 or one["checkpoint_sha256"]

        rewrite(blend, pin)


def put_checkpoint(name, data):
    folder = Path("runs", name)
    for old in folder.glob("checkpoint-*"):
        old.unlink()
    sha256 = hashlib.sha256(data).hexdigest()
    (folder / run_store.checkpoint_name(sha256)).write_bytes(data)
    repin(name, sha256)


def change_checkpoint(name, change):
    """Write the checkpoint of a run anew, its tensors and what it says of itself changed."""
    (path,) = Path("runs", name).glob("checkpoint-*")
    state, facts = run_store.read_checkpoint(path)
    facts["versions"] = LATER
    change(state, facts)
    written = run_store.write_checkpoint(Path("scratch"), state, facts)
    put_checkpoint(name, written.path.read_bytes())


def change_kind(name):
    """Let a tensor hold numbers of a kind that nobody knows yet."""
    (path,) = Path("runs", name).glob("checkpoint-*")
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    facts = json.loads(header["__metadata__"]["ensemble_kit"])
    header["__metadata__"]["ensemble_kit"] = json.dumps({**facts, "versions": LATER})
    next(tensor for key, tensor in header.items() if key != "__metadata__")["dtype"] = "F7_TOMORROW"
    text = json.dumps(header).encode()
    put_checkpoint(name, struct.pack("<Q", len(text)) + text + data[8 + length :])


def of_plan(**changes):
    return lambda state, facts: facts["plan"].update(changes)


def renamed(state, facts):
    state["body.of_tomorrow"] = state.pop(next(name for name in state if name.endswith("weight")))


def reshaped(state, facts):
    name = next(name for name in state if name.endswith("weight"))
    state[name] = torch.zeros(3, 5)


CHECKPOINTS = {
    "a network of a later timm": (of_plan(arch="timm:tf_net_of_tomorrow", arch_option={}), "tf_net_of_tomorrow"),
    "a network of a changed zoo": (of_plan(arch="resnet999", arch_option={}), "No architecture is named 'resnet999'"),
    "an option of a later network": (of_plan(arch_option={"heads": 3}), "'heads'"),
    "other tensors": (renamed, "body.of_tomorrow"),
    "tensors of other shapes": (reshaped, "size mismatch"),
    "a later schema": (lambda state, facts: facts.update(schema=2), "it has schema 2"),
    "other facts": (lambda state, facts: facts["plan"].pop("hyperparameters"), "does not say hyperparameters"),
}


@pytest.mark.parametrize("command", LOOKS)
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_checkpoint_of_another_machine(small, kind, command):
    change, what = CHECKPOINTS[kind]
    for name in ("mlp", "mlp-2"):
        change_checkpoint(name, change)
    done = run(LOOKS[command])
    assert done.exit_code == 3, done.output
    assert "checkpoint-" in said(done)
    assert what in said(done)
    assert "install ensemble_kit 99.1 from its folder" in said(done)
    assert INSTALL in said(done)


@pytest.mark.parametrize("command", LOOKS)
def test_a_checkpoint_of_numbers_that_this_torch_does_not_know(small, command):
    for name in ("mlp", "mlp-2"):
        change_kind(name)
    done = run(LOOKS[command])
    assert (done.exit_code, "numbers of kind F7_TOMORROW" in said(done)) == (3, True), done.output
    assert INSTALL in said(done)


@pytest.mark.parametrize("command", LOOKS)
def test_a_package_that_a_checkpoint_needs_is_missing(small, command, monkeypatch):
    for name in ("mlp", "mlp-2"):
        change_checkpoint(name, of_plan(arch="timm:resnet18", arch_option={"input_px": 0}))
    monkeypatch.setitem(sys.modules, "timm", None)
    done = run(LOOKS[command])
    assert (done.exit_code, "timm" in said(done), INSTALL in said(done)) == (3, True, True), done.output


@pytest.mark.parametrize("command", ["report", "members", "blend", "compare", "submit"])
def test_what_needs_no_network_does_without_it(small, command):
    change_checkpoint("mlp", of_plan(arch="timm:tf_net_of_tomorrow", arch_option={}))
    done = run(READS_MEMBERS[command] + (" --quota 9 --again" if command == "submit" else ""))
    assert done.exit_code == 0, done.output


BLENDS = {
    "a later schema": ({"schema": 2}, "it has schema 2"),
    "a later field": ({"mood": "good"}, "it has the field 'mood'"),
    "another way to count": ({"ballot": "plurality"}, "No method is named 'plurality'"),
    "another way to weigh": ({"weights_method": "gradient"}, "No way to find weights is named 'gradient'"),
    "another metric": ({"metric": "f7"}, "No metric is named 'f7'"),
    "another setting": ({"settings": {"patience": 3}}, "No setting of a blend is named 'patience'"),
}


@pytest.mark.parametrize("command", READS_BLENDS)
@pytest.mark.parametrize("kind", BLENDS)
def test_a_blend_of_another_machine(small, kind, command):
    changes, what = BLENDS[kind]
    rewrite(Path("blends/small.json"), lambda content: content.update(changes, versions=LATER))
    done = run(READS_BLENDS[command])
    assert (done.exit_code, what in said(done)) == (3, True), done.output
    assert "blends/small.json was made elsewhere" in said(done)
    assert INSTALL in said(done)


MEMBERS = {
    "a later schema": ({"schema": 2}, "it has schema 2"),
    "a later field": ({"mood": "good"}, "it has the field 'mood'"),
}


@pytest.mark.parametrize("command", READS_MEMBERS)
@pytest.mark.parametrize("kind", MEMBERS)
def test_a_member_of_another_machine(small, kind, command):
    changes, what = MEMBERS[kind]
    rewrite(Path("predictions/mlp/member.json"), lambda content: content.update(changes, versions=LATER))
    repin("mlp")
    done = run(READS_MEMBERS[command])
    assert (done.exit_code, what in said(done)) == (3, True), done.output
    assert "predictions/mlp/member.json was made elsewhere" in said(done)
    assert INSTALL in said(done)


def test_views_that_are_not_known_here_stop_what_looks_and_nothing_else(small):
    assert run(f"tta --ckpt runs/mlp --views hflip {QUICK}").exit_code == 0

    def change(content):
        content.update(views=["identity", "fisheye@2"], versions=LATER)

    rewrite(Path("predictions/mlp/member.json"), change)
    repin("mlp")
    for path in Path("blends").glob("*.json"):
        rewrite(path, lambda content: [one.update(views=["identity"]) for one in content["members"]])
    for command in ("tta", "predict --ckpt", "predict --blend", "export"):
        done = run(LOOKS[command])
        assert (done.exit_code, "fisheye" in said(done), INSTALL in said(done)) == (3, True, True), done.output
    assert run("blend mlp cnn --quiet").exit_code == 0

    rewrite(Path("predictions/mlp/member.json"), lambda content: content.update(view_choice="by-mood"))
    repin("mlp")
    for command in ("blend", "compare", "report"):
        done = run(READS_MEMBERS[command])
        assert (done.exit_code, "by-mood" in said(done), INSTALL in said(done)) == (3, True, True), done.output


def other_torch(state):
    """Return a state in which numbers are of a kind that this torch has not."""
    whole, changed = io.BytesIO(), io.BytesIO()
    torch.save(state, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(changed, "w") as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry).replace(b"FloatStorage", b"Flo9tStorage"))
    return changed.getvalue()


def test_an_unfinished_run_of_another_machine(small):
    train = f"train --data data --arch mlp --epochs 1 --name again --resume {QUICK}"
    folder = Path("runs/again")
    folder.mkdir()
    facts = {"plan": {}, "fingerprints": {}, "standing": None, "train_s": 1.0}
    for state in ({"schema": 2, "facts": facts, "snapshot": {}}, {"facts": {}}, {"facts": facts}, {}):
        write_state(folder, 3, state)
        done = run(train)
        assert (done.exit_code, "runs/again was made elsewhere" in said(done)) == (3, True), done.output
        assert "Begin anew with --replace" in said(done)
    for old in folder.glob("state-*"):
        old.unlink()
    data = other_torch({"facts": facts, "snapshot": {"module": torch.zeros(3)}})
    (folder / f"state-3-{hashlib.sha256(data).hexdigest()[:12]}.pt").write_bytes(data)
    done = run(train)
    assert (done.exit_code, "torch.Flo9tStorage, which this torch does not know" in said(done)) == (3, True), (
        done.output
    )
    assert run(train.replace("--resume", "--replace")).exit_code == 0


def test_a_budget_of_another_machine(small):
    Path("runs/auto.budget.json").write_bytes(seal({"asked": {}, "found": {}, "begun": [], "used_s": 1.0, "mood": "x"}))
    done = run("auto --data data --minutes 1 --plan --quiet")
    assert (done.exit_code, "it has the field 'mood'" in said(done)) == (3, True), done.output


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("recipe: tomorrow", "No recipe is named 'tomorrow'"),
        ("augment: rain", "No augment is named 'rain'"),
        ("optimizer: adamx", "No optimizer is named 'adamx'; did you mean 'adam"),
        ("schedule: spiral", "No schedule is named 'spiral'"),
        ("metric: f7", "No metric is named 'f7'"),
        ("arch: resnet999", "No architecture is named 'resnet999'"),
        ("arch: timm:tf_net_of_tomorrow", "tf_net_of_tomorrow"),
    ],
)
def test_a_config_of_another_machine(small, line, what):
    Path("there.yaml").write_text(f"data: data\nepochs: 1\nname: there\n{line}\n")
    done = run(f"train --config there.yaml {QUICK}")
    assert (done.exit_code, what in said(done)) == (3, True), done.output
    assert "there.yaml was made elsewhere" in said(done)
    option, name = f"--{line.split(': ')[0]}", line.split(": ")[1]
    done = run(f"train --data data --epochs 1 {option} {name} {QUICK}")
    assert done.exit_code == 2, done.output  # typed here, it is for the one who typed it


def test_what_is_typed_beats_a_name_of_a_file_that_is_not_known_here(small):
    Path("there.yaml").write_text("data: data\nepochs: 1\nrecipe: tomorrow\narch: mlp\nname: there\n")
    assert run(f"train --config there.yaml --recipe assignment {QUICK}").exit_code == 0


def test_an_onnx_file_without_onnxruntime(small, monkeypatch):
    Path("net.onnx").write_bytes(b"onnx")
    monkeypatch.setattr("ensemble_kit.inference.engines.onnx_session.find_spec", lambda name: None)
    done = run(f"tta --ckpt net.onnx --data data --size 16 {QUICK}")
    assert (done.exit_code, "onnxruntime is not here" in said(done)) == (3, True), done.output
    assert "pip install" in said(done)
