"""The working folder in which faults happen, each command that writes there, and what of its files is compared.

The folder is small: drawn images of 16 px, three members, a blend that was handed in, another that was not.
"""

import contextlib
import hashlib
import io
import json
import os
import re
from pathlib import Path

QUIET = {"quiet": True}
CPU = {**QUIET, "device": "cpu"}
PLACES = (Path("predictions"), Path("runs"), Path("blends"), Path("submissions"))


def prepare(ek):
    """Make the working folder; it is the current one."""
    ek.demo_data("data", train=40, val=20, test=20, size=16, **QUIET)
    for name in ("mlp", "kin", "spare"):
        ek.train("data", "mlp", name=name, epochs=1, seed=len(name), **CPU)
    for name, members in (("small", ["mlp", "kin"]), ("other", ["kin", "mlp"])):
        ek.blend(members=members, weights="equal" if name == "other" else "auto", name=name, **QUIET)
    ek.submit("small", **QUIET)
    ek.predict(["data/test"], blend="small", out="mine.csv", **CPU)
    Path("weights.safetensors").write_bytes(next(Path("runs/mlp").glob("checkpoint-*")).read_bytes())
    val = next(Path("predictions/mlp").glob("val-*.csv")).read_text(encoding="utf-8").splitlines()[1:]
    classes = sorted({row.split(",")[1] for row in val})
    rows = [",".join([*row.split(",")[:2], *["0.1"] * len(classes)]) for row in val]
    Path("brought.csv").write_text("\n".join([f"image_id,label,{','.join(classes)}", *rows]) + "\n", encoding="utf-8")


COMMANDS = {
    "data check": lambda ek: ek.data_check("data", csv="found.csv", sheet="found.png", **QUIET),
    "demo-data": lambda ek: ek.demo_data("drawn", train=20, val=10, test=3, size=16, **QUIET),
    "train": lambda ek: ek.train("data", "mlp", name="new", epochs=2, **CPU),
    "train --resume": lambda ek: ek.train("data", "mlp", name="new", epochs=2, resume=True, save_every=0, **CPU),
    "train --folds": lambda ek: ek.train("data", "mlp", name="new", epochs=1, folds=2, **CPU),
    "train --replace": lambda ek: ek.train("data", "mlp", name="spare", epochs=2, replace=True, **CPU),
    "tta": lambda ek: ek.tta("runs/mlp", views="flips", **CPU),
    "soup": lambda ek: ek.soup(["mlp", "kin"], "soup", **CPU),
    "soup --replace": lambda ek: ek.soup(["mlp", "kin"], "spare", replace=True, **CPU),
    "probe": lambda ek: ek.probe("data", "mlp", name="probed", weights="weights.safetensors", **CPU),
    "find-lr": lambda ek: ek.find_lr("data", "mlp", steps=20, **CPU),
    "show-augment": lambda ek: ek.show_augment("data", rows=2, copies=2),
    "members add": lambda ek: ek.members_add("brought", "brought.csv", kind="probabilities"),
    "members add --replace": lambda ek: ek.members_add("spare", "brought.csv", kind="probabilities", replace=True),
    "members rename": lambda ek: ek.members_rename("spare", "renamed"),
    "members rm": lambda ek: ek.members_rm("spare"),
    "blend": lambda ek: ek.blend(members=["mlp", "spare"], name="fresh", **QUIET),
    "blend anew": lambda ek: ek.blend(members=["mlp", "spare"], name="other", **QUIET),
    "compare": lambda ek: ek.compare("mlp", "kin", **QUIET),
    "predict": lambda ek: ek.predict(["data/test"], blend="small", out="answers.csv", **CPU),
    "predict --replace": lambda ek: ek.predict(["data/test"], blend="other", out="mine.csv", replace=True, **CPU),
    "report": lambda ek: ek.report("small", **QUIET),
    "submit": lambda ek: ek.submit("other", again=True, quota=4, **QUIET),
    "submissions score": lambda ek: ek.submissions_score("small", 0.5),
    "submissions withdraw": lambda ek: ek.submissions_withdraw("small"),
    "score": lambda ek: ek.score(["submissions/small.csv"], "data/test-labels.csv"),
    "export": lambda ek: ek.export("small", size=16, **QUIET),
    "auto": lambda ek: ek.auto("data", minutes=1.0, pretrained=False, flip=False, **CPU),
}
"""Each command that writes, as a call in the working folder."""
SLOW = {"auto": 20}
"""How often those are killed at most whose every run takes seconds."""
BY_THE_CLOCK = {"auto"}
"""What these make depends on the clock, so their bits are not compared."""


def ran(command, ek):
    """Run a command without a word; return how it ended: nothing, or the error as text."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            COMMANDS[command](ek)
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:400]
    return ""


# What differs between two undisturbed runs is left out: moments, durations, and sums over what holds them; and what
# a pair of files says only while it is made anew.
VARIES = re.compile(r"^(time|seconds|replaces|sha256|.*_sha256|versions|cost|view_ms|curve|.*(_s|_ms|ms))$")
TIMED_COLUMNS = ("seconds", "images_per_s")
UNSEEN = ("data", "verified", "locks")


def seen(folder):
    """Return what is in the folder: by name, a digest of the content. Decoded images and locks are passed over."""
    found = {}
    for place, folders, files in os.walk(folder):
        where = Path(place).relative_to(folder)
        folders[:] = [one for one in folders if not ((where == Path() and one == "data") or one in UNSEEN[1:])]
        if where != Path() and where.parts[0] != ".ek":
            found[f"{where.as_posix()}/"] = ""
        for name in files:
            if name != ".lock":
                path = Path(place, name)
                found[_plain_name((where / name).as_posix())] = hashlib.sha256(_plain(path)).hexdigest()[:16]
    return found


def _plain_name(name):
    return re.sub(r"(checkpoint|state-\d+)-[0-9a-f]{12}", r"\1-*", name)


def _plain(path):
    """Return what is to be equal in two runs."""
    data = path.read_bytes()
    try:
        if path.suffix == ".safetensors":
            start = 8 + int.from_bytes(data[:8], "little")
            return data[start:]  # the tensors, without what the header says of the run
        if path.suffix == ".jsonl":
            return repr([_without(json.loads(line)) for line in data.splitlines()]).encode()
        if path.suffix == ".json":
            return repr(_without(json.loads(data))).encode()
        if path.name == "metrics.csv":
            header, *rows = [line.split(",") for line in data.decode().splitlines()]
            kept = [place for place, name in enumerate(header) if name not in TIMED_COLUMNS]
            return repr([[row[place] for place in kept] for row in (header, *rows)]).encode()
        if path.suffix == ".html":
            return re.sub(rb"\d+(\.\d+)?|[0-9a-f]{12,}", b"#", data)
        if path.suffix == ".pt":
            return b""
    except (ValueError, IndexError):
        pass
    return data


def _without(content):
    if isinstance(content, dict):
        return {key: _without(value) for key, value in content.items() if not VARIES.match(key)}
    return [_without(one) for one in content] if isinstance(content, list) else content
