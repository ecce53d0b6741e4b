"""What may not be read, listed or written ends in a sentence: what it is, whose it is, what helps.

Tests that run as root do so as another user, who may not read what root may.
"""

import os
import traceback

import pytest
from cli.working_folder import TAKES_MINUTES, TYPED
from click.testing import CliRunner
from strangers import STRANGER, as_a_stranger, handed_to_a_stranger

from ensemble_kit.cli import ek

FILES = {
    "member": "predictions/cnn/member.json",
    "logits on val": "predictions/cnn/val-*.npy",
    "rows of val": "predictions/cnn/val-*.csv",
    "logits on test": "predictions/cnn/test-*.npy",
    "rows of test": "predictions/cnn/test-*.csv",
    "lock of the members": "predictions/.lock",
    "checkpoint": "runs/cnn/checkpoint-*",
    "config": "runs/cnn/config.yaml",
    "metrics": "runs/cnn/metrics.csv",
    "blend": "blends/small.json",
    "ledger of blends": "blends/ledger.jsonl",
    "submission": "submissions/small.csv",
    "provenance": "submissions/small.json",
    "ledger of submissions": "submissions/ledger.jsonl",
    "rules": "submissions/desk.yaml",
    "handed in": "submissions/handed-in/small.csv",
    "scores brought": "brought.csv",
    "labels": "data/test-labels.csv",
    "image": "data/val/*/*.png",
    "decoded images": ".ek/images/*.npy",
    "marker": ".ek/verified/*",
}
FOLDERS = (
    *("predictions", "predictions/cnn", "runs", "runs/cnn", "blends", "submissions", "submissions/handed-in"),
    *("data", "data/val", "data/test", ".ek", ".ek/images", ".ek/verified"),
)
DENIALS = {"closed": 0, "unlistable": 0o333, "unwritable": 0o555}
READS = {
    "blend": ("member", "logits on val", "rows of val", "logits on test", "ledger of blends", "ledger of submissions"),
    "compare cnn mlp": ("member", "logits on val", "ledger of blends"),
    "members --verify": ("member", "logits on test", "checkpoint", "config", "blend", "submission", "handed in"),
    "members add brought --kind probabilities --val brought.csv": ("scores brought", "logits on val"),
    "members rename cnn renamed": ("member", "logits on val"),
    "predict --ckpt runs/cnn data/test": ("checkpoint", "member"),
    "predict small data/test": ("blend", "logits on val", "checkpoint"),
    "report small": ("blend", "member", "logits on val", "logits on test"),
    "score submissions/small.csv --labels data/test-labels.csv": ("submission", "labels"),
    "soup mlp cnn --name soup": ("member", "checkpoint"),
    "submissions": ("ledger of submissions", "rules"),
    "submit other --quota 3 --again": ("member", "logits on test", "ledger of submissions", "rules"),
    "tta --ckpt runs/cnn --views flips": ("checkpoint", "member", "logits on val", "lock of the members"),
}
COMMANDS = {name: typed for name, typed in TYPED.items() if name not in {*TAKES_MINUTES, "completion", "zoo"}}


def import_what_it_needs(line, prepared):
    """Read what a command imports as ourselves: a stranger may not see where Python lies."""
    with handed_to_a_stranger(prepared):
        assert isinstance(CliRunner().invoke(ek, line.split()).exception, SystemExit | None)


@pytest.fixture(scope="module")
def imported(prepared):
    for line in READS:
        import_what_it_needs(line, prepared)


@pytest.fixture
def strange(prepared, imported):
    """A copy of the small working folder that belongs to the stranger; it is the current folder."""
    with handed_to_a_stranger(prepared) as folder:
        yield folder


def typed_by_a_stranger(line):
    with as_a_stranger():
        done = CliRunner().invoke(ek, line.split())
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        traceback.print_exception(done.exception)
        pytest.fail(f"ek {line} ended in {done.exception!r}")
    return done


