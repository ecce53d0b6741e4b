"""Weights in whatever a trainer put around them: taken whole, said which, or refused with the cause."""

import argparse
import os
import pathlib

import numpy as np
import pytest
import torch

from models_zoo import ZooError, build
from models_zoo.weight_files import read

NARROW = {"width": 5, "depth": 1}


@pytest.fixture(scope="module")
def source():
    return build("cnn", 7, 17, seed=3, options=NARROW)


@pytest.fixture(scope="module")
def plain(source):
    return dict(source.body.state_dict())


@pytest.fixture(scope="module")
def average(plain):
    return {name: value * 1.5 if value.is_floating_point() else value for name, value in plain.items()}


def _under(front, state):
    return {f"{front}{name}": value for name, value in state.items()}


def _built(content, folder, classes=7, **options):
    torch.save(content, folder / "theirs.pth")
    return build("cnn", classes, 17, seed=5, options={**NARROW, **options}, weights=folder / "theirs.pth")


def _is(network, state, head=True):
    own = network.body.state_dict()
    return all(torch.equal(own[name], value) for name, value in state.items() if head or own[name].shape == value.shape)


@pytest.mark.parametrize(
    "front",
    [
        *("module.", "model.", "_orig_mod.", "net.", "backbone.", "student.", "teacher.", "encoder_q."),
        *("module._orig_mod.", "_orig_mod.module.", "model.backbone.", "module.model._orig_mod.net.", "body."),
    ],
)
@pytest.mark.parametrize("place", [None, "state_dict", "model_state_dict", "model", "params", "ema", "state_dict_ema"])
def test_what_stands_in_front_and_around_is_taken_off(plain, tmp_path, front, place):
    state = _under(front, plain)
    network = _built(state if place is None else {place: state, "epoch": 3}, tmp_path)
    assert _is(network, plain)
    assert any("moving average" in note for note in network.notes) == (
        place in ("ema", "state_dict_ema") or "teacher" in front
    )


def test_words_put_into_names_are_taken_out(plain, tmp_path):
    wrapped = {name.replace(".", "._orig_mod.", 1): value for name, value in plain.items()}
    assert wrapped.keys() != plain.keys()
    assert _is(_built(wrapped, tmp_path), plain)
    assert _is(_built({name.replace(".", ".module.", 1): value for name, value in plain.items()}, tmp_path), plain)


def test_a_whole_checkpoint_of_ours_comes_back_from_a_wrapper_with_its_normalisation(tmp_path):
    source = build("cnn", 7, 17, seed=3, options=NARROW, mean=(0.1, 0.2, 0.3))
    assert _built({"model": _under("module.", source.state_dict())}, tmp_path).mean.flatten().tolist() == (
        pytest.approx([0.1, 0.2, 0.3])
    )


@pytest.mark.parametrize("as_zip", [True, False])
def test_a_trainers_checkpoint_is_read_past_its_optimiser_and_its_options(source, plain, tmp_path, as_zip):
    optimizer = torch.optim.AdamW(source.parameters())
    for parameter in source.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with torch.no_grad():
        optimizer.step()
    weights = {name: value.clone() for name, value in source.body.state_dict().items()}
    options = argparse.Namespace(lr=0.1, out=pathlib.Path("/x"), seen=np.arange(3), nested=argparse.Namespace(a=1))
    content = {"model": weights, "optimizer": optimizer.state_dict(), "args": options, "best": np.float64(0.5)}
    torch.save(content, tmp_path / "theirs.pth", _use_new_zipfile_serialization=as_zip)
    network = build("cnn", 7, 17, seed=5, options=NARROW, weights=tmp_path / "theirs.pth")
    assert _is(network, weights)
    assert network.notes == ("Taken from 'theirs.pth': the weights at 'model'.",)


def test_placeholders_stand_for_what_is_beside_the_weights(tmp_path):
    torch.save({"args": argparse.Namespace(lr=0.5, out=pathlib.Path("/x"))}, tmp_path / "theirs.pth")
    options = read(str(tmp_path / "theirs.pth"))["args"]
    assert type(options) is not argparse.Namespace
    assert options.lr == 0.5


def test_what_lightning_saves_is_taken_and_what_is_left_out_is_said(plain, tmp_path):
    state = _under("model.", plain) | {"criterion.weight": torch.ones(7)}
    network = _built({"state_dict": state, "hyper_parameters": {"lr": 0.1}, "optimizer_states": [{}]}, tmp_path)
    assert _is(network, plain)
    assert network.notes[1] == "1 left out beside them (criterion.weight)."


@pytest.mark.parametrize(
    ("wrap", "plain_place"),
    [
        (lambda plain, average: {"state_dict": plain, "state_dict_ema": average}, "at 'state_dict'"),
        (lambda plain, average: {"model_ema": _under("module.", average), "model": plain}, "at 'model'"),
        (lambda plain, average: _under("model.", plain) | _under("ema_model.", average), "under 'model.'"),
        (
            lambda plain, average: {"student": _under("module.backbone.", plain), "teacher": _under("net.", average)},
            "at 'student', under 'backbone.'",
        ),
    ],
)
def test_of_an_average_and_plain_weights_the_average_is_taken_and_that_is_said(
    plain, average, tmp_path, wrap, plain_place
):
    network = _built(wrap(plain, average), tmp_path)
    assert _is(network, average)
    assert "the moving average (EMA)" in network.notes[0]
    assert network.notes[1] == f"Not taken: the plain weights {plain_place}. To start from those, save them alone."


