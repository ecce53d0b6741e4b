"""Weights from files."""

import gzip

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models_zoo import ZooError, build


@pytest.fixture
def source():
    return build("cnn-deep", 7, 28, seed=3, mean=(0.1, 0.2, 0.3))


def _saved(state, path):
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_checkpoint_of_ours_comes_back_with_its_normalisation(source, tmp_path, suffix):
    path = _saved(source.state_dict(), tmp_path / f"weights{suffix}")
    network = build("cnn-deep", 7, 28, seed=5, weights=path)
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_plain_and_nested_weights_of_a_body_are_taken(source, tmp_path, wrapper):
    path = _saved({wrapper: source.body.state_dict()}, tmp_path / "weights.pth")
    network = build("cnn-deep", 7, 28, seed=5, weights=path, mean=(0.4, 0.4, 0.4))
    assert torch.equal(network.body[0][0].weight, source.body[0][0].weight)
    assert network.mean.flatten().tolist() == pytest.approx([0.4, 0.4, 0.4])


def test_a_classifier_of_another_size_is_replaced_and_all_else_kept(source, tmp_path):
    path = _saved(source.state_dict(), tmp_path / "weights.safetensors")
    network = build("cnn-deep", 11, 28, seed=5, weights=path)
    assert torch.equal(network.body[0][0].weight, source.body[0][0].weight)
    head = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    assert head.out_features == 11
    assert not head.weight.any()
    assert network.notes == ("The classifier in 'weights.safetensors' has 7 outputs, wanted 11: it starts anew.",)


def test_weights_without_a_classifier_are_taken(source, tmp_path):
    head = f"body.{source.head[0]}"
    state = {name: value for name, value in source.state_dict().items() if not name.startswith(head)}
    network = build("cnn-deep", 7, 28, weights=_saved(state, tmp_path / "weights.pth"))
    assert torch.equal(network.body[0][0].weight, source.body[0][0].weight)


def test_weights_that_do_not_fit_are_named(source, tmp_path):
    path = _saved(source.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(ZooError, match=r"do not fit this network: .*of another shape \(body\.0\.0\.weight"):
        build("cnn-deep", 7, 28, options={"width": 8}, weights=path)
    with pytest.raises(ZooError, match=r"\d+ missing \(.*\); \d+ unknown \("):
        build("mlp", 7, 28, weights=path)


def test_files_that_are_no_weights_are_refused(tmp_path):
    with pytest.raises(ZooError, match="There is no file of weights at"):
        build("mlp", 7, 28, weights=tmp_path / "absent.safetensors")
    for name in ("broken.safetensors", "broken.pth", "empty.pth"):
        (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"not weights at all")
        with pytest.raises(ZooError, match=f"{name}' cannot be read as weights"):
            build("mlp", 7, 28, weights=tmp_path / name)
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(ZooError, match="holds something else than tensors by name"):
        build("mlp", 7, 28, weights=tmp_path / "list.pth")


@pytest.mark.parametrize(
    ("begins", "said"),
    [
        (b"<!DOCTYPE html><html>", "a page of the web"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (gzip.compress(b"weights" * 99, mtime=0), "unpack it first"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
        (b"\x08\x07\x12\x07pytorch", "ONNX"),
        (b"", "it is empty"),
        (b"abc", "damaged, or of another kind"),
    ],
)
def test_what_is_no_weights_is_called_what_it_is_and_no_advice_of_torch_is_repeated(tmp_path, begins, said):
    (tmp_path / "w.pth").write_bytes(begins)
    with pytest.raises(ZooError, match=f"w.pth' cannot be read as weights: .*{said}") as caught:
        build("mlp", 7, 28, weights=tmp_path / "w.pth")
    assert "weights_only" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_weights_whose_end_is_missing_are_called_so(source, tmp_path):
    path = _saved(source.body.state_dict(), tmp_path / "w.pth")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ZooError, match="its end is missing. Copy or download it again") as caught:
        build("cnn-deep", 7, 28, weights=path)
    assert caught.value.__cause__ is None  # no failure of the system


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ZooError, match="cannot be read as weights"):
        build("mlp", 7, 28, weights=tmp_path / "trap.pth")
    assert not marker.exists()


def test_a_checkpoint_of_another_architecture_is_refused_by_name(source, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    save_file(source.state_dict(), path, metadata={"ensemble_kit": '{"plan": {"arch": "cnn-deep"}}'})
    assert build("cnn-deep", 7, 28, weights=path).notes == ()
    with pytest.raises(ZooError, match="are those of 'cnn-deep', wanted 'cnn'. Use --arch cnn-deep"):
        build("cnn", 7, 28, weights=path)
