"""Every command with every kind of broken standard stream: nothing is lost, and no traceback is said."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli import forked
from cli.forked import CLOSED, FILE, FULL_DISK, FULL_PIPE, GONE, TERMINAL
from cli.test_output import words
from cli.working_folder import TAKES_MINUTES, TYPED
from screen import Screen

LONG = TAKES_MINUTES | {"blend", "demo-data", "doctor", "export", "find-lr", "probe", "report", "soup", "zoo"}
COMMANDS = [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in TYPED]
OK, UNSAID, BROKEN_PIPE = 0, 6, 141


CONDITIONS = {
    "stdin closed": ((CLOSED, FILE, FILE), OK),
    "stdout closed": ((FILE, CLOSED, FILE), UNSAID),
    "stderr closed": ((FILE, FILE, CLOSED), OK),
    "all closed": ((CLOSED, CLOSED, CLOSED), UNSAID),
    "stdout's reader gone": ((FILE, GONE, FILE), BROKEN_PIPE),
    "stdout on a full disk": ((FILE, FULL_DISK, FILE), UNSAID),
    "stderr on a full disk": ((FILE, FILE, FULL_DISK), OK),
    "stderr's reader gone": ((FILE, FILE, GONE), OK),
    "both on a full disk": ((FILE, FULL_DISK, FULL_DISK), UNSAID),
    "stdout a full pipe": ((FILE, FULL_PIPE, FILE), UNSAID),
    "stderr a full pipe": ((FILE, FILE, FULL_PIPE), OK),
}
WHY = {CLOSED: "it is closed", FULL_DISK: "No space left on device", FULL_PIPE: "nobody reads it"}


@pytest.fixture(scope="module")
def run():
    with forked.server() as one_run:
        yield one_run


@pytest.fixture(scope="module")
def undisturbed(run, prepared, tmp_path_factory):
    """What a command says and leaves on files as streams: its exit code, its words, its folder."""
    known = {}

    def of(name):
        if name not in known:
            folder = tmp_path_factory.mktemp("undisturbed") / "small"
            shutil.copytree(prepared, folder)
            known[name] = (*run(folder, words(name), [FILE, FILE, FILE]), left(folder))
        return known[name]

    return of


def left(folder):
    """What lies in a folder: arrays and tables byte for byte; what holds a time, or how long it took, by its name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            exact = path.suffix in (".npy", ".csv") and path.name != "metrics.csv"
            name = re.sub(r"[0-9a-f]{12,}", "*", str(path.relative_to(folder)))
            found.setdefault(name, []).append(path.read_bytes() if exact else b"")
    return found


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_stream_that_is_broken_costs_its_words_and_nothing_else(run, undisturbed, small, name, condition):
    code, out, err, files = undisturbed(name)
    streams, wanted = CONDITIONS[condition]
    assert (code, "Traceback" in err) == (0, False)
    there = run(Path.cwd(), words(name), streams)
    assert there[0] == wanted, there
    assert "Traceback" not in there[2]
    assert "Exception ignored" not in there[2]
    if wanted == OK:
        assert digitless(there[1]) == digitless(out)
    if wanted == UNSAID and streams[2] == FILE:
        assert there[2].endswith(
            f"ResourceError: standard output cannot be written: {WHY[streams[1]]}. All else is done.\n"
        )
    assert left(Path.cwd()) == files, "the work is done, and no file has got what was to be printed"


