"""The state of a run under a budget on disk: whole or not at all, and sealed."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble_kit.disk.sealed import seal
from ensemble_kit.errors import BadDataError, CorruptError, ResourceError
from ensemble_kit.storage.files import atomic
from ensemble_kit.storage.runs.auto_state import Spent, budget_path, read_spent, write_spent

SPENT = Spent(
    asked={"seed": 2, "fingerprints": {"train": "ab", "val": "cd"}},
    found={"near": None, "costs": {"cnn 40": {"epoch_s": 0.5, "look_s": 3.0}}},
    begun={"auto-cnn-0": {"done": True, "how": {"arch_option": {"width": 7}}}, "auto-a-1": {"done": False}},
    used_s=17.25,
)


@pytest.fixture
def path(tmp_path):
    return budget_path(tmp_path / "runs", "auto")


def test_the_state_lies_beside_the_runs_under_its_name(tmp_path):
    assert budget_path(tmp_path, "mine") == tmp_path / "mine.budget.json"
    assert budget_path(tmp_path, "mine").parent == tmp_path


def test_what_was_written_is_read(path):
    write_spent(path, SPENT)
    assert read_spent(path) == SPENT
    assert json.loads(path.read_text())["used_s"] == 17.25
    assert os.listdir(path.parent) == ["auto.budget.json"]


NAMES = st.text(min_size=1, max_size=5).filter(lambda text: "\ud800" not in text and text.isprintable())
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | NAMES


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES)), st.floats(0, 1e6))
def test_any_plain_content_survives(tmp_path_factory, asked, begun, used_s):
    path = tmp_path_factory.getbasetemp() / "plain.budget.json"
    write_spent(path, Spent(asked, {}, begun, used_s))
    assert read_spent(path) == Spent(asked, {}, begun, used_s)


def test_members_come_back_in_the_order_in_which_they_were_begun(path):
    begun = {name: {"done": True} for name in ("zebra", "ant", "cnn-2", "cnn-10")}
    write_spent(path, Spent({}, {}, begun))
    assert list(read_spent(path).begun) == list(begun)


def test_nothing_there_is_none(path):
    assert read_spent(path) is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_cut_short_is_corrupt(path, share):
    write_spent(path, SPENT)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CorruptError, match=r"auto\.budget\.json .*begin anew with --replace"):
        read_spent(path)


def test_every_digit_that_is_changed_is_found(path):
    write_spent(path, SPENT)
    data = path.read_bytes()
    for place in (place for place, byte in enumerate(data) if chr(byte).isdigit()):
        path.write_bytes(data[:place] + (b"1" if data[place : place + 1] != b"1" else b"2") + data[place + 1 :])
        with pytest.raises(CorruptError, match="changed or damaged"):
            read_spent(path)


@pytest.mark.parametrize(
    "content", [{}, {"asked": {}, "used_s": "long"}, {"asked": {}, "more": 1}, {"asked": [], "found": {}}]
)
def test_a_sealed_file_of_something_else_is_corrupt(path, content):
    path.parent.mkdir()
    path.write_bytes(seal(content))
    with pytest.raises(CorruptError, match=r"is no state of a run .*Begin anew with --replace"):
        read_spent(path)


def test_what_is_not_finite_is_not_written(path):
    write_spent(path, SPENT)
    with pytest.raises(BadDataError, match="finite numbers only"):
        write_spent(path, Spent({}, used_s=float("nan")))
    assert read_spent(path) == SPENT


def test_a_writer_that_dies_before_the_replacement_leaves_the_old_state(path, monkeypatch):
    write_spent(path, SPENT)

    def die(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "replace", die)
    with pytest.raises(KeyboardInterrupt):
        write_spent(path, Spent({"seed": 3}))
    assert read_spent(path) == SPENT
    assert os.listdir(path.parent) == ["auto.budget.json"]


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(ResourceError, match="runs"):
        write_spent(budget_path(tmp_path / "runs", "auto"), SPENT)
