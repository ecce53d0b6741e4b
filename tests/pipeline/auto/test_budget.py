"""Seconds that are spent over several processes, and what is kept of them."""

import json
import multiprocessing

import pytest
from filelock import FileLock

from ensemble_kit.errors import CorruptError, InvalidOptionError, LockedError, ResourceError
from ensemble_kit.pipeline.auto import budget as module
from ensemble_kit.pipeline.auto.budget import alone, open_budget
from ensemble_kit.pipeline.entry.signals import Stopped
from ensemble_kit.storage.runs.auto_state import Spent, read_spent, write_spent

ASKED = {"seed": 3, "flip": None, "fingerprints": {"train": "abc"}}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is told to go on."""

    class Clock:
        now = 1000.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "auto.budget.json"


def opened(path, clock, seconds=60.0, asked=ASKED, replace=False):
    return open_budget(path, asked, seconds, clock.now, replace)


def test_seconds_add_up_over_processes(path, clock):
    first = opened(path, clock)
    clock.now += 7
    assert (first.used_s, first.left_s) == (7, 53)
    first.save()
    clock.now += 500  # between two calls: nobody's
    second = opened(path, clock)
    assert second.used_s == 7
    clock.now += 11
    second.save()
    second.save()
    assert read_spent(path).used_s == 18
    third = opened(path, clock, seconds=20)
    clock.now += 5
    assert (third.used_s, third.left_s) == (23, -3)


def test_what_was_spent_before_the_budget_was_opened_counts(path, clock):
    started = clock.now
    clock.now += 13
    assert open_budget(path, ASKED, 60, started, False).used_s == 13


def test_what_was_found_and_begun_is_there_again(path, clock):
    first = opened(path, clock)
    first.spent.found["near"] = True
    first.spent.begun["auto-cnn-0"] = {"done": False, "how": {"epochs": 3}}
    first.save()
    again = opened(path, clock).spent
    assert again == Spent(
        ASKED, {"replace": False, "near": True}, {"auto-cnn-0": {"done": False, "how": {"epochs": 3}}}, 0.0
    )


@pytest.mark.parametrize(
    ("raised", "caught", "message"),
    [
        (KeyboardInterrupt(), Stopped, "^Go on like this$"),
        (Stopped(15, "of training"), Stopped, "^Go on like this$"),
        (ResourceError("disk full"), ResourceError, "^disk full$"),
        (ZeroDivisionError("a bug"), ZeroDivisionError, "^a bug$"),
    ],
)
def test_the_block_is_saved_however_it_ends(path, clock, raised, caught, message):
    budget = opened(path, clock)

    @budget.kept("Go on like this")
    def block():
        budget.spent.found["near"] = True
        clock.now += 19
        raise raised

    with pytest.raises(caught, match=message) as stopped:
        block()
    assert read_spent(path).used_s == 19
    assert read_spent(path).found == {"replace": False, "near": True}
    if isinstance(raised, Stopped | KeyboardInterrupt):
        assert stopped.value.exit_code == (143 if isinstance(raised, Stopped) else 130)


def test_the_block_is_saved_when_it_returns_and_when_it_begins(path, clock):
    budget = opened(path, clock)
    with budget.kept("-"):
        assert read_spent(path) == Spent(ASKED, {"replace": False})
        clock.now += 3
    assert read_spent(path).used_s == 3


def test_a_folder_that_cannot_be_written_is_found_out_before_the_block(tmp_path, clock):
    (tmp_path / "runs").write_text("a file")
    budget = opened(tmp_path / "runs" / "auto.budget.json", clock)
    with pytest.raises(ResourceError, match="runs"), budget.kept("-"):
        pytest.fail("the block was entered")


def test_another_request_is_refused_with_what_differs_alone(path, clock):
    opened(path, clock).save()
    before = path.read_bytes()
    with pytest.raises(InvalidOptionError, match="was begun for something else") as refused:
        opened(path, clock, asked={**ASKED, "seed": 5, "flip": True})
    lines = str(refused.value).splitlines()
    assert lines[1:-1] == ["  seed: 3 there, 5 here", "  flip: None there, True here"]
    assert lines[-1] == "Choose another --name, or begin anew with --replace."
    assert path.read_bytes() == before


def test_replace_begins_anew_whatever_was_there(path, clock):
    write_spent(path, Spent({"seed": 99}, {"near": True}, {"old": {}}, 55.5))
    budget = opened(path, clock, replace=True)
    assert budget.spent == Spent(ASKED, {"replace": True})
    assert budget.left_s == 60
    path.write_text("damaged")
    assert opened(path, clock, replace=True).spent == Spent(ASKED, {"replace": True})
    budget.save()
    assert opened(path, clock).spent.found["replace"]  # still: members of the old one may stand


def test_a_tuple_that_json_gives_back_as_a_list_is_the_same_request(path, clock):
    opened(path, clock, asked={"views": ("a", "b")}).save()
    assert opened(path, clock, asked={"views": ("a", "b")}).spent.asked == json.loads('{"views": ["a", "b"]}')


def test_damage_is_an_error_that_says_how_to_go_on(path, clock):
    opened(path, clock).save()
    path.write_text(path.read_text().replace("3", "4", 1))
    with pytest.raises(CorruptError, match="begin anew with --replace"):
        opened(path, clock)


def _hold(folder, ready, leave):
    with alone(folder, "auto"):
        ready.set()
        leave.wait(20)


def test_two_processes_do_not_run_under_one_budget(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, leave = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "lock", ready, leave))
    other.start()
    try:
        assert ready.wait(20)
        with pytest.raises(LockedError, match="runs ek auto under the name 'mine'"), alone(tmp_path / "lock", "mine"):
            pytest.fail("both run")
    finally:
        leave.set()
        other.join(20)
    with alone(tmp_path / "lock", "mine"):
        pass


def test_a_lock_inside_the_block_keeps_its_own_message(tmp_path):
    with pytest.raises(LockedError, match="^of a member$"), alone(tmp_path / "lock", "auto"):
        raise LockedError("of a member")
    assert not FileLock(tmp_path / "lock" / ".lock").is_locked
