"""Networks of timm."""

import io
from urllib.error import HTTPError, URLError

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file

from models_zoo import UnreachableError, ZooError, build, hub


def test_a_transformer_is_made_for_the_images_size():
    body = build("timm:vit_tiny_patch16_224", 7, 48).body
    assert body.patch_embed.img_size == (48, 48)


def test_normalisation_is_that_of_timms_weights():
    network = build("timm:tf_efficientnet_lite0", 7, 32)
    assert network.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    assert network.std.flatten().tolist() == [0.5, 0.5, 0.5]


def test_a_size_that_timm_cannot_make_is_explained():
    with pytest.raises(ZooError, match="'timm:convnext_atto' does not take images of 28 px"):
        build("timm:convnext_atto", 7, 28)


def test_an_error_of_timm_is_explained(monkeypatch):
    def fails(name, pretrained, **arguments):
        raise TypeError("unexpected keyword")

    monkeypatch.setattr(timm, "create_model", fails)
    with pytest.raises(ZooError, match="timm cannot make 'timm:resnet10t' for images of 32 px: unexpected"):
        build("timm:resnet10t", 7, 32)


def test_without_network_pretrained_weights_are_refused_at_once(monkeypatch):
    def unreachable(request, timeout):
        assert timeout <= 10
        raise URLError("Name or service not known")

    monkeypatch.setattr(hub, "urlopen", unreachable)
    with pytest.raises(UnreachableError, match=r"cannot be had .*Name or service not known"):
        build("timm:resnet10t", 7, 32, pretrained=True)


def test_a_hub_that_answers_is_asked_even_if_its_front_page_is_an_error(monkeypatch):
    def forbidden(request, timeout):
        raise HTTPError(request.full_url, 403, "Forbidden", None, io.BytesIO())

    def fails(name, pretrained, **arguments):
        assert arguments["pretrained_cfg_overlay"] == {}
        raise RuntimeError("no such file\nand more")

    monkeypatch.setattr(hub, "urlopen", forbidden)
    monkeypatch.setattr(timm, "create_model", fails)
    with pytest.raises(ZooError, match=r"cannot be had \(no such file\)"):
        build("timm:resnet10t", 7, 32, pretrained=True)


def test_weights_of_an_earlier_time_need_no_network(monkeypatch, tmp_path):
    source = timm.create_model("resnet10t", num_classes=1000)
    save_file(source.state_dict(), tmp_path / "model.safetensors")
    monkeypatch.setattr(
        huggingface_hub, "try_to_load_from_cache", lambda repo, file: str(tmp_path / "model.safetensors")
    )
    network = build("timm:resnet10t", 7, 32, pretrained=True)
    assert torch.equal(network.body.conv1[0].weight, source.conv1[0].weight)
    assert network.body.fc.out_features == 7


def test_a_network_without_known_weights_says_so():
    known = [name for name in timm.list_models("resnet*") if timm.get_pretrained_cfg(name)]
    name = next(name for name in known if not timm.get_pretrained_cfg(name).hf_hub_id)
    with pytest.raises(ZooError, match="timm knows no pretrained weights"):
        build(f"timm:{name}", 7, 224, pretrained=True)
