"""States of unfinished runs on disk."""

import os

import pytest
import torch

from ensemble_kit.errors import CorruptError, ResourceError
from ensemble_kit.storage.runs import resume_state as states

STATE = {"snapshot": {"module": {"w": torch.arange(35.0).reshape(5, 7)}, "step": 3, "mean": None}, "facts": {"n": "é"}}


def test_a_state_comes_back_as_it_was(tmp_path):
    path = states.write_state(tmp_path / "cnn", 412, STATE)
    assert path.name.startswith("state-412-")
    read = states.read_state(tmp_path / "cnn")
    assert torch.equal(read["snapshot"]["module"].pop("w"), STATE["snapshot"]["module"]["w"])
    assert read == {"snapshot": {"module": {}, "step": 3, "mean": None}, "facts": {"n": "é"}}


def test_memory_order_comes_back_too(tmp_path):
    tensor = torch.randn(2, 3, 5, 7).contiguous(memory_format=torch.channels_last)
    states.write_state(tmp_path, 1, {"t": tensor})
    assert states.read_state(tmp_path)["t"].stride() == tensor.stride()


def test_where_there_is_none_there_is_none(tmp_path):
    assert states.read_state(tmp_path) is None
    assert states.read_state(tmp_path / "nowhere") is None
    states.remove_states(tmp_path / "nowhere")


def test_a_newer_state_takes_the_place_of_the_older_and_nothing_else(tmp_path):
    for name in ("config.yaml", "state-mine.pt"):
        (tmp_path / name).write_bytes(b"")
    for step in (9, 10):
        newest = states.write_state(tmp_path, step, {"step": step})
    assert set(os.listdir(tmp_path)) == {"config.yaml", "state-mine.pt", newest.name}
    (tmp_path / states.UNFINISHED_NAME).write_bytes(b"")
    states.remove_states(tmp_path)
    assert set(os.listdir(tmp_path)) == {"config.yaml", "state-mine.pt"}


def test_of_two_states_the_one_of_more_steps_is_read(tmp_path):
    older = states.write_state(tmp_path, 9, {"step": 9})
    kept = older.read_bytes()
    states.write_state(tmp_path, 10, {"step": 10})
    older.write_bytes(kept)  # as a kill between the writing and the removing leaves it
    assert states.read_state(tmp_path) == {"step": 10}


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_flipped_bit_is_found(tmp_path, place):
    path = states.write_state(tmp_path, 5, STATE)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptError, match=r"state-5-.* is damaged: .*Begin anew: give --replace"):
        states.read_state(tmp_path)


def test_what_is_no_state_is_refused_and_never_unpickled(tmp_path):
    import hashlib

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save(Evil(), tmp_path / "evil")
    for data in (b"PK\x03\x04", (tmp_path / "evil").read_bytes()):
        path = tmp_path / f"state-1-{hashlib.sha256(data).hexdigest()[:12]}.pt"
        path.write_bytes(data)
        with pytest.raises(CorruptError, match="is no state that ensemble_kit wrote"):
            states.read_state(tmp_path)
        path.unlink()
    assert not (tmp_path / "harm").exists()
    torch.save([1], tmp_path / "list")
    data = (tmp_path / "list").read_bytes()
    (tmp_path / f"state-1-{hashlib.sha256(data).hexdigest()[:12]}.pt").write_bytes(data)
    with pytest.raises(CorruptError, match="holds list, no state"):
        states.read_state(tmp_path)


def test_a_state_that_cannot_be_read_is_said_to_be_so(tmp_path):
    (tmp_path / "state-1-0123456789ab.pt").mkdir()
    with pytest.raises(ResourceError, match="Cannot read .*state-1-"):
        states.read_state(tmp_path)
