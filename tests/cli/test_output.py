"""What every command prints, where, and in which letters: on a pipe, on an ASCII terminal, when it fails."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli.working_folder import CLASS, TAKES_MINUTES, TYPED
from click.testing import CliRunner
from screen import Screen

import ensemble_kit
from ensemble_kit import results
from ensemble_kit.cli import ek, options
from ensemble_kit.reporting.terminal.plain import use_stand_ins

C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TOY = Path(ensemble_kit.__file__).parents[1] / "predictions" / "toy"
NO_RESULT = {"completion"}  # a script for a shell


def leaves(group=ek, path=()):
    for name, command in group.commands.items():
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))


COMMANDS = dict(leaves())
QUICK = [
    pytest.param(name, marks=[pytest.mark.slow] if name in TAKES_MINUTES else []) for name in TYPED if name in COMMANDS
]
PRINTS = [case for case in QUICK if case.values[0] not in NO_RESULT]


def words(name, *more):
    command = COMMANDS[name]
    takes = {option for param in command.params for option in param.opts}
    device = ["--device", "cpu"] if "--device" in takes else []
    return [*name.split(), *shlex.split(TYPED[name]), *device, *(option for option in more if option in takes)]


def run(*typed, charset="utf-8", **env):
    return CliRunner(charset=charset).invoke(ek, [str(word) for word in typed], env=env)


def process(*typed, env=None, **how):
    """Run `ek` as a process of its own."""
    command = [sys.executable, "-m", "ensemble_kit", *map(str, typed)]
    return subprocess.run(command, env={**os.environ, **(env or {})}, check=False, **how)


def test_every_command_is_typed_here():
    assert set(TYPED) == set(COMMANDS), "a new command wants a line in TYPED of tests/cli/working_folder.py"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NO_RESULT])
def test_every_command_with_a_result_offers_json(name):
    assert "--json" in {option for param in COMMANDS[name].params for option in param.opts}


@pytest.mark.parametrize("name", PRINTS)
def test_a_command_prints_one_json_object_or_text_for_any_terminal_and_nothing_else(small, monkeypatch, capfd, name):
    known = name.replace(" ", "_").replace("-", "_")
    function, show, reports, shown = getattr(ensemble_kit, known), options.show, [], []
    monkeypatch.setattr(ensemble_kit, known, lambda **given: reports.append(function(**given)) or reports[-1], False)
    monkeypatch.setattr(options, "show", lambda *given: shown.append(given) or show(*given))
    done = run(*words(name, "--json", "--quiet"))
    assert done.exit_code == 0, done.stderr or done.exception
    assert done.stderr == ""
    assert isinstance(json.loads(done.stdout), dict)
    assert json.loads(done.stdout) == json.loads(results.as_json(reports[0]))
    assert capfd.readouterr() == ("", ""), "a library spoke past Python"
    report, text, _ = shown[0]
    for columns in (40, 80, 200):
        page = printed_for_ascii(lambda: show(report, text, False), columns)
        assert page.strip()
        assert page.isascii()
        assert "\x1b" not in page
        assert not [line for line in page.splitlines() if len(line) > columns and not is_to_copy(line)]


def printed_for_ascii(show, columns):
    """Return what is printed on an ASCII terminal of such a width."""
    with CliRunner(charset="ascii").isolation(env={"COLUMNS": str(columns), "FORCE_COLOR": "1"}) as (out, *_):
        use_stand_ins(sys.stdout)
        show()
        sys.stdout.flush()
        return out.getvalue().decode("ascii")


def is_to_copy(line):
    """Whether a line holds a path, a command or the shape of an array: these are never broken."""
    return len(line.split()) <= 2 or bool(re.search(r"/|\b(ek|cd) |^(\w+: |plot +)\S+$|\(images", line))


@pytest.mark.parametrize("name", QUICK)
def test_a_command_that_fails_prints_nothing_but_a_message_on_standard_error(tmp_path, monkeypatch, name):
    if name in TAKES_MINUTES | {"demo-data"}:
        pytest.skip("works in an empty folder")
    monkeypatch.chdir(tmp_path)
    done = run(*words(name, "--json", "--quiet"))
    assert "Traceback" not in done.stderr
    if done.exit_code == 0:
        assert done.stderr == ""
        assert name in {"members", "zoo", "doctor", "completion", "submissions"}
    else:
        assert done.exit_code in range(2, 8)
        assert done.stdout == ""
        assert re.match(r"\w+Error: |Usage: ", done.stderr)


def test_json_stays_json_where_the_terminal_knows_no_umlaut(small):
    done = run("data", "check", "data", "--json", charset="ascii")
    assert done.stdout.isascii()
    assert CLASS in json.loads(done.stdout)["classes"]


@pytest.mark.parametrize(
    ("env", "shown"),
    [
        ({"PYTHONIOENCODING": "utf-8"}, CLASS),
        ({"PYTHONIOENCODING": "cp1252"}, r"Zoë \u65e5\u672c"),
        ({"PYTHONIOENCODING": "ascii"}, r"Zo\xeb \u65e5\u672c"),
    ],
)
def test_a_name_beyond_the_encoding_is_escaped_and_lines_are_drawn_with_what_there_is(small, env, shown):
    done = process("data", "check", "data", env=env, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(env["PYTHONIOENCODING"])
    assert shown in text
    assert ("─────" in text) == ("utf-8" in env.values())
    assert ("-----" in text) != ("utf-8" in env.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_every_command_runs_by_itself_and_leaks_no_warning(small, name):
    done = process(*words(name, "--quiet"), env={"PYTHONIOENCODING": "ascii"}, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_in_a_c_locale_members_are_read_as_ever(small):
    done = process("members", "--verify", "--json", env=C_LOCALE, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(json.loads(done.stdout)["members"]) == 3


def test_in_a_c_locale_a_folder_that_cannot_be_named_is_refused_with_the_remedy(small):
    done = process("data", "check", "data", env=C_LOCALE, capture_output=True)
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"Python reads names as ascii here: set PYTHONUTF8=1." in done.stderr


@pytest.mark.parametrize("more", [(), ("--json",)], ids=str)
def test_a_reader_that_goes_away_ends_a_command_silently(small, more):
    typed = shlex.join([sys.executable, "-m", "ensemble_kit", "members", "--predictions", str(TOY), *more])
    script = f"{{ {typed}; echo $? > code; }} | (exec <&-; sleep 0.1)"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")
    assert Path("code").read_text(encoding="utf-8") == "141\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="of Linux")
@pytest.mark.parametrize("typed", [("members", "--predictions", TOY), ("--help",)])
def test_a_full_standard_output_is_one_message_and_exit_6(typed):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = process(*typed, stdout=full, stderr=subprocess.PIPE, text=True)
    why = "No space left on device. All else is done.\n"
    assert done.stderr == f"ResourceError: standard output cannot be written: {why}"
    assert done.returncode == 6


def test_a_terminal_breaks_no_word_of_an_error(tmp_path):
    screen = Screen(40)
    assert screen.ek("tta", "--ckpt", "runs/none", cwd=tmp_path) == 2
    assert screen.close() == [
        "InvalidOptionError: There is no run or",
        "checkpoint runs/none. Train one: ek",
        "train --data DIR.",
    ]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        (("membrs",), "did you mean 'members'?"),
        (("members", "renam"), "did you mean 'rename'?"),
        (("blend", "--metod", "logit-sum"), "'--method'"),
        (("hlep",), "Try 'ek --help' for help."),
    ],
)
def test_a_slip_of_the_keys_is_guessed(typed, hint):
    done = run(*typed)
    assert (done.exit_code, done.stdout) == (2, "")
    assert hint in done.stderr


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_h_is_help_everywhere(name):
    assert run(*name.split(), "-h").stdout == run(*name.split(), "--help").stdout != ""


def test_ek_alone_shows_what_there_is():
    done = run()
    assert "Submissions:" in done.output
    assert all(f"  {name.split()[0]} " in done.output for name in COMMANDS)


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert run("--version").stdout == f"ek, version {version('ensemble_kit')}\n"
