"""Files made to do harm, through every loader that takes a file: all refused, nothing ever run.

Each `bomb` is the bytes of a file; those of EXPLOSIVE write a canary when a careless
loader opens them, and one test shows that they do. The others ask for endless memory or
time. This is the one file of the tree that may build pickles. To add a bomb: a function
of the canary's path; to add a loader: a function of the bytes and a folder.
"""

import builtins
import bz2
import collections
import functools
import gzip
import hashlib
import importlib
import io
import json
import lzma
import marshal
import operator
import os
import pickle
import resource
import runpy
import shutil
import struct
import subprocess
import tarfile
import time
import types
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import models_zoo
from ensemble_kit.disk.sealed import seal
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError
from ensemble_kit.images.class_lists import read_classes
from ensemble_kit.images.decode import decode
from ensemble_kit.images.manifests import list_manifest
from ensemble_kit.pipeline.models.run_config import read_config
from ensemble_kit.storage import blends
from ensemble_kit.storage.files import ledger
from ensemble_kit.storage.members import external_scores as scores
from ensemble_kit.storage.members import members
from ensemble_kit.storage.members.manifest import Manifest, render_manifest
from ensemble_kit.storage.runs import resume_state as states
from ensemble_kit.storage.runs import runs
from ensemble_kit.storage.submissions import sample_and_csv as submissions
from ensemble_kit.types import Predictions

IMAGES, CLASSES = 7, ("ant", "bee", "cat", "dog", "eel")
LONGEST_CPU_S = 3.0  # on a slow machine; PyYAML takes a second to give up nested brackets
MOST_BYTES = 128 << 20
HALF_GIGABYTE = 1 << 29


class Call:
    """An object that, unpickled, calls a function."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.parts


def touch(canary):
    return f"touch '{canary}'"


def code(canary):
    return f"open({str(canary)!r}, 'w').close()"


def tensors():
    return {"weight": torch.arange(35.0).reshape(7, 5), "bias": torch.zeros(7)}


# What is pickled: objects that act when they are loaded.

OBJECTS = {
    "os.system": lambda canary: Call(os.system, touch(canary)),
    "subprocess.Popen": lambda canary: Call(subprocess.Popen, ["touch", str(canary)]),
    "subprocess.check_output": lambda canary: Call(subprocess.check_output, ["touch", str(canary)]),
    "eval": lambda canary: Call(builtins.eval, code(canary)),
    "exec": lambda canary: Call(builtins.exec, code(canary)),
    "open": lambda canary: Call(builtins.open, str(canary), "w"),
    "os.popen": lambda canary: Call(os.popen, touch(canary)),
    "copyfile": lambda canary: Call(shutil.copyfile, __file__, str(canary)),
    "run_path": lambda canary: Call(runpy.run_path, script(canary)),
    "getattr chain": lambda canary: Call(
        operator.call, Call(getattr, Call(importlib.import_module, "os"), "system"), touch(canary)
    ),
    "methodcaller": lambda canary: Call(operator.call, operator.methodcaller("touch"), canary),
    "partial": lambda canary: Call(operator.call, functools.partial(os.system, touch(canary))),
    "map": lambda canary: Call(list, Call(map, os.system, [touch(canary)])),
    "bytecode": lambda canary: Call(
        operator.call,
        Call(
            operator.call,
            Call(getattr, Call(importlib.import_module, "types"), "FunctionType"),
            Call(marshal.loads, marshal.dumps(compile(code(canary), "x", "exec"))),
            {"__builtins__": {"open": open}},
        ),
    ),
    "ordered dict": lambda canary: collections.OrderedDict(weight=Call(os.system, touch(canary))),
    "nested state": lambda canary: {
        "model": {"weight": torch.zeros(3), "deep": [{"x": Call(os.system, touch(canary))}]}
    },
    "state_dict": lambda canary: {"state_dict": {**tensors(), "extra": Call(os.system, touch(canary))}},
    "dictionary key": lambda canary: {("weight", Call(os.mkdir, str(canary))): 1},
    "storage": lambda canary: Call(
        torch._utils._rebuild_tensor_v2, Call(os.system, touch(canary)), 0, (3,), (1,), False, {}
    ),
    "tensor subclass": lambda canary: Call(
        torch._tensor._rebuild_from_type_v2, os.system, torch.Tensor, (touch(canary),), None
    ),
    "object's state": lambda canary: Call(types.SimpleNamespace, state={"x": Call(os.system, touch(canary))}),
}


def script(canary):
    path = Path(f"{canary}.py")
    path.write_text(code(canary))
    return str(path)


# How it is packed: bytes of a file.


def plain(loaded, protocol=4):
    return pickle.dumps(loaded, protocol)


def old_opcodes(canary):
    """The opcode INST of protocol 0, which calls without REDUCE."""
    return f"(S'{canary}'\ni{os.mkdir.__module__}\nmkdir\n.".encode()


def saved(loaded, modern=True):
    buffer = io.BytesIO()
    torch.save(loaded, buffer, _use_new_zipfile_serialization=modern)
    return buffer.getvalue()


def old_tar(loaded):
    """The tar archives of PyTorch before 0.2."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            data = pickle.dumps(0) + plain(loaded)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def script_archive(loaded):
    """What TorchScript writes, with a pickle of constants."""
    return zipped(
        {"model/constants.pkl": plain(loaded, 2), "model/data.pkl": plain(loaded, 2), "model/version": b"3\n"}
    )


