"""`ek export`: the file, what it says of itself, who may be in it, and what is refused."""

import json
import os
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.pipeline.export import check as export_check
from ensemble_kit.pipeline.export.check import Said, compare
from ensemble_kit.pipeline.export.metadata import method_of
from ensemble_kit.pipeline.models.saved_blend import OpenBlend
from ensemble_kit.storage.blends import read_blend
from ensemble_kit.storage.members import members as store
from ensemble_kit.types import Stack


@pytest.fixture(scope="module")
def there(walked):
    """Be in the walked folder, from which runs are named."""
    before = os.getcwd()
    os.chdir(walked)
    yield walked
    os.chdir(before)


@pytest.fixture(scope="module")
def exported(there, tmp_path_factory):
    """A working folder with a blend of both members, its graph, and the graph's report."""
    folder = tmp_path_factory.mktemp("exported")
    places = {"predictions": there / "predictions", "blends": folder / "blends"}
    ek.blend(method="prob-mean", weights="mlp=1,cnn=3", name="both", submissions=folder / "submissions", **places)
    report = ek.export("both", folder / "net.onnx", cache=folder / ".ek", quiet=True, **places)
    return folder, places, report


def said_of(path, images):
    session = onnxruntime.InferenceSession(path)
    return session.run(["probabilities", "label"], {"pictures": images})


def test_the_graph_predicts_test_as_the_blend_did(exported, walked):
    folder, _, report = exported
    classes = json.loads(onnxruntime.InferenceSession(report.path).get_modelmeta().custom_metadata_map["classes"])
    lines = (folder / "submissions" / "both.csv").read_text(encoding="utf-8").splitlines()[1:]
    for line in lines:
        name, label = line.split(",")
        image = np.asarray(Image.open(walked / "data" / "test" / name).convert("RGB"))
        probabilities, place = said_of(report.path, image.transpose(2, 0, 1)[None])
        assert classes[place[0]] == label
        assert probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert len(lines) == 37


def test_the_report_and_the_file_say_what_is_in_it(exported):
    _, _, report = exported
    assert (report.checked, report.classes, report.side_px, report.sizes_px) == (60, 10, None, (24,))
    assert report.members == ("cnn", "mlp")
    assert report.largest_difference < 1e-4
    assert report.squares_changed == 0
    about = onnxruntime.InferenceSession(report.path).get_modelmeta().custom_metadata_map
    members = json.loads(about["members"])
    assert [one["weight"] for one in members] == [0.75, 0.25]
    assert all(len(one["checkpoint_sha256"]) == 64 for one in members)
    assert about["blend"] == "both"
    assert json.loads(about["honest_accuracy"]) == report.honest_accuracy
    assert json.loads(about["size_px"]) is None


def test_a_graph_of_one_size_takes_that_size_alone_and_counts_what_is_resized_twice(exported):
    folder, places, _ = exported
    words = [f"--{name}={place}" for name, place in places.items()]
    typed = ["export", "both", "--size", "19", "--out", str(folder / "small.onnx"), "--quiet", *words]
    done = CliRunner().invoke(command, typed)
    assert done.exit_code == 0, done.output
    assert "in    pictures       uint8 (images, 3, 19, 19), RGB" in done.output
    assert "resized twice:" in done.output
    assert max(map(len, done.output.splitlines()[:-1])) <= 80
    assert said_of(folder / "small.onnx", np.zeros((5, 3, 19, 19), np.uint8))[0].shape == (5, 10)
    with pytest.raises(Exception, match="Got invalid dimensions"):
        said_of(folder / "small.onnx", np.zeros((5, 3, 24, 24), np.uint8))


def test_a_graph_that_says_something_else_is_not_written(exported, monkeypatch):
    folder, places, _ = exported
    monkeypatch.setattr(
        "ensemble_kit.inference.engines.onnx_export.graph_bytes", lambda *every: (folder / "net.onnx").read_bytes()
    )
    monkeypatch.setattr(
        export_check, "run", lambda session, images: [np.full((len(images), 10), 0.1), np.zeros(len(images), int)]
    )
    with pytest.raises(BadDataError, match="differs from PyTorch: on 60 images .* Nothing was written"):
        ek.export("both", folder / "wrong.onnx", cache=folder / ".ek", quiet=True, **places)
    assert not (folder / "wrong.onnx").exists()


def test_members_without_a_network_are_refused_by_name(road):
    for split in ("val", "test"):
        rows = store.read_member(road / "predictions" / "cnn").split(split)
        table = pd.DataFrame(rows.logits[0], columns=list(rows.classes))
        if rows.labels is not None:
            table.insert(0, "label", [rows.classes[place] for place in rows.labels])
        table.insert(0, "image_id", rows.ids)
        table.to_csv(f"{split}.csv", index=False)
    ek.members_add("guest", val="val.csv", test="test.csv", kind="logits")
    ek.blend(members=["cnn", "guest"], weights="equal", name="mixed")
    with pytest.raises(InvalidOptionError, match="ek export needs a network .*'guest' was imported as scores"):
        ek.export("mixed", quiet=True)


