"""Everything that ek writes and reads back, which commands read it, and how a file can be damaged.

READS is the table: a kind of file, and each command that opens it. To add a kind: a line in PLACES,
something in `prepare` that makes it, a line in READS. A new command gets a line in TYPED.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

CPU = {"device": "cpu", "quiet": True}
PLACES = {
    "decoded images": ".ek/images/*.npy",
    "their note": ".ek/images/*.json",
    "features": ".ek/features/*.npy",
    "note of features": ".ek/features/*.json",
    "part of a look": ".ek/looks/*/*.part",
    "job of a look": ".ek/looks/*/job.json",
    "checkpoint": "runs/mlp/checkpoint-*.safetensors",
    "checkpoint, copied": "copy.safetensors",
    "config.yaml": "runs/mlp/config.yaml",
    "metrics.csv": "runs/mlp/metrics.csv",
    "unfinished.yaml": "runs/half/unfinished.yaml",
    "state of a run": "runs/half/state-*.pt",
    "budget of auto": "runs/auto.budget.json",
    "member.json": "predictions/mlp/member.json",
    "logits": "predictions/mlp/*.npy",
    "rows": "predictions/mlp/*.csv",
    "blend": "blends/small.json",
    "ledger of blends": "blends/ledger.jsonl",
    "curve of views": "reports/mlp-views.json",
    "submission": "submissions/small.csv",
    "its provenance": "submissions/small.json",
    "handed in": "submissions/handed-in/small.csv",
    "handed in, provenance": "submissions/handed-in/small.json",
    "ledger of submissions": "submissions/ledger.jsonl",
    "desk.yaml": "submissions/desk.yaml",
}
CACHES = {"decoded images", "their note", "features", "note of features", "part of a look"}
EDITABLE = {"config.yaml", "unfinished.yaml", "desk.yaml"}
BESIDE = {("blend", "submit"), ("ledger of blends", "submit")}
"""What is read for a remark beside the work: it goes on without the remark, and says so."""
TYPED = {
    "auto": "auto --data data --minutes 1 --no-pretrained --no-flip --quiet --device cpu",
    "blend": "blend mlp cnn --weights equal --name fresh --quiet",
    "compare": "compare mlp cnn --quiet",
    "export": "export small --size 16 --quiet",
    "find-lr": "find-lr --data data --arch mlp --steps 20 --quiet --device cpu",
    "find-lr --init": "find-lr --data data --arch mlp --steps 20 --init copy.safetensors --quiet --device cpu",
    "members": "members",
    "members --verify": "members --verify",
    "members rename": "members rename mlp renamed",
    "predict --blend": "predict small data/test --out answers.csv --quiet --device cpu",
    "predict --ckpt": "predict --ckpt runs/mlp data/test --out answers.csv --quiet --device cpu",
    "predict --ckpt FILE": "predict --ckpt copy.safetensors data/test --out answers.csv --quiet --device cpu",
    "probe": "probe --data data --arch cnn --init cnn.safetensors --name probed --quiet --device cpu",
    "probe --init": "probe --data data --arch mlp --init copy.safetensors --name probed --quiet --device cpu",
    "report": "report small --quiet",
    "score": "score submissions/small.csv --labels data/test-labels.csv",
    "show-augment": "show-augment --data data --rows 2 --copies 2",
    "soup": "soup mlp mlp-2 --name soup --quiet",
    "submissions": "submissions",
    "submissions score": "submissions score small 0.9",
    "submissions withdraw": "submissions withdraw small",
    "submit": "submit other --quota 4 --again --quiet",
    "submit --csv": "submit --csv submissions/small.csv --check --again --quiet",
    "train": "train --data data --arch mlp --epochs 1 --name again --quiet --device cpu",
    "train --config": "train --config runs/mlp/config.yaml --name again --quiet",
    "train --resume": "train --config runs/half/unfinished.yaml --resume --quiet",
    "train --init": "train --data data --arch mlp --epochs 1 --name again --init copy.safetensors --quiet --device cpu",
    "tta": "tta --ckpt runs/mlp --views rot90 --quiet --device cpu",
    "tta, going on": "tta --ckpt runs/cnn --views vflip --batch-size 4 --quiet --device cpu",
    "tta FILE": "tta --ckpt copy.safetensors --data data --views rot90 --predictions elsewhere --quiet --device cpu",
}
IMAGES = (
    "auto",
    "find-lr",
    "find-lr --init",
    "members --verify",
    "probe",
    "probe --init",
    "soup",
    "train",
    "train --config",
    "train --resume",
    "train --init",
    "tta",
    "tta FILE",
    "tta, going on",
)
MEMBERS = (
    "blend",
    "compare",
    "export",
    "members",
    "members --verify",
    "members rename",
    "predict --blend",
    "predict --ckpt",
    "predict --ckpt FILE",
    "report",
    "soup",
    "submit",
    "tta",
)
JUDGE = ("submissions", "submissions score", "submit", "submit --csv", "members --verify")
MAKERS = ("probe", "probe --init", "train", "train --config", "train --resume", "train --init", "tta, going on")
READS = {
    "decoded images": IMAGES,
    "their note": IMAGES,
    "features": ("probe", "members --verify"),
    "note of features": ("probe", "members --verify"),
    "part of a look": ("tta, going on", "members --verify"),
    "job of a look": ("tta, going on", "members --verify"),
    "checkpoint": ("export", "members --verify", "predict --blend", "predict --ckpt", "soup", "tta"),
    "checkpoint, copied": (
        "find-lr --init",
        "predict --ckpt FILE",
        "probe --init",
        "train --init",
        "tta FILE",
    ),
    "config.yaml": ("train --config", "members --verify", "tta"),
    "metrics.csv": ("report", "members --verify", "tta"),
    "unfinished.yaml": ("train --resume", "members --verify"),
    "state of a run": ("train --resume", "members --verify"),
    "budget of auto": ("auto", "members --verify"),
    "member.json": (*MEMBERS, *MAKERS),
    "logits": MEMBERS,
    "rows": MEMBERS,
    "blend": ("export", "members --verify", "predict --blend", "report", "submit"),
    "ledger of blends": ("blend", "compare", "report", "submit", "members --verify"),
    "curve of views": ("report", "tta", "tta FILE"),
    "submission": ("score", "submit --csv", "members --verify"),
    "its provenance": ("score", "submit --csv", "members --verify"),
    "handed in": JUDGE,
    "handed in, provenance": JUDGE,
    "ledger of submissions": (*JUDGE, "blend", "submissions withdraw"),
    "desk.yaml": (*JUDGE, "submissions withdraw"),
}
"""Which commands open which kind: not what we believe, what an audit hook saw (`test_damage`)."""


def prepare(folder):
    """Make a small working folder that holds every kind of file."""
    import ensemble_kit as ek
    from ensemble_kit.pipeline.entry.signals import Stopped
    from ensemble_kit.pipeline.runs.resume import Saver
    from ensemble_kit.storage.runs.auto_state import Spent, write_spent

    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    ek.demo_data("data", train=40, val=60, test=20, size=16, quiet=True)
    for name, arch in (("mlp", "mlp"), ("mlp-2", "mlp"), ("cnn", "cnn")):
        ek.train("data", arch, name=name, epochs=1, seed=len(name), **CPU)
    ek.tta("runs/mlp", views="flips", **CPU)
    for name, members in (("small", ["mlp", "cnn"]), ("other", ["mlp", "mlp-2"])):
        ek.blend(members=members, weights="equal", name=name, quiet=True)
    ek.submit("small", quiet=True)
    for name in ("mlp", "cnn"):
        copy = next(Path("runs", name).glob("checkpoint-*")).read_bytes()
        Path("copy.safetensors" if name == "mlp" else "cnn.safetensors").write_bytes(copy)
    ek.probe("data", "cnn", name="sighted", weights="cnn.safetensors", **CPU)
    ek.tta("runs/cnn", views="vflip", batch_size=4, shard=(1, 2), **CPU)
    write_spent(Path("runs/auto.budget.json"), Spent({"seed": 99}, {"near": True}, {"old": {}}, 55.5))
    genuine = Saver.pause

    def pause(saver, take):
        if saver.steps_done == 6:
            signal.raise_signal(signal.SIGTERM)
        genuine(saver, take)

    Saver.pause = pause
    try:
        ek.train("data", "mlp", name="half", epochs=2, batch_size=8, **CPU)
    except Stopped:
        return
    finally:
        Saver.pause = genuine
    raise AssertionError("the run was not stopped")


TIMED = re.compile(r"\s+\d+\.\d+$|.*\d s\b.*")  # milliseconds, the last column of some tables; how long what took


def flip(data, rng):
    """Turn one bit round."""
    place = rng.randrange(8 * len(data))
    changed = bytearray(data)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def flip_early(data, rng):
    """Turn one bit round among the first 64 bytes."""
    return flip(data[:64], rng) + data[64:]


def cut_one(data, rng):
    """Cut the last byte off."""
    return data[:-1]


def cut(data, rng):
    """Cut the file off somewhere."""
    return data[: rng.randrange(len(data))]


def empty(data, rng):
    """Leave nothing."""
    return b""


def append(data, rng):
    """Add some bytes at the end."""
    return data + rng.randbytes(rng.randrange(1, 64))


def swap(data, rng):
    """Let two blocks of the file change places."""
    size = max(1, min(64, len(data) // 3))
    first, second = sorted(rng.sample(range(len(data) - size), 2))
    second = max(second, first + size)
    if second + size > len(data):
        return data[size:] + data[:size]
    a, b = data[first : first + size], data[second : second + size]
    return data[:first] + b + data[first + size : second] + a + data[second + size :]


def zero(data, rng):
    """Let a block of the file be zeros, as after a crash."""
    size = max(1, min(512, len(data) // 3))
    first = rng.randrange(len(data) - size + 1)
    return data[:first] + bytes(size) + data[first + size :]


def cut_line(data, rng):
    """Cut the last line off, whole, where there are several."""
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:-1]) if len(lines) > 1 else cut_one(data, rng)


DAMAGES = (flip, flip_early, cut_one, cut, cut_line, empty, append, swap, zero)


def damaged(data, seed, damage=None):
    """Return the bytes as a damage drawn by the seed leaves them; never as they were."""
    rng = random.Random(seed)
    while True:
        changed = (damage or rng.choice(DAMAGES))(data, rng)
        if changed != data:
            return changed


class Outcome(NamedTuple):
    """How a command ended: exit code (1: a traceback), what it said, and what it made, by file and by line printed."""

    code: int
    said: str
    made: dict


def run(folder, name, traced=False):
    """Run a command in a folder, in a process of its own that is forked from this one.

    traced: what it opened is told as what it made.
    """
    with tempfile.TemporaryFile() as reply:
        child = os.fork()
        if child == 0:
            try:
                os.chdir(folder)
                reply.write(json.dumps(_in_child(name, traced)).encode())
                reply.flush()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        reply.seek(0)
        return Outcome(*json.loads(reply.read() or b'[1, "Traceback: the process died", {}]'))


def _in_child(name, traced):
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        sys.stdout, sys.stderr = out, err
        before, opened, running = _files(), set(), True
        if traced:
            sys.addaudithook(lambda event, args: event == "open" and running and opened.add(args[0]))
        code = _invoke(TYPED[name].split())
        running = False
        out.seek(0)
        err.seek(0)
        if traced:
            return code, err.read(), {os.path.realpath(os.fsdecode(one)): "" for one in opened if isinstance(one, str)}
        made = {path: digest for path, digest in _files().items() if before.get(path) != digest}
        said = (" ".join(TIMED.sub("", line).strip("─").split()) for line in out.read().splitlines())  # widths vary too
        made |= {f"line {number}": line for number, line in enumerate(said)}
        return code, err.read(), made


def _invoke(words):
    from ensemble_kit.cli import ek

    try:
        ek(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    return 1


def _files():
    """What a command can make that does not hold the time of day: sha256 by path."""
    kinds = re.compile(r"\.(npy|csv|html|onnx)$")
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path().rglob("*")
        if path.is_file() and kinds.search(path.name) and path.parts[0] not in ("data", ".ek")
    }


def opened_by(folder, name):
    """Return the kinds of files that a command opens and that were there before it, as an audit hook sees it."""
    kinds = {os.path.realpath(path): kind for kind, place in PLACES.items() for path in Path(folder).glob(place)}
    outcome = run(folder, name, traced=True)
    assert outcome.code in (0, 2), outcome.said
    return {kinds[path] for path in outcome.made if path in kinds}


def copy(template, folder):
    """Lay a copy of the template, which shares the bytes of its files until they are replaced."""
    shutil.copytree(template, folder, copy_function=os.link)


REFUSED, SAID, REMADE, SILENT, TRACEBACK = "refused in words", "said", "same bits", "silent other result", "traceback"
VERDICTS = (REFUSED, SAID, REMADE, SILENT, TRACEBACK)


def damage_and_run(template, folder, kind, name, seed, damage=None):
    """Return how a command ends in a copy of the template in which one file of a kind is damaged, and that file."""
    copy(template, folder)
    try:
        files = sorted(folder.glob(PLACES[kind]))
        path = files[seed % len(files)]
        whole = path.read_bytes()
        path.unlink()
        path.write_bytes(damaged(whole, seed, damage))
        return run(folder, name), path.relative_to(folder)
    finally:
        shutil.rmtree(folder)


def undamaged(template, folder, name):
    """Return how a command ends where nothing is damaged: what is the same twice."""
    ends = []
    for _ in range(2):
        copy(template, folder)
        ends.append(run(folder, name))
        shutil.rmtree(folder)
    first, second = ends
    return first._replace(made={place: one for place, one in first.made.items() if second.made.get(place) == one})


def verdict(outcome, whole, path):
    """Say what came of a damage to the file of that path; a word that names no file is silence."""
    known = set(whole.made.values())
    printed = [one for place, one in outcome.made.items() if place.startswith("line ") and one not in known]
    said = "\n".join([outcome.said, *printed])
    named = path.name in said or str(path.parent) in said or path.parent.name in said.split("'")
    if outcome.code == 1 or "Traceback" in outcome.said:
        return TRACEBACK
    if outcome.code != whole.code:
        return REFUSED if outcome.code in (2, 3, 4, 5, 6) and named else SILENT
    made = {place: outcome.made.get(place) for place in whole.made if place != str(path)}
    if all(whole.made[place] == one for place, one in made.items()):
        return REMADE
    return SAID if named else SILENT


def preload():
    """Import what commands import late, so that each forked process has it already."""
    import importlib
    import pkgutil

    import matplotlib.pyplot
    import torch._dynamo

    import ensemble_kit

    for module in pkgutil.walk_packages(ensemble_kit.__path__, "ensemble_kit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return torch._dynamo, matplotlib.pyplot