def test_an_average_that_lacks_a_part_is_not_taken_and_that_is_said(plain, average, tmp_path):
    partial = {name: value for name, value in average.items() if "running" not in name}
    network = _built({"model": plain, "ema": partial}, tmp_path)
    assert _is(network, plain)
    assert network.notes[1] == "Not taken: the moving average at 'ema', which does not fit this network."


def test_two_tables_that_fit_are_not_chosen_between_unless_they_are_one(plain, average, tmp_path):
    with pytest.raises(ZooError, match=r"fit this network in 2 places: at 'left'; at 'right'. Save the ones you mean"):
        _built({"left": plain, "right": average}, tmp_path)
    assert _is(_built({"left": plain, "right": dict(plain)}, tmp_path), plain)


def test_only_the_classifier_may_have_another_size_also_within_a_wrapper(plain, tmp_path):
    network = _built({"state_dict": _under("module.", plain), "args": argparse.Namespace()}, tmp_path, classes=11)
    assert _is(network, plain, head=False)
    assert network.replaced_head == "The classifier in 'theirs.pth' has 7 outputs, wanted 11: it starts anew."


def test_counters_are_no_weights(plain, tmp_path):
    without = {name: value for name, value in plain.items() if not name.endswith("num_batches_tracked")}
    assert _is(_built(without, tmp_path), without)
    assert _is(_built(plain | {"total_ops": torch.ones(1), "0.total_params": torch.ones(1)}, tmp_path), plain)
    assert _is(_built(_under("module.", plain) | {"n_averaged": torch.tensor(3)}, tmp_path), plain)


def test_the_cause_is_named_with_counts_names_and_shapes(plain, tmp_path):
    wrapped = {"state_dict": _under("module.model.", plain)}
    lacking = {"state_dict": {name: value for name, value in wrapped["state_dict"].items() if ".0." not in name}}
    missing = [name for name in plain if f".{name}".startswith(".0.")]
    with pytest.raises(
        ZooError, match=rf"at 'state_dict', under 'model.' do not fit this network: {len(missing)} missing \(model\.0\."
    ):
        _built(lacking, tmp_path)
    extra = _under("module.model.gate.", {"a": torch.ones(2), "b": torch.ones(2)})
    with pytest.raises(ZooError, match=r"network: 2 unknown \(model.gate.a, model.gate.b\); only the classifier"):
        _built({"state_dict": wrapped["state_dict"] | extra}, tmp_path)
    with pytest.raises(ZooError, match=r"of another shape \(model\.\S+: \(5,\), wanted \(6,\)"):
        _built(wrapped, tmp_path, width=6)


def test_the_architecture_that_would_fit_is_named(tmp_path):
    torch.save({"model": _under("module.", build("cnn-deep", 7, 28).body.state_dict())}, tmp_path / "deep.pth")
    with pytest.raises(ZooError, match="They fit --arch cnn-deep, its options"):
        build("mlp", 7, 28, weights=tmp_path / "deep.pth")
    torch.save(build("mlp", 7, 32).body.state_dict(), tmp_path / "flat.pth")
    with pytest.raises(ZooError, match="They fit --arch mlp --size 32, its options"):
        build("mlp", 7, 28, weights=tmp_path / "flat.pth")
    torch.save({"net": {"w": torch.ones(3)}, "args": argparse.Namespace(model="resnet50")}, tmp_path / "odd.pth")
    with pytest.raises(ZooError, match="The file says that it holds 'resnet50'"):
        build("mlp", 7, 28, weights=tmp_path / "odd.pth")


class Options:
    """Somebody's own."""


class Trap:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.system, (f"touch {self.marker}",))


def test_what_cannot_be_read_safely_is_named_with_what_to_do(source, plain, tmp_path):
    marker = tmp_path / "ran"
    for beside, kind in (
        ({"x": Trap(marker)}, f"{os.system.__module__}.system"),
        ({"args": Options()}, f"{__name__}.Options"),
        ({"whole": source}, r"models_zoo\.body\.Network"),
    ):
        with pytest.raises(ZooError, match=rf"cannot be read as weights: it holds {kind}, .*torch.save\(model.state_d"):
            _built({"model": plain, **beside}, tmp_path)
    assert not marker.exists()


def test_a_table_that_holds_itself_has_an_end(plain, tmp_path):
    content = {"model": plain}
    content["again"] = content
    assert _is(_built(content, tmp_path), plain)


def test_safetensors_are_known_by_content_not_by_name(plain, tmp_path):
    from safetensors.torch import save_file

    save_file(_under("model.", plain), tmp_path / "weights.bin")
    assert _is(build("cnn", 7, 17, options=NARROW, weights=tmp_path / "weights.bin"), plain)
