"""What a person types, sees and gets back as an exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from ensemble_kit.cli import ek


def typed(*words):
    return CliRunner().invoke(ek, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("blend", "--method", "logit"), 2, "No method is named 'logit'; did you mean 'logit-sum'?"),
        (("blend", "vit"), 2, "No member is named 'vit'"),
        (("blend", "predictions/cnnn"), 2, "No member is named 'cnnn'; did you mean 'cnn'?"),
        (("trian",), 2, "No such command 'trian'; did you mean 'train'?"),
        (("fit",), 2, "No such command 'fit'; did you mean 'train'?"),
        (("members", "remove", "cnn"), 2, "No such command 'remove'; did you mean 'rm'?"),
        (("train", "--learning-rate", "1"), 2, "No such option '--learning-rate'; did you mean '--lr'?"),
        (("train", "--model", "cnn"), 2, "No such option '--model'; did you mean '--arch'?"),
        (("train", "--n-folds", "5"), 2, "No such option '--n-folds'; did you mean '--folds'?"),
        (("predict", "--output", "x"), 2, "No such option '--output'; did you mean '--out'?"),
        (("train", "--frobnicate", "1"), 2, "No such option '--frobnicate'."),
        (("train", "--data", "data", "--init", "nofile.pth"), 2, "There is no file of weights at 'nofile.pth'."),
        (
            ("train", "--data", "data", "--init", "runs/cnn"),
            2,
            "There is a checkpoint in it: --init runs/cnn/checkpoint-",
        ),
        (
            ("train", "--data", "data", "--init", "runs/cnn/config.yaml"),
            2,
            "'runs/cnn/config.yaml' cannot be read as w",
        ),
        (("train", "--data", "dat", "--arch", "cnn"), 3, "got 'dat', which is no folder; did you mean 'data'?"),
        (("train", "--column", "id=a", "--column", "id=b"), 2, "id is given twice: 'a' and 'b'"),
        (("tta", "--ckpt", "cn"), 2, "no run or checkpoint cn; did you mean 'runs/cnn'?"),
        (("tta", "--ckpt", "runs/cnn", "--views", "flip"), 2, "did you mean 'flips' or 'hflip'? Known"),
        (("members", "rename", "../predictions/cnn", "x"), 2, "got '../predictions/cnn'"),
        (("members", "rm", "../predictions/cnn"), 2, "got '../predictions/cnn'"),
        (("members", "rename", "cnn", "a\x1b[31m"), 2, r"characters that can be printed, got 'a\x1b[31m'"),
        (("blend", "--name", ""), 2, "Wanted a name of 1 to 200 bytes"),
        (("soup", "../predictions/cnn", "mlp", "--name", "s"), 2, "got '../predictions/cnn'"),
        (("train", "--data", "data", "--arch", "cnm"), 2, "No architecture is named 'cnm'; did you mean 'cnn'?"),
        (("train", "--data", "data", "--arch", "cnn", "--lr", "11"), 2, "--lr is 11.0; wanted a number above 0"),
        (("train", "--data", "data", "--arch", "cnn", "--epochs", "0"), 2, "--epochs is 0; wanted a whole number"),
        (("train", "--data", "data", "--arch", "cnn", "--optimizer", "adm"), 2, "did you mean 'adam"),
        (("train", "--data", "data", "--arch", "cnn", "--recipe", "srong"), 2, "did you mean 'strong'"),
        (("train", "--data", "data", "--arch", "cnn", "--size", "4"), 2, "--size is 4; wanted a whole number from 8"),
        (("train", "--data", "data", "--arch", "cnn", "--arch-option", "width"), 2, "wanted NAME=VALUE, got 'width'"),
        (("train", "--data", "data", "--arch", "cnn", "--arch-option", "wdth=3"), 2, "did you mean 'width'"),
        (("train", "--data", "nowhere", "--arch", "cnn"), 3, "Wanted a data folder, got 'nowhere'"),
        (("tta", "--ckpt", "runs/nothing"), 2, "runs/nothing"),
        (("tta", "--ckpt", "runs/cnn", "--views", "flps"), 2, "did you mean 'flips'"),
        (("tta", "--ckpt", "runs/cnn", "--choose", "best"), 2, "No way to choose views is named 'best'"),
        (("members", "rm", "vit"), 2, "No member 'vit'"),
        (("members", "rename", "cnn", "mlp"), 2, "already has a member 'mlp'"),
        (("members", "--predictions", "nowhere"), 2, "'nowhere', which is none"),
        (("members", "add", "x", "--kind", "logits", "--val", "nothing.csv"), 3, "nothing.csv"),
        (("blend", "--sample", "nothing.csv"), 3, "nothing.csv"),
        (("zoo", "--classes", "1"), 2, "--classes is 1; wanted 2 or more"),
        (("predict", "nosuch", "new"), 2, "'nosuch' is no blend in 'blends' and no path"),
    ],
)
def test_a_mistake_gets_one_clear_line_and_its_exit_code(road, words, code, message):
    done = typed(*words)
    assert message in done.stderr
    assert done.exit_code == code
    assert "Traceback" not in done.output


def test_a_damaged_member_is_exit_5_and_a_disagreement_exit_4(road):
    path = next(Path("predictions/cnn").glob("val-*.npy"))
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    done = typed("blend", "--verify")
    assert (done.exit_code, path.name in done.stderr) == (5, True)
    Path("sample.csv").write_text("image_id,label\n9999.png,x\n")
    done = typed("blend", "mlp", "--sample", "sample.csv")
    assert done.exit_code == 4
    assert "9999.png" in done.stderr


def test_the_whole_road_reads_well_at_80_columns(road, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for words, lines in (
        (("members",), ["member", "95 % interval", "on 60 val images"]),
        (("members", "--verify"), ["verified: "]),
        (("tta", "--ckpt", "runs/cnn"), ["identity", "honest (cross-fitted)", "optimistic", "Next: ek blend"]),
        (("blend",), ["best single: ", "equal weights", "this blend: logit-sum, auto", "optimistic", "submission"]),
        (("blend", "--weights", "cnn=1,mlp=2", "--method", "majority-vote"), ["this blend: majority-vote"]),
        (("zoo",), ["cnn-deep", "resnet50", "--arch-option"]),
        (("train", "--show-recipe", "assignment"), ["epochs: 20", "lr: 0.0002", "optimizer: adam"]),
    ):
        done = typed(*words)
        assert done.exit_code == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80, words
        for line in lines:
            assert line in done.stdout


@pytest.mark.parametrize("words", [("members",), ("blend",), ("tta", "--ckpt", "runs/cnn"), ("zoo",)])
def test_json_is_one_object_on_standard_output(road, words):
    said = json.loads(typed(*words, "--json").stdout)
    if words == ("blend",):
        assert {
            "members",
            "weights",
            "temperatures",
            "method",
            "tuned_val_accuracy",
            "honest_accuracy",
            "honest_interval",
            "optimism",
            "p_vs_equal",
            "p_vs_best_single",
            "ledger_trials",
            "certificate",
            "seconds",
            "equal_honest_accuracy",
            "best_single",
            "blend_path",
            "submission_path",
        } <= set(said)


@pytest.mark.parametrize("words", [(), ("data",)])
def test_a_group_alone_prints_its_help_line_by_line(words):
    alone, helped = CliRunner().invoke(ek, [*words]), CliRunner().invoke(ek, [*words, "--help"])
    assert alone.exit_code == 2
    assert alone.output == helped.output
    assert "\\n" not in alone.output


def test_recipes_can_be_shown_and_overridden(road):
    shown = typed("train", "--show-recipe", "strong").stdout
    assert "augment: strong" in shown
    done = typed(
        "train", "--data", "data", "--arch", "mlp", "--epochs", 1, "--weight-decay", "1e-3", "--flip", "--quiet"
    )
    assert done.exit_code == 0, done.stderr
    said = json.loads(Path("predictions/mlp-2/member.json").read_text())["training"]["hyperparameters"]
    assert (said["epochs"], said["weight_decay"], said["flip"], said["lr"]) == (1, 1e-3, True, 2e-3)
    config = Path("runs/mlp-2/config.yaml").read_text()
    assert "weight_decay: 0.001" in config
    assert len(Path("runs/mlp-2/metrics.csv").read_text().splitlines()) == 2


def test_progress_is_plain_lines_on_standard_error(road):
    done = typed("train", "--data", "data", "--arch", "mlp", "--epochs", 2)
    assert "epoch 2/2  loss " in done.stderr
    assert "images/s" in done.stderr
    assert "epoch" not in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
def test_ctrl_c_leaves_nothing_half_written_and_exits_130(road):
    words = ["train", "--data", "data", "--arch", "mlp", "--name", "long", "--epochs", "10000"]
    child = subprocess.Popen(
        [sys.executable, "-m", "ensemble_kit", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
    )
    metrics = Path("runs/long/metrics.csv")
    deadline = time.monotonic() + 120
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "Stopped at step" in said
    assert not Path("predictions/long").exists()
    assert typed("members", "--verify").exit_code == 0
