"""What dead processes left is cleared by the next command; a living one's, and a person's, never."""

import os
import signal
from pathlib import Path

import pytest

import ensemble_kit as ek
from ensemble_kit.disk.temporaries import temporary_name
from ensemble_kit.storage import leftovers
from ensemble_kit.storage.files.atomic import locked, replace_file, replace_files
from ensemble_kit.storage.leftovers import clear
from ensemble_kit.workspace import Workspace

PLACES = ("", "predictions", "runs", "runs/cnn", "blends", "submissions", "submissions/handed-in", "reports", "exports")
PLACES += (".ek/images", ".ek/features", ".ek/looks", "elsewhere")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dead_name():
    """Return the name of a temporary file of a process that ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, temporary_name().encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reading, 200).decode()


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_temporary_files_of_the_dead_go_from_everywhere_and_all_else_stays(folder):
    dead, living, mine = dead_name(), temporary_name(), ".tmp-mine"
    for place in PLACES:
        Path(place).mkdir(parents=True, exist_ok=True)
        for name in (dead, living, mine, "notes.txt"):
            Path(place, name).write_bytes(b"x")
    clear(Workspace(), {"out": "elsewhere/answers.csv"})
    wanted = {Path(place, name).as_posix() for place in PLACES for name in (living, mine, "notes.txt")}
    assert set(files(folder)) - {"submissions/.lock"} == wanted


def killed_between_two_renames(folder):
    """Let a process die when it has put the first of two files in place that belong together."""
    child = os.fork()
    if child == 0:
        genuine, renamed = os.replace, []

        def replace(old, new):
            if renamed:
                os.kill(os.getpid(), signal.SIGKILL)
            renamed.append(new)
            genuine(old, new)

        os.replace = replace
        replace_files({folder / "a.json": [b"new"], folder / "a.csv": [b"new"]})
    os.waitpid(child, 0)


def test_what_a_half_done_change_still_needs_is_put_in_place_not_removed(folder):
    place = Path("submissions")
    for name in ("a.json", "a.csv"):
        replace_file(place / name, b"old")
    killed_between_two_renames(place)
    assert ((place / "a.json").read_bytes(), (place / "a.csv").read_bytes()) == (b"new", b"old")
    clear(Workspace(), {})
    assert files(folder) == ["submissions/a.csv", "submissions/a.json"]
    assert ((place / "a.json").read_bytes(), (place / "a.csv").read_bytes()) == (b"new", b"new")


def test_it_waits_while_somebody_else_writes_there(folder):
    place = Path("submissions")
    with locked(place):
        killed_between_two_renames(place)
        clear(Workspace(), {})
        assert sorted(name.rpartition("/")[2][:4] for name in files(folder)) == [".int", ".loc", ".tmp", "a.js"]
    clear(Workspace(), {})
    assert files(folder) == ["submissions/.lock", "submissions/a.csv", "submissions/a.json"]


def test_any_command_clears_even_one_that_only_reads(folder):
    Path("runs").mkdir()
    dead = Path("runs", dead_name())
    dead.write_bytes(b"x")
    ek.zoo()
    assert not dead.exists()


def test_folders_that_options_name_are_cleared(folder):
    for option in ("predictions", "runs", "blends", "submissions", "reports", "cache", "folder"):
        place = Path("my", option, *(["images"] if option == "cache" else []))
        place.mkdir(parents=True)
        path = place / dead_name()
        path.write_bytes(b"x")
        options = {option: str(Path("my", option))}
        clear(Workspace.of(options), options)
        assert not path.exists(), option


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove anything")
def test_what_cannot_be_removed_is_passed_over(folder):
    Path("blends").mkdir()
    Path("blends", dead_name()).write_bytes(b"x")
    Path("blends").chmod(0o500)
    clear(Workspace(), {})
    Path("blends").chmod(0o700)


def test_a_folder_that_refuses_is_passed_over(folder, monkeypatch):
    Path("blends").mkdir()
    Path("blends", dead_name()).write_bytes(b"x")
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "no")))
    clear(Workspace(), {})


def test_the_folder_of_a_run_that_holds_nothing_goes_unless_it_is_locked(folder):
    for name in ("empty", "held", "mine"):
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, ".lock").touch()
    Path("runs/mine/notes.txt").touch()
    with locked(Path("runs/held")):
        clear(Workspace(), {})
        assert sorted(path.name for path in Path("runs").iterdir()) == ["held", "mine"]
    clear(Workspace(), {})
    assert files(folder) == ["runs/mine/.lock", "runs/mine/notes.txt"]


def test_the_options_of_an_unfinished_run_go_where_there_is_nothing_to_go_on_from(folder):
    for name, state in (("none", None), ("some", "state-5-0123456789ab.pt")):
        Path("runs", name).mkdir(parents=True)
        for file in ("unfinished.yaml", "kept.txt", *([state] if state else [])):
            Path("runs", name, file).touch()
    clear(Workspace(), {})
    assert [name for name in files(folder) if not name.endswith(".lock")] == [
        "runs/none/kept.txt",
        "runs/some/kept.txt",
        "runs/some/state-5-0123456789ab.pt",
        "runs/some/unfinished.yaml",
    ]


@pytest.mark.parametrize("step", ["write", "replace", "remove", "rename"])
def test_data_that_no_manifest_names_goes_with_the_next_command_after_a_kill_in_a_write(step, folder, stored):
    from ensemble_kit.storage.members import commit as member_folder
    from ensemble_kit.storage.members import members

    root = Path("predictions")
    for name in ("cnn", "vit"):
        stored(root, name)
    before = files(folder)
    work = {
        "write": lambda: stored(root, "new"),
        "replace": lambda: stored(root, "cnn", seed=5, again=True),
        "remove": lambda: members.remove_member(root, "cnn"),
        "rename": lambda: members.rename_member(root, "cnn", "new"),
    }[step]
    child = os.fork()
    if child == 0:
        member_folder.sweep = lambda root: os.kill(os.getpid(), signal.SIGKILL)
        work()
        os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert files(folder) != before
    ek.zoo()
    after = files(folder)
    for name in members.list_members(root):
        named = members.read_manifest(root / name).file_names() | {"member.json"}
        assert {path.name for path in (root / name).iterdir()} == named
    assert {Path(name).parts[1] for name in after} - {".lock"} == set(members.list_members(root))
    assert (
        members.list_members(root)
        == {
            "write": ["cnn", "new", "vit"],
            "replace": ["cnn", "vit"],
            "remove": ["vit"],
            "rename": ["new", "vit"],
        }[step]
    )


def test_clearing_looks_into_few_folders_and_at_no_file_of_a_member(folder, monkeypatch):
    for number in range(100):
        Path("predictions", f"m{number}").mkdir(parents=True)
        Path("runs", f"m{number}").mkdir(parents=True)
        for place in ("predictions", "runs"):
            Path(place, f"m{number}", "member.json").touch()
    scandir, seen = os.scandir, []

    def counted(path):
        seen.append(os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(leftovers.os, "scandir", counted)
    clear(Workspace(), {})
    assert len(seen) <= 100 + 24
    assert not [place for place in seen if place.startswith("predictions/")]
