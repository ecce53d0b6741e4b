"""Is this machine, and is this folder, fit for work? Each finding with its remedy.

Looks only; what it tries, it tries in a folder of its own and removes. Never stops at a
finding. To check something more: a function that returns a `Diagnosis`, a line in `doctor`.
"""

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from ensemble_kit.extras import installed
from ensemble_kit.pipeline.doctor import folder as doctor_folder
from ensemble_kit.pipeline.doctor import packages as doctor_packages
from ensemble_kit.pipeline.doctor.folder import by_amount, size
from ensemble_kit.pipeline.entry import command
from ensemble_kit.processors import usable_processors
from ensemble_kit.results import Diagnosis, DoctorReport
from ensemble_kit.workspace import CacheOption, Workspace

OLDEST_PYTHON = (3, 11)
LITTLE_BYTES, TOO_LITTLE_BYTES = 2 << 30, 500 << 20
CGROUP_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


@command
def doctor(
    **options: Unpack[CacheOption],
) -> DoctorReport:
    """Look at Python, torch, devices, memory, the working folder, the cache, extras and weights.

    Args:
        options: cache, the folder of decoded images and verified checksums.
    """
    facts = doctor_packages.probe_torch()
    versions = [installed(name) for name in ("torch", "torchvision")]
    return DoctorReport(
        (
            check_python(sys.version_info[:2], platform.python_version()),
            doctor_packages.check_pair(facts, *versions),
            doctor_packages.check_timm(),
            doctor_packages.check_devices(
                facts, cpu_flags(), usable_processors(), _gpu_file(), size(doctor_packages.cuda_bytes())
            ),
            check_memory(*memory()),
            *doctor_folder.check_folder(Path.cwd()),
            doctor_folder.check_cache(Workspace.of(options).cache),
            doctor_packages.check_extras(),
            doctor_packages.check_weights(),
        )
    )


def check_python(found: tuple[int, ...], name: str) -> Diagnosis:
    """Say whether Python is new enough."""
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if found < OLDEST_PYTHON:
        return Diagnosis("Python", "problem", name, f"Install Python {oldest} or newer, and ensemble_kit in it.")
    return Diagnosis("Python", "ok", f"{name}, {platform.system()} {platform.machine()}")


def check_memory(total_bytes: int | None, available_bytes: int | None) -> Diagnosis:
    """Say whether there is memory to work with; None where the system does not say."""
    if total_bytes is None or available_bytes is None:
        return Diagnosis("memory", "ok", "this system does not say")
    found = f"{size(available_bytes)} available of {size(total_bytes)}"
    remedy = "Close other programs, or give a smaller --batch-size or --size."
    return by_amount("memory", available_bytes, (LITTLE_BYTES, TOO_LITTLE_BYTES), found, remedy)


def memory(
    meminfo: Path = Path("/proc/meminfo"), cgroups: Mapping[str, str] | None = None
) -> tuple[int | None, int | None]:
    """Return total and available memory in bytes, those of the container where they are lower.

    Args:
        cgroups: files of limit -> files of use; None takes those of Linux.
    """
    try:
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        total, available = (int(fields[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return None, None
    for limit_file, used_file in (dict(CGROUP_FILES) if cgroups is None else cgroups).items():
        try:
            limit, used = (int(Path(name).read_text()) for name in (limit_file, used_file))
        except (OSError, ValueError):  # not there, or `max`: no limit
            continue
        total, available = min(total, limit), min(available, max(limit - used, 0))
    return total, available


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return what the CPU can do, as Linux lists it; nothing where it does not."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    listed = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(listed.partition(":")[2].split())


def _gpu_file() -> bool:
    return Path("/dev/nvidia0").exists()
