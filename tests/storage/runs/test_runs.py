import hashlib
import json
import os

import pytest
import torch
import yaml
from safetensors.torch import load_file, save, save_file

from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError
from ensemble_kit.storage.runs import runs

METADATA = {"arch": "cnn", "options": {"width": 3, "kernel": [2, 5]}, "classes": ["é", "0001"]}


def state(seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(3, 5, 2, generator=generator)
    return {"weight": weight, "tied": weight, "turned": weight.permute(2, 0, 1), "count": torch.tensor(7)}


def test_a_checkpoint_comes_back_with_all_that_rebuilds_it(tmp_path):
    stored = runs.write_checkpoint(tmp_path, state(), METADATA)
    assert stored.sha256 == hashlib.sha256(stored.path.read_bytes()).hexdigest()
    assert stored.path.name == f"checkpoint-{stored.sha256[:12]}.safetensors"
    tensors, metadata = runs.read_checkpoint(stored.path, stored.sha256)
    assert metadata == METADATA
    assert tensors.keys() == state().keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in state().items())
    assert load_file(stored.path).keys() == state().keys()


def test_the_same_network_is_the_same_file(tmp_path):
    first = runs.write_checkpoint(tmp_path, state(), METADATA)
    assert runs.write_checkpoint(tmp_path, state(), METADATA) == first
    assert runs.write_checkpoint(tmp_path, state(1), METADATA) != first


def test_a_damaged_checkpoint_is_found_by_its_name(tmp_path):
    stored = runs.write_checkpoint(tmp_path, state(), METADATA)
    data = bytearray(stored.path.read_bytes())
    data[-1] ^= 1
    stored.path.write_bytes(data)
    for sha256 in (None, stored.sha256):
        with pytest.raises(CorruptError, match="is damaged: wanted sha256 .* got"):
            runs.read_checkpoint(stored.path, sha256)


def test_files_that_are_no_checkpoint_of_ours_are_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    for data in (b"", b"\x80\x02pickle", b"\xff" * 16):
        path.write_bytes(data)
        with pytest.raises(CorruptError, match=r"mine.safetensors is no checkpoint that ensemble_kit wrote"):
            runs.read_checkpoint(path)
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(CorruptError, match=r"is no checkpoint that ensemble_kit wrote .*__metadata__"):
        runs.read_checkpoint(path)
    for missing in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(InvalidOptionError, match="There is no checkpoint"):
            runs.read_checkpoint(missing)


@pytest.mark.parametrize("metadata", [{"a": object()}, {"a": float("nan")}])
def test_metadata_that_is_no_json_is_refused(metadata, tmp_path):
    with pytest.raises(BadDataError, match="metadata of the checkpoint cannot be written as JSON"):
        runs.write_checkpoint(tmp_path, state(), metadata)


def test_a_checkpoint_is_found_by_run_by_file_and_by_sha256(tmp_path):
    first = runs.write_checkpoint(tmp_path / "cnn", state(), METADATA)
    os.utime(first.path, ns=(1, 1))
    assert runs.find_checkpoint(tmp_path / "cnn") == first.path
    second = runs.write_checkpoint(tmp_path / "cnn", state(1), METADATA)
    assert runs.find_checkpoint(tmp_path / "cnn") == second.path
    assert runs.find_checkpoint(tmp_path / "cnn", first.sha256) == first.path
    assert runs.find_checkpoint(first.path) == first.path


def test_a_run_without_a_checkpoint_says_so(tmp_path):
    runs.write_config(tmp_path / "cnn", {"lr": 1})
    with pytest.raises(InvalidOptionError, match="cnn has no finished checkpoint; there: none. Let `ek train`"):
        runs.find_checkpoint(tmp_path / "cnn")
    stored = runs.write_checkpoint(tmp_path / "cnn", state(), METADATA)
    with pytest.raises(InvalidOptionError, match=f"no finished checkpoint checkpoint-f.*there: {stored.path.name}"):
        runs.find_checkpoint(tmp_path / "cnn", "f" * 64)
    with pytest.raises(InvalidOptionError, match="There is no run or checkpoint .*vit"):
        runs.find_checkpoint(tmp_path / "vit")


