"""ONNX files of others: graphs written here node by node, run, checked and refused."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.inference.engines.forward import compute_logits, start
from ensemble_kit.inference.engines.onnx_session import open_onnx, side_px

MEAN, STD = (0.5, 0.4, 0.3), (0.1, 0.2, 0.4)
WEIGHTS = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
IMAGES = np.random.default_rng(1).integers(0, 256, (11, 3, 7, 7), dtype=np.uint8)
OPEN = ("n", 3, None, None)


@pytest.fixture
def graph(tmp_path):
    """Write a graph that multiplies the mean of each channel by WEIGHTS; return its path."""

    def write(shape=OPEN, kind=TensorProto.FLOAT, axes=(2, 3), outputs=("logits",), inputs=()):
        nodes = [
            helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0),
            helper.make_node("Cast", ["means"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["floats", "weights"], ["logits"]),
        ]
        numbers = [
            numpy_helper.from_array(np.array(axes, np.int64), "axes"),
            numpy_helper.from_array(WEIGHTS, "weights"),
        ]
        made = helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info(name, kind, shape) for name in ("images", *inputs)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            numbers,
        )
        path = tmp_path / "model.onnx"
        onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
        return path

    return write


def by_hand(images):
    means = (images / 255).mean((2, 3))
    return (means - MEAN) / STD @ WEIGHTS.astype(float)


@pytest.mark.parametrize("shape", [OPEN, (4, 3, 7, 7), (1, 3, 7, 7), (16, 3, 7, 7), ("n", "c", "h", "w")])
def test_logits_are_those_of_the_normalised_images_for_open_and_for_fixed_batches(graph, shape):
    running = start(open_onnx(graph(shape), MEAN, STD, 5, 7), "auto", "cpu", IMAGES)
    looked = compute_logits(running, IMAGES, ("identity", "hflip"), batch_size=6)
    np.testing.assert_allclose(looked.logits[0], by_hand(IMAGES), atol=1e-4)


@pytest.mark.parametrize(("shape", "side"), [(OPEN, None), (("n", 3, 7, 7), 7), (("n", 3, None, 5), 5)])
def test_the_side_of_the_images_is_known_where_the_graph_fixes_it(graph, shape, side):
    assert side_px(graph(shape)) == side


def test_a_graph_for_images_that_are_not_square_is_refused(graph):
    with pytest.raises(BadDataError, match="takes images of 7 x 5 px; wanted a graph for squares"):
        side_px(graph(("n", 3, 7, 5)))


def test_images_of_another_size_are_refused(graph):
    with pytest.raises(InvalidOptionError, match="takes images of 7 x 7 px, not of 5. Give --size"):
        open_onnx(graph(("n", 3, 7, 7)), MEAN, STD, 5, 5)


def test_another_number_of_classes_is_refused(graph):
    with pytest.raises(InvalidOptionError, match="has 5 outputs per image and there are 7 classes.*--classes FILE"):
        open_onnx(graph(), MEAN, STD, 7, 7)


def test_a_deviation_of_nothing_is_refused(graph):
    with pytest.raises(InvalidOptionError, match=r"--std is \(0.1, 0.0, 0.4\); wanted three numbers above 0"):
        open_onnx(graph(), MEAN, (0.1, 0.0, 0.4), 5, 7)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x09" + bytes(99)])
def test_a_file_that_is_no_graph_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    for use in (side_px, lambda path: open_onnx(path, MEAN, STD, 5, 7)):
        with pytest.raises(BadDataError, match="model.onnx cannot be used as an ONNX file: "):
            use(path)


def test_a_graph_that_was_cut_short_is_refused(graph):
    path = graph()
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadDataError, match="cannot be used as an ONNX file"):
        open_onnx(path, MEAN, STD, 5, 7)


def test_channels_that_come_last_are_refused_with_the_reason(graph):
    with pytest.raises(BadDataError, match="wanted one input of float32 images .* with the layout NCHW"):
        open_onnx(graph(("n", 7, 7, 3), axes=(1, 2)), MEAN, STD, 5, 7)


@pytest.mark.parametrize(
    "how",
    [
        {"kind": TensorProto.DOUBLE},
        {"shape": ("n", 3, 7), "axes": (2,)},
        {"shape": ("n", 1, 3, 7), "axes": (1, 3)},
        {"inputs": ("mask",)},
    ],
)
def test_other_inputs_are_refused(graph, how):
    with pytest.raises(BadDataError, match="wanted one input of float32 images"):
        open_onnx(graph(**how), MEAN, STD, 5, 7)


def test_a_second_output_is_refused(graph):
    with pytest.raises(BadDataError, match="has the outputs logits, floats; wanted one"):
        open_onnx(graph(outputs=("logits", "floats")), MEAN, STD, 5, 7)


def test_an_output_that_is_not_a_row_a_image_is_refused(graph):
    with pytest.raises(BadDataError, match=r"gives \(2, 3, 5\) for two images; wanted logits \(2, 5\)"):
        open_onnx(graph(axes=(2,)), MEAN, STD, 5, 3)


def test_a_graph_that_cannot_take_such_images_is_refused(graph):
    with pytest.raises(BadDataError, match="does not take two images of 7 px: "):
        open_onnx(graph(("n", "c", None, None), axes=(1, 2)), MEAN, STD, 5, 7)


def test_the_threads_are_those_of_pytorch(graph, monkeypatch):
    import onnxruntime

    seen, real = [], onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, **named: seen.append(options) or real(path, options, **named),
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    open_onnx(graph(), MEAN, STD, 5, 7)
    assert seen[0].intra_op_num_threads == 3
