"""Which packages are here and whether they work: torch beside torchvision, timm, extras, weights.

torch and torchvision are imported in a process of their own, so that a pair that crashes
is a finding and not the end. Judging is pure: `check_pair` and its like see plain facts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, distributions, metadata
from typing import Any, Final

from ensemble_kit.extras import install_hint, installed, requirements_of
from ensemble_kit.results import Diagnosis
from models_zoo import IMAGENET, efficientnet_lite, hub

PATIENCE_S = 120
FOR_DEVELOPERS = ("test", "check")
FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
PROBE = """
import json, os, sys
facts = {}
try:
    import torch
    facts |= {"torch": torch.__version__, "cuda_build": torch.version.cuda, "threads": torch.get_num_threads()}
    facts["cuda"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    facts["mps"] = torch.backends.mps.is_available()
    import torchvision
    facts["torchvision"] = torchvision.__version__
except Exception as error:
    facts["error"] = f"{type(error).__name__}: {error}"
print("facts:" + json.dumps(facts))
"""
PAIR: Final = "pip install --force-reinstall torch torchvision"
CPU_PAIR: Final = f"{PAIR} --index-url https://download.pytorch.org/whl/cpu"
CPU_ALONE: Final = (
    "In a checkout: make clean, then make demo TORCH=cpu. Elsewhere, in a new environment, before ensemble_kit: "
    f"{CPU_PAIR.replace(' --force-reinstall', '')}"
)
FOR_CUDA: Final = ("nvidia-", "cuda-", "triton")  # how the names of packages begin that serve NVIDIA's GPUs alone


def probe_torch() -> dict[str, Any]:
    """Return what a new process sees of torch and torchvision; `error` holds what went wrong."""
    try:
        ran = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"importing torch takes longer than {PATIENCE_S} s"}
    lines = [line for line in ran.stdout.splitlines() if line.startswith("facts:")]
    if not lines:
        said = ran.stderr.strip().splitlines() or [f"the process ended with {ran.returncode}"]
        return {"error": f"importing torch ends the process: {said[-1]}"}
    facts: dict[str, Any] = json.loads(lines[-1].removeprefix("facts:"))
    return facts


def check_pair(facts: Mapping[str, Any], torch: str | None, torchvision: str | None) -> Diagnosis:
    """Say whether torch and torchvision work together.

    Args:
        facts: see `probe_torch`.
        torch, torchvision: their versions as installed, such as 2.4.0+cpu; None where not.

    Example:
        >>> check_pair({"error": "No module named 'torch'"}, None, None).status
        'problem'
    """
    missing = [name for name, found in (("torch", torch), ("torchvision", torchvision)) if found is None]
    if missing:
        return Diagnosis("torch", "problem", f"{' and '.join(missing)} not installed", "pip install torch torchvision")
    found = f"torch {torch}, torchvision {torchvision}"
    error = facts.get("error")
    if error is None:
        return Diagnosis("torch", "ok", f"{found}; both import")
    builds = [_build(name) for name in (torch, torchvision)]
    if "torchvision::nms" in error or (builds[0] != builds[1] and "torch" in facts):
        ours, theirs = (f"a {build} build" if build else "the build of PyPI" for build in builds)
        return Diagnosis(
            "torch",
            "problem",
            f"{found} do not fit together: torch is {ours}, torchvision is {theirs} ({_line(error)})",
            f"Take both from one place. For the CPU: {CPU_PAIR} -- or both from PyPI, for NVIDIA too: {PAIR}",
        )
    return Diagnosis("torch", "problem", f"{found}: {_line(error)}", f"Install both anew: {PAIR}")


def cuda_bytes() -> int:
    """Return the size of what is installed for NVIDIA's GPUs alone: their libraries, and torch's part for them."""
    total = 0
    for one in distributions():
        alone, is_torch = one.name.lower().startswith(FOR_CUDA), one.name.lower() == "torch"
        if alone or is_torch:
            total += sum(file.size or 0 for file in one.files or () if alone or "cuda" in file.name)
    return total


def check_devices(
    facts: Mapping[str, Any], flags: frozenset[str], cores: int, gpu_file: bool, for_cuda: str | None = None
) -> Diagnosis:
    """Say what torch can compute on.

    Args:
        flags: what the CPU can do, as in /proc/cpuinfo; empty where nobody says.
        gpu_file: whether the system shows an NVIDIA GPU.
        for_cuda: how much is installed that serves such a GPU alone, as 4.1 GB; None where that is not known.
    """
    if "threads" not in facts:
        return Diagnosis("devices", "note", "torch does not load, so this is unknown", "See the line of torch.")
    threads, set_to = facts["threads"], os.environ.get("OMP_NUM_THREADS")
    fast = any(flag in flags for flag in FAST_BFLOAT16)
    parts = [f"CPU: {cores} cores, threads used: {threads}, bfloat16 {'fast' if fast else 'slow or unknown'}"]
    parts += [f"cuda:{i}: {name}" for i, name in enumerate(facts.get("cuda", []))]
    parts += ["mps"] if facts.get("mps") else []
    found = "; ".join(parts)
    if gpu_file and not facts.get("cuda"):
        why = "is a build for the CPU" if not facts.get("cuda_build") else "finds no driver that fits"
        remedy = PAIR if not facts.get("cuda_build") else "Update the NVIDIA driver, or install an older torch."
        return Diagnosis("devices", "note", f"{found}; an NVIDIA GPU is there, but torch {why}", remedy)
    if facts.get("cuda_build") and not facts.get("cuda"):
        much = f"{for_cuda} of it" if for_cuda else "its larger part"
        return Diagnosis("devices", "note", f"{found}; torch is a CUDA build, {much} useless without a GPU", CPU_ALONE)
    if set_to and threads < cores:
        return Diagnosis("devices", "note", f"{found} (OMP_NUM_THREADS={set_to})", "unset OMP_NUM_THREADS to use all.")
    return Diagnosis("devices", "ok", found)


def check_timm() -> Diagnosis:
    """Say whether timm is here."""
    found = installed("timm")
    if found is None:
        return Diagnosis("timm", "problem", "not installed", "pip install timm")
    return Diagnosis("timm", "ok", found)


def check_extras() -> Diagnosis:
    """Say which extras of ensemble_kit are installed."""
    try:
        extras = {extra: requirements_of(extra) for extra in metadata("ensemble_kit").get_all("Provides-Extra") or ()}
    except PackageNotFoundError:
        return Diagnosis("extras", "problem", "ensemble_kit itself is not installed", "pip install -e .")
    missing = {extra: [name for name in names if installed(name) is None] for extra, names in extras.items()}
    found = "; ".join(f"{extra}: {'incomplete' if names else 'installed'}" for extra, names in missing.items())
    wanted = [extra for extra, names in missing.items() if names and extra not in FOR_DEVELOPERS]
    if wanted:
        return Diagnosis("extras", "note", found, "; ".join(f"{extra}: {install_hint(extra)}" for extra in wanted))
    return Diagnosis("extras", "ok", found or "none")


def check_weights() -> Diagnosis:
    """Say which pre-trained weights can be had without a network."""
    installed_here = [f"timm:{name}" for name in efficientnet_lite.DEPTHS if efficientnet_lite.installed_file(name)]
    there = [*installed_here, *_cached(installed_here)]
    if there:
        return Diagnosis("weights", "ok", f"without a network: {', '.join(there)}")
    return Diagnosis("weights", "note", "none without a network; --pretrained asks the hub", install_hint("pretrained"))


def _cached(besides: Collection[str]) -> list[str]:
    """Return the networks whose weights are in the hub's cache, besides some; timm, which loads torch, is not asked."""
    if installed("huggingface_hub") is None:
        return []
    return [f"{arch} (cached)" for arch, row in IMAGENET.items() if arch not in besides and hub.cached(row.hub)]


def _build(version_text: str | None) -> str:
    """Return the local tag of a version: cpu, cu124, or nothing."""
    return (version_text or "").partition("+")[2]


def _line(error: str) -> str:
    return error.strip().splitlines()[0][:120]
