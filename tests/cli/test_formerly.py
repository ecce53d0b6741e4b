"""Options that were renamed work for one release by their former names, unseen, and say the new ones."""

import pytest
from click.testing import CliRunner

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.cli.options import Renaming
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.formerly import FORMERLY


def typed(*words):
    return CliRunner().invoke(command, list(words))


@pytest.mark.parametrize("name", ["train", "probe", "find-lr"])
def test_weights_of_a_network_are_init_now(name, tmp_path):
    by_old, by_new = (typed(name, option, str(tmp_path / "no.pth")) for option in ("--weights", "--init"))
    assert "--weights is called --init now; the old name works until the next release." in by_old.stderr
    assert by_old.exit_code == by_new.exit_code == 2
    assert by_old.stderr.splitlines()[-1] == by_new.stderr.splitlines()[-1]
    assert "--weights" not in typed(name, "--help").stdout


def test_a_value_may_be_joined_to_the_former_name(tmp_path):
    done = typed("predict", str(tmp_path), "--cascade=often")
    assert "--cascade is called --early-exit now" in done.stderr
    assert "Invalid value for '--early-exit': 'often' is not a valid float" in done.stderr


def test_what_was_switched_off_by_a_former_name_is_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = typed("report", "--no-pictures"), typed("report", "--no-thumbnails")
    assert "--no-pictures is called --no-thumbnails now; the old name works until the next release." in old.stderr
    assert old.stderr.splitlines()[-1] == new.stderr.splitlines()[-1]
    assert "pictures" not in typed("report", "--help").stdout


@pytest.mark.parametrize("name", ["export", "submit"])
def test_a_blend_that_is_named_by_an_option_is_taken_by_place(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_option, joined, by_place = typed(name, "--blend", "final"), typed(name, "--blend=final"), typed(name, "final")
    assert "--blend NAME is written without --blend now" in by_option.stderr
    last = {done.stderr.splitlines()[-1] for done in (by_option, joined, by_place)}
    assert len(last) == 1
    assert "blends/final.json" in last.pop()


def test_scores_that_were_told_are_entered_by_score(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = typed("submissions", "told", "best", "0.9"), typed("submissions", "score", "best", "0.9")
    assert "told is called score now" in old.stderr
    assert old.stderr.splitlines()[-1] == new.stderr.splitlines()[-1]
    assert "told" not in typed("submissions", "--help").stdout


def test_a_function_takes_the_former_name_and_says_the_new_one(tmp_path, capsys):
    with pytest.raises(InvalidOptionError, match="--init FILE"):
        ek.probe(tmp_path, weights=None)
    assert "weights= is called init= now" in capsys.readouterr().err


@pytest.mark.parametrize("function", FORMERLY)
def test_every_command_whose_options_were_renamed_takes_the_former_names(function):
    assert isinstance(command.commands[function.replace("_", "-")], Renaming)


def test_every_new_name_is_an_option_of_its_function():
    from inspect import signature

    for function, names in FORMERLY.items():
        assert set(names.values()) <= set(signature(getattr(ek, function)).parameters)
        assert not set(names) & set(signature(getattr(ek, function)).parameters)