def test_onnx_files_of_others_are_refused_by_name(road):
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ("n", 3, 24, 24))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((3, 10), np.float32), "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), "theirs.onnx")
    ek.tta("theirs.onnx", data="data", views="identity", quiet=True)
    ek.blend(members=["cnn", "theirs"], weights="equal", name="mixed")
    with pytest.raises(InvalidOptionError, match="not ONNX files of others: 'theirs'"):
        ek.export("mixed", quiet=True)


def test_what_cannot_be_is_refused_before_anything_is_computed(exported, tmp_path):
    folder, places, _ = exported
    with pytest.raises(InvalidOptionError, match="--size is 3; wanted a whole number from 8 to 1024"):
        ek.export("both", size=3, **places)
    with pytest.raises(InvalidOptionError, match="is a folder; wanted a file"):
        ek.export("both", out=tmp_path, **places)
    with pytest.raises(InvalidOptionError, match="There is no blend .*none.json. Blends there: both"):
        ek.export("none", **places)
    with pytest.raises(BadDataError, match="There is no file or folder 'nowhere'"):
        ek.export("both", check_on="nowhere", cache=folder / ".ek", **places)


def test_images_that_cannot_be_read_are_no_proof(exported, tmp_path, monkeypatch):
    folder, places, _ = exported
    (tmp_path / "broken.png").write_bytes(b"no image")
    monkeypatch.setattr(
        "ensemble_kit.inference.engines.onnx_export.graph_bytes", lambda *every: (folder / "net.onnx").read_bytes()
    )
    with pytest.raises(BadDataError, match=r"None of 1 images can be read.*broken\.png.*--check-on"):
        ek.export("both", tmp_path / "net.onnx", check_on=tmp_path, cache=folder / ".ek", quiet=True, **places)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr("ensemble_kit.inference.engines.onnx_session.find_spec", lambda name: None)
    with pytest.raises(InvalidOptionError, match=r"pip install 'onnx>=.*'onnxruntime>=.*'onnxscript>="):
        ek.export("both")


def test_a_class_that_changes_without_a_tie_is_an_error_even_where_numbers_are_near():
    expected = Said(np.array([[0.50004, 0.49996], [0.6, 0.4]]), np.array([0, 0]))
    sure = np.array([True, True])
    tied = Said(np.array([[0.49998, 0.50002], [0.6, 0.4]]), np.array([1, 0]))
    assert compare(tied, expected, sure) == pytest.approx(6e-5)
    with pytest.raises(BadDataError, match="1 change their class"):
        compare(Said(expected.probabilities, np.array([0, 1])), expected, sure)
    assert compare(Said(expected.probabilities, np.array([0, 1])), expected, np.array([True, False])) == 0
    assert compare(expected, expected, np.array([False, False])) == 0
    with pytest.raises(BadDataError, match="inf of a probability"):
        compare(Said(np.full((2, 2), np.nan), np.array([0, 0])), expected, sure)


def test_a_stack_is_called_one(exported):
    folder, _, report = exported
    path = folder / "blends" / "both.json"
    saved = read_blend(path)
    stacked = replace(saved, method="logit-sum", stack=Stack(np.zeros((2, 10, 10)), np.zeros(10)))
    assert [method_of(OpenBlend(one, path, ())) for one in (saved, stacked)] == [report.method, "stacking"]


def test_a_half_that_is_rounded_otherwise_may_move_a_few_images_and_no_more():
    expected, sure = Said(np.tile([0.7, 0.3], (5, 1)), np.zeros(5, int)), np.ones(5, bool)

    def moved(*images, by=0.002):
        probabilities = expected.probabilities.copy()
        probabilities[list(images)] += [by, -by]
        return Said(probabilities, expected.labels)

    assert compare(moved(1, 3), expected, sure, export_check.ROUNDED) == pytest.approx(0.002)
    with pytest.raises(
        BadDataError, match="the largest difference is 0.002 of a probability, the median 0, wanted 1e-04"
    ):
        compare(moved(1), expected, sure)
    with pytest.raises(BadDataError, match="the median 0.002, wanted 1e-02 and 1e-04"):
        compare(moved(0, 1, 4), expected, sure, export_check.ROUNDED)
    with pytest.raises(BadDataError, match="the largest difference is 0.02"):
        compare(moved(2, by=0.02), expected, sure, export_check.ROUNDED)
