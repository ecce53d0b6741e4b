import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from ensemble_kit.disk.sealed import seal, unseal
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError
from ensemble_kit.storage import blends
from ensemble_kit.storage.members import members
from ensemble_kit.storage.pins import check_pins
from ensemble_kit.types import Stack


def blend_of(root, stored):
    for name in ("cnn", "vit"):
        stored(root, name)
    pins = tuple(
        blends.PinnedMember(
            name, members.manifest_sha256(root / name), checkpoint, ("identity", "hflip"), (0.75, 0.25), heat, weight
        )
        for name, checkpoint, heat, weight in (("cnn", "c" * 64, 1.5, 0.3), ("vit", None, 0.5, 0.7))
    )
    return blends.Blend(
        name="logit-sum-auto",
        method="logit-sum",
        members=pins,
        weights_method="auto",
        classes=("ant", "bee", "cat", "dog", "eel"),
        blend_temperature=1.25,
        ridge=float("inf"),
        val_fingerprint="a" * 64,
        figures={"val_accuracy": 0.875, "val_interval": [0.5, 1.0]},
        versions={"numpy": "2"},
    )


def test_a_blend_comes_back_with_its_numbers(tmp_path, stored):
    blend = blend_of(tmp_path / "predictions", stored)
    path = blends.write_blend(tmp_path / "blends", blend)
    assert path == tmp_path / "blends" / "logit-sum-auto.json"
    assert blends.read_blend(path) == blend
    assert blends.blend_sha256(blend) == hashlib.sha256(path.read_bytes()).hexdigest()
    tuned = blends.read_blend(path).tuned()
    assert (tuned.method, tuned.blend_temperature, tuned.ridge) == ("logit-sum", 1.25, float("inf"))
    assert tuned.weights.tolist() == [0.3, 0.7]
    assert tuned.temperatures.tolist() == [1.5, 0.5]
    assert np.array_equal(tuned.view_weights, [[0.75, 0.25], [0.75, 0.25]])


def test_a_blend_is_replaced_under_its_name_and_leftovers_go(tmp_path, stored):
    blend = blend_of(tmp_path / "predictions", stored)
    folder = tmp_path / "blends"
    path = blends.write_blend(folder, blend)
    (folder / ".tmp-00").write_bytes(b"half")
    blends.write_blend(folder, replace(blend, ridge=None))
    assert blends.read_blend(path).ridge is None
    blends.write_blend(folder, replace(blend, name="b"))
    assert blends.list_blends(folder) == ["b", "logit-sum-auto"]
    assert not (folder / ".tmp-00").exists()


def test_a_missing_blend_names_those_there_are(tmp_path, stored):
    blends.write_blend(tmp_path, blend_of(tmp_path / "predictions", stored))
    with pytest.raises(InvalidOptionError, match=r"no blend .*none.json. Blends there: logit-sum-auto"):
        blends.read_blend(tmp_path / "none.json")


def test_what_cannot_be_written_is_refused(tmp_path, stored):
    blend = blend_of(tmp_path / "predictions", stored)
    with pytest.raises(InvalidOptionError, match="Wanted a name"):
        blends.write_blend(tmp_path / "blends", replace(blend, name="a/b"))
    with pytest.raises(BadDataError, match="finite numbers only"):
        blends.write_blend(tmp_path / "blends", replace(blend, figures={"p": float("nan")}))
    assert not (tmp_path / "blends").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 0}, "has schema 0, this version of ensemble_kit reads 1"),
        ({"members": 7}, "is no blend"),
        ({"members": [{"name": "cnn"}]}, "is no blend: .*manifest_sha256"),
        ({"blend_temperature": "hot"}, "field 'blend_temperature' holds 'hot'"),
    ],
)
def test_a_blend_that_makes_no_sense_is_refused_even_with_a_true_seal(changes, message, tmp_path, stored):
    path = blends.write_blend(tmp_path / "blends", blend_of(tmp_path / "predictions", stored))
    path.write_bytes(seal({**unseal(path.read_bytes(), path), **changes}))
    with pytest.raises(CorruptError, match=message):
        blends.read_blend(path)


@pytest.mark.parametrize("changes", [{"schema": 2}, {"extra": 1}])
def test_a_blend_of_a_later_version_is_no_damage_and_says_what_to_install(changes, tmp_path, stored):
    path = blends.write_blend(tmp_path / "blends", blend_of(tmp_path / "predictions", stored))
    content = {**unseal(path.read_bytes(), path), "versions": {"ensemble_kit": "99.1", "timm": "88.0"}, **changes}
    path.write_bytes(seal(content))
    with pytest.raises(BadDataError, match="ensemble_kit 99.1 .*pip install timm==88.0"):
        blends.read_blend(path)