def digitless(text):
    """A text without its durations."""
    return re.sub(r"[\d.,]+", "0", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminal_that_goes_away_ends_a_command_as_sigterm_does_or_lets_it_finish(run, small, name):
    code, *said = run(Path.cwd(), words(name), [TERMINAL] * 3)
    assert code in (129, -signal.SIGHUP, OK, UNSAID)
    assert said == ["", ""]
    assert not [path for path in Path.cwd().rglob("*") if ".tmp" in path.name]
    assert run(Path.cwd(), ["members", "--verify"], [FILE] * 3)[0] == OK


@pytest.mark.parametrize("name", COMMANDS)
def test_where_a_hangup_is_ignored_the_work_is_done_and_only_the_words_are_lost(run, undisturbed, small, name):
    code, *_ = run(Path.cwd(), words(name), [TERMINAL] * 3, ["SIGHUP"])
    assert code in (OK, UNSAID)
    assert left(Path.cwd()) == undisturbed(name)[3]


def test_help_and_errors_on_broken_streams(run, small):
    assert run(Path.cwd(), ["--help"], [FILE, CLOSED, FILE])[::2] == [
        UNSAID,
        "ResourceError: standard output cannot be written: it is closed. All else is done.\n",
    ]
    assert run(Path.cwd(), ["train", "--help"], [FILE, GONE, FILE])[0] == BROKEN_PIPE
    assert run(Path.cwd(), ["--help"], [FILE, GONE, FILE])[0] == BROKEN_PIPE
    for broken in (CLOSED, FULL_DISK, GONE, FULL_PIPE):
        assert run(Path.cwd(), ["--nonsense"], [FILE, FILE, broken]) == [2, "", ""]
        assert run(Path.cwd(), ["data", "check", "nowhere"], [FILE, FILE, broken]) == [3, "", ""]
    assert run(Path.cwd(), ["data", "check", "nowhere"], [CLOSED, CLOSED, FILE])[0] == 3


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_shell_that_closes_streams_gets_the_work_done(small, closed):
    typed = f'"{sys.executable}" -m ensemble_kit members rename mlp renamed {closed}'
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=False)
    assert done.returncode == (UNSAID if " >&-" in f" {closed}" else OK)
    assert "Traceback" not in done.stderr
    assert Path("predictions/renamed/member.json").exists()


def started(screen, *typed, ready):
    """Start `ek` on a terminal and wait until it shows something."""
    process = screen.start(sys.executable, "-m", "ensemble_kit", *typed)
    end = time.monotonic() + 120
    while not re.search(ready, "\n".join(screen.shown())):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.02)
    return process


LONG_TRAINING = ["train", "--data", "data", "--arch", "cnn", "--epochs", "4000", "--name", "long", "--device", "cpu"]


def test_training_whose_window_is_closed_saves_and_can_be_gone_on_with(small):
    screen = Screen(80)
    process = started(screen, *LONG_TRAINING, ready=r"epoch \d")
    screen.hang_up()
    assert process.wait(60) == 129
    assert list(Path("runs/long").glob("state-*.pt"))
    epochs = len(Path("runs/long/metrics.csv").read_text(encoding="utf-8").splitlines())
    screen = Screen(80)
    process = started(screen, *LONG_TRAINING, "--resume", ready=r"Going on with epoch (\d+)")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 129
    shown = "\n".join(screen.close())
    assert int(re.search(r"Going on with epoch (\d+)", shown)[1]) in (epochs, epochs + 1)
    assert re.search(r"Saved\. Go on:\n  ek train", shown)
    assert screen.is_clean


def test_under_nohup_training_outlives_its_terminal(small, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    screen = Screen(80)
    ignoring = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    with open("said", "w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "ensemble_kit", *LONG_TRAINING[:6], "40", *LONG_TRAINING[7:]],
            **{
                "stdin": screen.theirs,
                "stdout": said,
                "stderr": said,
                "preexec_fn": ignoring,
                "start_new_session": True,
            },
        )
    screen.hang_up()
    process.send_signal(signal.SIGHUP)
    assert process.wait(120) == OK
    assert "Member 'long'" in Path("said").read_text(encoding="utf-8")


def test_ctrl_c_leaves_no_bar_and_a_clean_terminal(small):
    screen = Screen(80)
    process = started(screen, *LONG_TRAINING, ready=r"long  epoch \d")
    os.write(screen.ours, b"\x03")
    assert process.wait(60) == 130
    shown = screen.close()
    assert screen.is_clean
    assert not [line for line in shown if line.startswith("long  epoch")]
    assert [line for line in shown if line.startswith("Stopped at step")]