def test_old_checkpoints_go_and_everything_else_stays(tmp_path):
    runs.write_config(tmp_path, {"lr": 1})
    old = runs.write_checkpoint(tmp_path, state(), METADATA)
    new = runs.write_checkpoint(tmp_path, state(1), METADATA)
    for name in (".tmp-00", "state-5.pt", "checkpoint-mine.safetensors"):
        (tmp_path / name).write_bytes(b"")
    runs.remove_old_checkpoints(tmp_path, new.sha256)
    assert not old.path.exists()
    kept = {"config.yaml", "state-5.pt", "checkpoint-mine.safetensors", new.path.name}
    assert set(os.listdir(tmp_path)) == kept


def test_the_config_is_plain_yaml_in_its_own_order(tmp_path):
    config = {"name": "0001", "classes": ("é", "NA", "1e5"), "lr": 2e-4, "no": None, "on": True}
    sha256 = runs.write_config(tmp_path, config)
    text = (tmp_path / "config.yaml").read_bytes()
    assert hashlib.sha256(text).hexdigest() == sha256
    assert yaml.safe_load(text) == {**config, "classes": ["é", "NA", "1e5"]}
    assert list(yaml.safe_load(text)) == list(config)


def test_metrics_are_rewritten_whole_a_line_an_epoch(tmp_path):
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    runs.write_metrics(tmp_path, rows[:1])
    sha256 = runs.write_metrics(tmp_path, rows)
    data = (tmp_path / "metrics.csv").read_bytes()
    assert data == b"epoch,loss\n1,0.5\n2,0.25\n"
    assert hashlib.sha256(data).hexdigest() == sha256
    runs.write_metrics(tmp_path, [])
    assert (tmp_path / "metrics.csv").read_bytes() == b"epoch\n"


def flips(data):
    """The file with one bit turned round, in 97 places spread over all of it."""
    for place in range(0, 8 * len(data), 8 * len(data) // 97 + 1):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


def test_a_copy_under_another_name_carries_its_own_seal(tmp_path):
    whole = runs.write_checkpoint(tmp_path, state(), METADATA).path.read_bytes()
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(whole)
    assert runs.read_checkpoint(copy)[1] == METADATA
    runs.check_weights(copy)
    for changed in (*flips(whole), whole + b"\0", whole[:-1], whole[:9], b""):
        copy.write_bytes(changed)
        try:
            read, facts = runs.read_checkpoint(copy)
        except CorruptError:
            continue  # else the seal itself was hit so that it is none any more, and nothing besides
        assert all(torch.equal(read[name], one) for name, one in state().items())
        assert facts.items() >= METADATA.items()


def test_the_seal_is_the_sha256_with_zeros_in_its_place(tmp_path):
    data = runs.write_checkpoint(tmp_path, state(), METADATA).path.read_bytes()
    start = data.index(b'file_sha256\\": \\"') + len(b'file_sha256\\": \\"')
    held = data[start : start + 64]
    assert hashlib.sha256(data[:start] + b"0" * 64 + data[start + 64 :]).hexdigest().encode() == held


def test_a_checkpoint_from_before_there_were_seals_is_read_and_so_are_weights_of_others(tmp_path):
    old = tmp_path / "old.safetensors"
    old.write_bytes(save({"weight": torch.arange(7.0)}, metadata={"ensemble_kit": json.dumps(METADATA)}))
    assert runs.read_checkpoint(old)[1] == METADATA
    save_file({"weight": torch.arange(7.0)}, tmp_path / "theirs.safetensors")
    runs.check_weights(tmp_path / "theirs.safetensors")