def object_array(loaded):
    return npy(np.array([loaded], dtype=object))


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def zipped(entries, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def npz(**entries):
    sound = {
        "image_ids": npy(np.array([f"{i:04d}" for i in range(IMAGES)])),
        "classes": npy(np.array(CLASSES)),
        "scores": npy(np.eye(IMAGES, len(CLASSES)) * 3),
        "labels": npy(np.arange(IMAGES) % 5),
    }
    return zipped({f"{name}.npy": data for name, data in {**sound, **entries}.items()}, zipfile.ZIP_DEFLATED)


def system(canary):
    return OBJECTS["os.system"](canary)


EXPLOSIVE = {
    **{f"pickle: {name}": (lambda canary, made=made: plain(made(canary))) for name, made in OBJECTS.items()},
    **{f"torch: {name}": (lambda canary, made=made: saved(made(canary))) for name, made in OBJECTS.items()},
    "pickle: protocol 0": lambda canary: plain(system(canary), 0),
    "pickle: protocol 5": lambda canary: plain(system(canary), 5),
    "pickle: INST": old_opcodes,
    "torch: before 1.6": lambda canary: saved({**tensors(), "x": system(canary)}, modern=False),
    "numpy: object array": lambda canary: object_array(system(canary)),
    "numpy: objects in .npz": lambda canary: npz(scores=object_array(system(canary))),
    "yaml: apply": lambda canary: f'epochs: !!python/object/apply:os.system ["{touch(canary)}"]\n'.encode(),
    "yaml: new": lambda canary: f"epochs: !!python/object/new:os.mkdir ['{canary}']\n".encode(),
}
WRAPPED = {
    "torch: tar": lambda canary: old_tar(system(canary)),
    "torch: script": lambda canary: script_archive(system(canary)),
    "npz: pickle": lambda canary: npz(image_ids=plain(system(canary))),
    "gzip": lambda canary: gzip.compress(plain(system(canary))),
    "bz2": lambda canary: bz2.compress(plain(system(canary))),
    "lzma": lambda canary: lzma.compress(plain(system(canary))),
}


# Bombs that run nothing, but ask for more memory or time than there is.


def tensor_file(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one_tensor(begin, end, shape=(7,)):
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}


def giant_header(shape, kind="<f4"):
    """The header of an .npy that promises more than the file holds."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def swollen(data, name):
    """The archive with one entry replaced by half a gigabyte of zeros, well compressed."""
    source = zipfile.ZipFile(io.BytesIO(data))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for entry in source.namelist():
            if not entry.endswith(name):
                archive.writestr(entry, source.read(entry))
                continue
            with archive.open(entry, "w", force_zip64=True) as file:
                file.write(giant_header((HALF_GIGABYTE // 4,)) if name.endswith(".npy") else b"")
                for _ in range(HALF_GIGABYTE // len(ZEROS)):
                    file.write(ZEROS)
    return buffer.getvalue()


def promised_storage(count):
    """An old PyTorch file whose storage promises more numbers than the file holds."""
    data = saved({"weight": torch.zeros(7777)}, modern=False)
    small, large = (pickle.dumps(number, 2)[2:-1] for number in (7777, count))
    return data.replace(small, large).replace(struct.pack("<q", 7777), struct.pack("<q", count))


def yaml_laughs(canary):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return "\n".join(lines).encode()


ZEROS = bytes(16 << 20)
GREEDY = {
    "safetensors: endless header": lambda canary: struct.pack("<Q", 2**63 - 1) + b"{}",
    "safetensors: header of 90 MB": lambda canary: struct.pack("<Q", 90_000_000) + b"{",
    "safetensors: overlapping": lambda canary: tensor_file(
        {"a": one_tensor(0, 28), "b": one_tensor(14, 42)}, bytes(42)
    ),
    "safetensors: beyond the end": lambda canary: tensor_file({"a": one_tensor(0, 2**40, (2**38,))}, bytes(28)),
    "safetensors: overflowing": lambda canary: tensor_file({"a": one_tensor(0, 28, (2**62, 2**62))}, bytes(28)),
    "safetensors: NaN": lambda canary: tensor_file(
        b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,28]}}', bytes(28)
    ),
    "safetensors: deep": lambda canary: tensor_file(b'{"a":' * 90_000 + b"1" + b"}" * 90_000),
    "json: deep": lambda canary: b"[" * 900_000,
    "json: long number": lambda canary: b'{"schema": 1' + b"0" * 900_000 + b"}",
    "yaml: laughs": yaml_laughs,
    "yaml: deep": lambda canary: b"[" * 9_000,
    "npy: a terabyte": lambda canary: giant_header((1, 2**38, 1)),
    "npy: overflowing": lambda canary: giant_header((2**62, 2**62)),
    "npy: negative": lambda canary: giant_header((-7, 5)),
    "npy: nested header": lambda canary: giant_header((7,)).replace(b"(7,)", b"(" * 4),
    "npz: a terabyte": lambda canary: npz(scores=giant_header((2**38,))),
    "npz: endless text": lambda canary: npz(image_ids=giant_header((IMAGES,), "<U500000000")),
    "npz: half a gigabyte of zeros": lambda canary: swollen(npz(), "scores.npy"),
    "torch: half a gigabyte of zeros": lambda canary: swollen(saved(tensors()), "data/0"),
    "torch: promised storage": lambda canary: promised_storage(2**40),
    "torch: pickle bomb": lambda canary: b"\x80\x04" + b"(" * 90_000 + b"l" * 90_000 + b".",
    "zip: no directory": lambda canary: zipped({"x": b"y"})[:-9],
    "csv: endless cell": lambda canary: b'image_id,label\n"' + b"x" * 9_000_000,
    "csv: zero bytes": lambda canary: b"image_id,label\n\0,\0\n",
    "empty": lambda canary: b"",
}
BOMBS = {**EXPLOSIVE, **WRAPPED, **GREEDY}


# Every loader that takes a file; each gets the bytes of a bomb as its file, named and sealed as an attacker would.


def weights(ending):
    def load(data, folder):
        path = folder / f"weights{ending}"
        path.write_bytes(data)
        models_zoo.build("mlp", len(CLASSES), 8, weights=path)

    return load


def checkpoint(data, folder):
    path = folder / runs.checkpoint_name(hashlib.sha256(data).hexdigest())
    path.write_bytes(data)
    runs.read_checkpoint(path)


def state(data, folder):
    folder.joinpath(f"state-7-{hashlib.sha256(data).hexdigest()[:12]}.pt").write_bytes(data)
    states.read_state(folder)


def score_file(ending):
    def load(data, folder):
        path = folder / f"scores{ending}"
        path.write_bytes(data)
        scores.read_scores(path, "val", "logits", "x")

    return load


def member_file(part, ending):
    """Replace one file of a member, and seal the manifest anew over it."""

    def load(data, folder):
        logits = np.zeros((1, IMAGES, len(CLASSES)), np.float32)
        ids = tuple(f"{i:04d}" for i in range(IMAGES))
        one = Predictions("cnn", "val", ("identity",), ids, CLASSES, logits, np.arange(IMAGES) % 5)
        manifest = members.write_member(folder, Manifest("cnn", "cnn", "imported", CLASSES), {"val": one})
        content = json.loads(render_manifest(manifest))
        sha256 = hashlib.sha256(data).hexdigest()
        content["files"]["val"][part] = {"file": f"val-{sha256[:12]}.{ending}", "sha256": sha256}
        (folder / "cnn" / f"val-{sha256[:12]}.{ending}").write_bytes(data)
        (folder / "cnn" / "member.json").write_bytes(seal(content))
        members.read_member(folder / "cnn")

    return load


def one_file(name, read):
    def load(data, folder):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        read(path)

    return load


LOADERS = {
    "weights .pth": weights(".pth"),
    "weights .pt": weights(".pt"),
    "weights .bin": weights(".bin"),
    "weights .safetensors": weights(".safetensors"),
    "checkpoint": checkpoint,
    "unfinished run": state,
    "scores .npz": score_file(".npz"),
    "scores .csv": score_file(".csv"),
    "member's logits": member_file("logits", "npy"),
    "member's rows": member_file("rows", "csv"),
    "member.json": one_file("cnn/member.json", lambda path: members.read_manifest(path.parent)),
    "blend": one_file("best.json", blends.read_blend),
    "ledger": one_file("ledger.jsonl", ledger.read_ledger),
    "provenance": one_file("best.json", submissions.read_provenance),
    "sample": one_file("sample.csv", submissions.read_sample),
    "config": one_file("config.yaml", lambda path: read_config(path, ("epochs", "lr"))),
    "list of images": one_file("train.csv", lambda path: list_manifest(path, path.parent, {}, True)),
    "list of classes": one_file("classes.txt", read_classes),
    "image": one_file("x.png", lambda path: decode(path.read_bytes(), path)),
}
HARMLESS = {
    *((name, "list of classes") for name in ("csv: endless cell", "yaml: laughs")),
    *((name, "list of classes") for name in ("pickle: protocol 0", "pickle: INST")),
}
"""Text like any other to that loader; it is read and does nothing."""
OURS = (InvalidOptionError, BadDataError, CorruptError, models_zoo.ZooError)


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    return tmp_path_factory.mktemp("canary") / "canary"


@pytest.fixture(scope="module")
def bombs(canary):
    return functools.cache(lambda name: BOMBS[name](canary))


def there(canary, wait_s=0.0):
    """Say whether the canary was made, and take it away; a process may need a moment for it."""
    deadline = time.monotonic() + wait_s
    while not canary.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    made = canary.exists()
    if canary.is_dir():
        canary.rmdir()
    canary.unlink(missing_ok=True)
    return made


def load_carelessly(name, data, folder):
    if name.startswith("torch"):
        torch.load(io.BytesIO(data), weights_only=False)
    elif name.startswith("numpy"):
        held = np.load(io.BytesIO(data), allow_pickle=True)
        if isinstance(held, np.lib.npyio.NpzFile):
            held.allow_pickle = True
            held["scores"]
    elif name.startswith("yaml"):
        yaml.unsafe_load(data)
    else:
        pickle.loads(data)


@pytest.mark.parametrize("name", EXPLOSIVE)
def test_a_careless_loader_would_have_run_it(name, bombs, canary, tmp_path):
    with suppress(Exception):  # what it makes of the result does not matter
        load_carelessly(name, bombs(name), tmp_path)
    assert there(canary, wait_s=2.0)


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@pytest.mark.parametrize("name", BOMBS)
def test_every_loader_refuses_it_and_runs_nothing(name, bombs, canary, tmp_path):
    data = bombs(name)
    for number, loader in enumerate(LOADERS):
        folder = tmp_path / str(number)
        folder.mkdir()
        before_bytes, before_s = peak_bytes(), time.process_time()
        error = error_of(loader, data, folder)
        assert time.process_time() - before_s < LONGEST_CPU_S, loader
        assert peak_bytes() - before_bytes < MOST_BYTES, loader
        assert not there(canary), loader
        assert (error is None) == ((name, loader) in HARMLESS), loader
        assert isinstance(error, models_zoo.ZooError | None) or error.exit_code in (2, 3, 5), loader


def error_of(loader, data, folder):
    """Return the error of ours by which a loader refuses; None where it takes the file."""
    try:
        LOADERS[loader](data, folder)
    except OURS as error:
        return error
    except BaseException as error:
        error.add_note(f"loader: {loader}")
        raise
    return None
