"""What is made to be shared tells of no home: nothing of it names the folders above the working folder."""

from pathlib import Path

import pytest

import ensemble_kit as ek

HOME = "Home-Of-Somebody"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A working folder in somebody's home, in which every path that was typed was absolute."""
    folder = tmp_path_factory.mktemp("shared") / HOME / "work"
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder.parent))
        patch.chdir(folder)
        places = {name: folder / name for name in ("predictions", "runs", "cache")}
        blends = {"predictions": folder / "predictions", "blends": folder / "blends"}
        ek.demo_data(folder / "data", train=40, val=20, test=20, size=16, quiet=True)
        for arch in ("mlp", "cnn"):
            ek.train(folder / "data", arch, epochs=1, size=16, device="cpu", quiet=True, **places)
        checkpoint = next((folder / "runs/cnn").glob("checkpoint-*"))
        ek.train(folder / "data", "cnn", name="tuned", epochs=1, size=16, init=checkpoint, quiet=True, **places)
        ek.tta(folder / "runs/cnn", views="flips", device="cpu", quiet=True, predictions=folder / "predictions")
        out = {"out": folder / "submissions/b.csv", "submissions": folder / "submissions"}
        ek.blend(["mlp", "cnn", "tuned"], name="b", quiet=True, **blends, **out)
        ek.submit("b", quiet=True, submissions=folder / "submissions", **blends)
        ek.report("b", out=folder / "page.html", runs=folder / "runs", quiet=True, **blends)
        ek.predict([folder / "data/test"], blend="b", out=folder / "predicted.csv", quiet=True, **blends)
    return folder


def shared(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_relative_to(folder / "cache"):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def test_nothing_that_was_made_names_the_folders_above(made):
    files = dict(shared(made))
    assert {"page.html", "page.json", "predicted.csv", "submissions/ledger.jsonl", "runs/cnn/config.yaml"} <= set(files)
    assert [name for name, held in files.items() if HOME.encode() in held] == []


def test_the_paths_that_are_kept_still_lead_there(made, monkeypatch):
    monkeypatch.chdir(made)
    report = ek.report("b", out="again.html", quiet=True)
    assert report.pictures_note is None
    commands = " ".join(report.repeat.commands)
    assert "ek train --name tuned --data data" in commands
    assert "--init runs/cnn/checkpoint-" in commands


def test_a_member_is_found_from_another_folder_too(made, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    held = {"predictions": made / "predictions", "blends": made / "blends"}
    report = ek.predict([made / "data/test"], blend="b", out=Path("there.csv"), quiet=True, **held)
    assert report.pictures == 20


@pytest.mark.slow
def test_an_exported_graph_names_no_folder(made, monkeypatch):
    monkeypatch.chdir(made)
    ek.export("b", out=made / "blend.onnx", predictions=made / "predictions", blends=made / "blends", quiet=True)
    held = (made / "blend.onnx").read_bytes()
    source = str(Path(ek.__file__).parent).encode()
    assert HOME.encode() not in held
    assert source not in held
    assert b"stack_trace" not in held