@pytest.mark.parametrize(("line", "what"), [(line, what) for line, files in READS.items() for what in files])
def test_a_file_that_may_not_be_read_is_named_with_its_owner_and_the_remedy(line, what, strange):
    path = next(strange.glob(FILES[what]))
    path.chmod(0)
    done = typed_by_a_stranger(line)
    assert done.exit_code == 6, done.stderr
    told = " ".join(done.stderr.split())
    named = path.relative_to(strange).as_posix()
    assert f"{named}: it belongs to {STRANGER} (mode 0000) and you are {STRANGER}." in told
    assert "chmod u+r" in told
    assert told.endswith(named)


def test_a_file_of_another_user_is_named_as_such(strange):
    if STRANGER != "nobody":
        pytest.skip("only root can give files away")
    path = strange / "blends/small.json"
    os.chown(path, 0, 0)
    path.chmod(0o600)
    done = typed_by_a_stranger("report small")
    assert done.exit_code == 6
    assert "Cannot read blends/small.json: it belongs to root (mode 0600) and you are nobody." in done.stderr
    assert "Ask its owner: chmod o+r blends/small.json" in done.stderr


def test_a_folder_that_may_not_be_entered_is_the_one_that_is_named(strange):
    (strange / "predictions/cnn").chmod(0)
    for line in ("members", "compare cnn mlp", "blend"):
        done = typed_by_a_stranger(line)
        assert done.exit_code == 6
        assert f"predictions/cnn belongs to {STRANGER} (mode 0000)" in done.stderr, done.stderr
        assert "chmod u+rx predictions/cnn" in done.stderr
    assert typed_by_a_stranger("compare mlp mlp-2").exit_code == 0  # who does not need it is not stopped by it


@pytest.mark.parametrize("folder", ["blends", "predictions", "submissions"])
def test_a_folder_that_may_not_be_listed_is_no_empty_folder(folder, strange):
    (strange / folder).chmod(0o333)
    done = typed_by_a_stranger("members --verify")
    assert done.exit_code == 6
    assert f"Cannot read {folder}: it belongs to {STRANGER} (mode 0333)" in done.stderr


@pytest.mark.parametrize("denial", DENIALS.values(), ids=DENIALS)
@pytest.mark.parametrize("cache", [".ek", ".ek/images", ".ek/verified"])
@pytest.mark.parametrize("line", ["tta --ckpt runs/cnn --views flips", "compare cnn mlp"])
def test_a_cache_that_may_not_be_used_is_passed_over(line, cache, denial, strange):
    (strange / cache).chmod(denial)
    done = typed_by_a_stranger(line)
    assert done.exit_code == 0, done.stderr
    assert "The cache '.ek' cannot be used from here: a temporary one stands in for it." in " ".join(
        done.stderr.split()
    )


@pytest.mark.parametrize(
    "line", ["compare cnn mlp", "members", "score submissions/small.csv --labels data/test-labels.csv"]
)
def test_what_only_reads_works_in_a_folder_that_cannot_be_written(line, strange):
    for path in (*strange.rglob("*"), strange):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = typed_by_a_stranger(line)
    assert done.exit_code == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_meets_a_traceback_whatever_may_not_be_used(command, prepared):
    """All cells: every command, every file unreadable, every folder closed, unlistable, unwritable."""
    line = f"{command} {COMMANDS[command]}"
    import_what_it_needs(line, prepared)
    cells = [(pattern, "unreadable", 0) for pattern in FILES.values()]
    cells += [(folder, how, mode) for folder in FOLDERS for how, mode in DENIALS.items()]
    bad = []
    for pattern, how, mode in cells:
        with handed_to_a_stranger(prepared) as folder:
            path = next(folder.glob(pattern), None)
            if path is None:
                continue
            path.chmod(mode)
            with as_a_stranger():
                done = CliRunner().invoke(ek, line.split())
            if done.exit_code not in (0, 3, 6) or not isinstance(done.exception, SystemExit | None):
                bad.append(f"{pattern} {how}: exit {done.exit_code}, {done.exception!r} {done.stderr[-300:]}")
    assert not bad, "\n".join(bad)
