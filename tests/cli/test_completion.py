"""What the TAB key offers, by the shells themselves, and by click where a shell is not here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import ensemble_kit
from ensemble_kit.cli import ek
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.weights.table import WEIGHTS
from ensemble_kit.training.recipes import RECIPES

BIN = Path(sys.executable).parent
TOY = ["--predictions", str(Path(ensemble_kit.__file__).parents[1] / "predictions" / "toy")]
TOYS = ["cnn", "cnn-augmented", "cnn-augmented-2", "mlp"]


def offered(*words):
    """What is offered for the last of the words."""
    found = ShellComplete(ek, {}, "ek", "_EK_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found if item.type == "plain"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("bl",), ["blend"]),
        (("members", ""), ["add", "rename", "rm"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("train", "--arch", "cn"), ["cnn", "cnn-deep"]),
        (("train", "--arch", "timm:tf_efficientnet_l"), [f"timm:tf_efficientnet_lite{i}" for i in range(3)]),
        (("train", "--recipe", ""), sorted(RECIPES)),
        (("train", "--show-recipe", "fine"), ["finetune", "finetune-far"]),
        (("train", "--optimizer", "adam"), ["adam", "adamw"]),
        (("blend", "--method", ""), sorted(METHODS)),
        (("blend", "--weights", ""), sorted(WEIGHTS)),
        (("tta", "--views", "flips,te"), ["flips,ten-crop"]),
        (("tta", "--views", "rot90,d"), ["rot90,d4"]),
        (("tta", "--device", "c"), ["cpu", "cuda"]),
        (("blend", *TOY, ""), TOYS),
        (("blend", *TOY, "cnn", "mlp", ""), ["cnn-augmented", "cnn-augmented-2"]),
        (("compare", *TOY, "m"), ["mlp"]),
        (("compare", *TOY, "mlp", "cnn-"), ["cnn-augmented", "cnn-augmented-2"]),
        (("members", "rm", *TOY, "ml"), ["mlp"]),
        (("members", *TOY, "rm", "ml"), ["mlp"]),
        (("members", "rename", *TOY, "mlp", ""), []),
        (("train", "--name", ""), []),
    ],
    ids=" ".join,
)
def test_tables_and_folders_are_offered(tmp_path, monkeypatch, words, wanted):
    monkeypatch.chdir(tmp_path)
    assert offered(*words) == wanted


def test_runs_and_blends_are_found_in_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("runs/cnn/config.yaml", "runs/half/metrics.csv", "blends/final.json", "other/best.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert offered("tta", "--ckpt", "") == ["runs/cnn"]
    assert offered("compare", "f") == offered("compare", "mlp", "") == ["final"]
    assert offered("compare", "--blends", "other", "") == ["best"]
    found = ShellComplete(ek, {}, "ek", "_EK_COMPLETE").get_completions(["tta", "--ckpt"], "net.on")
    assert [item.type for item in found] == ["file"]


def test_scores_are_told_of_what_was_handed_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, name in (("submissions", "best"), ("others", "worst")):
        Path(folder, "handed-in").mkdir(parents=True)
        Path(folder, "handed-in", f"{name}.csv").touch()
    assert offered("submissions", "told", "") == ["best"]
    assert offered("submissions", "--submissions", "others", "withdraw", "") == ["worst"]


@pytest.mark.parametrize("folder", ["predictions", "blends"])
def test_a_folder_that_is_not_there_or_is_a_file_offers_nothing(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    assert offered("compare", "") == []
    Path(folder).touch()
    assert offered("compare", "") == []


def test_a_name_that_would_break_a_line_is_not_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a\nb", "plain"):
        (tmp_path / "predictions" / name).mkdir(parents=True)
        (tmp_path / "predictions" / name / "member.json").touch()
    assert offered("blend", "") == ["plain"]


def shell(name, script, folder):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run([name, "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_bash_completes(tmp_path):
    script = (
        'eval "$(ek completion bash)"; '
        "complete -p ek; "
        "COMP_WORDS=(ek blend --method m); COMP_CWORD=3; _ek_completion ek; "
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    asked, *reply = shell("bash", script, tmp_path)
    assert asked.endswith("-F _ek_completion ek")
    assert reply == ["majority-vote"]


def test_fish_completes(tmp_path):
    lines = shell("fish", "ek completion fish | source; complete -C 'ek blend --method m'", tmp_path)
    assert [line.split("\t")[0] for line in lines] == ["majority-vote"]


def test_zsh_knows_the_function(tmp_path):
    script = 'autoload -Uz compinit; compinit -u; eval "$(ek completion zsh)"; print $_comps[ek]'
    assert shell("zsh", script, tmp_path) == ["_ek_completion"]


def test_completion_is_quick_because_it_loads_nothing_heavy(tmp_path):
    env = {**os.environ, "COMP_WORDS": "ek train --arch cn", "COMP_CWORD": "3", "_EK_COMPLETE": "bash_complete"}
    script = (
        "import sys, atexit\n"
        "atexit.register(lambda: sys.stderr.write(str({'torch', 'numpy', 'pandas', 'rich'} & set(sys.modules))))\n"
        "from ensemble_kit.cli import ek\n"
        "ek(prog_name='ek')"
    )
    used = []
    for _ in range(3):
        before = os.times()
        done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
        after = os.times()
        used.append(after.children_user + after.children_system - before.children_user - before.children_system)
        assert (done.stdout, done.stderr) == ("plain,cnn\nplain,cnn-deep\n", "set()")
    assert min(used) < 0.3, f"seconds of a processor: {used}"


def test_an_unknown_shell_is_refused():
    done = CliRunner().invoke(ek, ["completion", "tcsh"])
    assert (done.exit_code, "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.stderr) == (2, True)