def test_a_damaged_blend_is_refused(tmp_path, stored):
    path = blends.write_blend(tmp_path / "blends", blend_of(tmp_path / "predictions", stored))
    content = json.loads(path.read_text())
    content["members"][0]["weight"] = 0.31
    path.write_text(json.dumps(content, indent=2))
    with pytest.raises(CorruptError, match="match the sha256 it carries"):
        blends.read_blend(path)


def test_pins_hold_until_a_member_changes_and_then_say_how_to_refresh(tmp_path, stored):
    root = tmp_path / "predictions"
    blend = blend_of(root, stored)
    check_pins(blend, root)
    members.set_view_weights(root, "vit", {"hflip": 1.0}, "equal")
    refresh = "Refresh the blend: ek blend --method logit-sum --weights auto --name logit-sum-auto cnn vit"
    with pytest.raises(CorruptError, match=f"another state of member 'vit'.*{refresh}"):
        check_pins(blend, root)
    members.remove_member(root, "vit")
    others = "Restore it, or blend the others: ek blend --method logit-sum --weights auto --name logit-sum-auto cnn$"
    with pytest.raises(CorruptError, match=f"needs member 'vit', which .* does not hold. {others}"):
        check_pins(blend, root)


def stack_of(members_count=2, classes=5):
    random = np.random.default_rng(0)
    return Stack(random.normal(size=(members_count, classes, classes)) / 3, random.normal(size=classes) * 1e-7)


def test_a_stack_comes_back_to_the_last_bit(tmp_path, stored):
    stack = stack_of()
    blend = replace(blend_of(tmp_path / "predictions", stored), stack=stack)
    path = blends.write_blend(tmp_path / "blends", blend)
    read = blends.read_blend(path).tuned().stack
    assert read.coefficients.tobytes() == stack.coefficients.tobytes()
    assert read.intercepts.tobytes() == stack.intercepts.tobytes()
    assert read.coefficients.shape == (2, 5, 5)
    assert blends.blend_sha256(blends.read_blend(path)) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_blend_without_a_stack_is_written_as_ever(tmp_path, stored):
    path = blends.write_blend(tmp_path / "blends", blend_of(tmp_path / "predictions", stored))
    assert "stack" not in json.loads(path.read_text())
    assert blends.read_blend(path).tuned().stack is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (None, "is no blend"),
        ({}, "its stack holds nothing, wanted coefficients and intercepts"),
        ({"coefficients": [], "intercepts": [], "bias": 1}, "its stack holds bias, coefficients, intercepts"),
        ({"coefficients": stack_of(3).coefficients.tolist()}, r"\(3, 5, 5\), wanted float64 of shape \(2, 5, 5\)"),
        ({"coefficients": stack_of(2, 3).coefficients.tolist()}, r"\(2, 3, 3\), wanted .* 2 members and 5 classes"),
        ({"coefficients": [[0.5], [0.5, 1.0]]}, "is no blend"),
        ({"intercepts": [0.5] * 3}, r"intercepts of its stack are float64 of shape \(3,\), wanted .* \(5,\)"),
        ({"intercepts": ["0.5"] * 5}, r"intercepts of its stack are <U3 of shape \(5,\)"),
        ({"intercepts": 0.5}, r"of shape \(\), wanted"),
    ],
)
def test_a_stack_that_does_not_fit_is_refused_even_with_a_true_seal(changes, message, tmp_path, stored):
    blend = replace(blend_of(tmp_path / "predictions", stored), stack=stack_of())
    path = blends.write_blend(tmp_path / "blends", blend)
    content = unseal(path.read_bytes(), path)
    content["stack"] = {**content["stack"], **changes} if changes else changes
    path.write_bytes(seal(content))
    with pytest.raises(CorruptError, match=message):
        blends.read_blend(path)


def test_a_stack_that_does_not_fit_is_not_written(tmp_path, stored):
    blend = replace(blend_of(tmp_path / "predictions", stored), stack=stack_of(3))
    with pytest.raises(CorruptError, match="is no blend: the coefficients of its stack"):
        blends.write_blend(tmp_path / "blends", blend)
    assert not (tmp_path / "blends").exists()
