"""What a run computes in: as it began, as this machine is known to be fastest, or as that is measured now.

    a run that goes on              what it began with
    --precision given, or a GPU     the usual
    a short run                     the usual; whether a run is short, its options and its images say, not a clock
    the cache knows                 that
    else                            some steps of each choice, a few seconds at most; then the cache knows

    <cache>/computing/<key>.json    the choice, the seconds of a step, and what they hold for

So of one machine two runs of the same options compute alike, and have the same bits, as long as the cache stands.
"""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from ensemble_kit.disk import seal, unseal
from ensemble_kit.errors import CorruptError, ResourceError
from ensemble_kit.reporting.terminal import say
from ensemble_kit.storage.files import create_file_in_parts, replace_file
from ensemble_kit.training import Computing, Recipe

COMPUTING: Final = "computing"  # in the cache, and in what a run says of itself
STEP_GFLOP: Final = 4.0  # of a measured step: a tenth of a second or so
LEAST_IMAGES: Final = 8  # of it
STEPS: Final = 1000  # as large as a measured one, so that some twenty of them are a small share of the run
RUN_GFLOP: Final = 500.0  # below which a run is a matter of seconds
MINUTES: Final = 3.0  # by the clock, below which they are none


class Subject(NamedTuple):
    """What is trained, and where; `name` is what a person calls it."""

    name: str
    arch: str
    arch_option: Mapping[str, Any]
    classes: int
    size_px: int
    device: str
    threads: int


def computing_of(
    subject: Subject,
    recipe: Recipe,
    network: Any,
    images: int,
    minutes: float | None,
    facts: Mapping[str, Any] | None,
    cache: Path,
    quiet: bool,
) -> Computing:
    """Return what a run computes in.

    Args:
        network: as it starts; it stays as it is.
        images: of train.
        minutes: by the clock, that the run has; None: as long as it takes.
        facts: of the state that the run goes on from; None: it begins. One of an earlier version computed as usual.
    """
    import torch

    from ensemble_kit.training import choices

    device = torch.device(subject.device)
    usual, *others = choices(recipe.precision, device)
    if facts is not None:
        return Computing(**facts[COMPUTING]) if COMPUTING in facts else usual
    if recipe.precision != "auto" or device.type != "cpu" or (minutes or MINUTES) < MINUTES:
        return usual
    gflop = gflop_of(network, subject.size_px)
    of_step = min(recipe.batch_size, max(LEAST_IMAGES, round(STEP_GFLOP / gflop)))
    if recipe.epochs * images < STEPS * of_step or recipe.epochs * images * gflop < RUN_GFLOP:
        return usual
    known = _facts(subject, recipe, usual)
    path = cache / COMPUTING / f"{hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]}.json"
    held = _read(path)
    if held in (usual, *others):
        return held
    return _measured(path, known, subject, recipe, network, of_step, quiet) or usual


def gflop_of(network: Any, size_px: int) -> float:
    """Return what training takes for an image, in 10^9 floating-point operations: three times a forward pass."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    was = network.training
    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, size_px, size_px))
    network.train(was)
    return max(3e-9 * float(counter.get_total_flops()), 1e-9)


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the model of the processor, as Linux names it, or as Python does."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, named), platform.processor() or platform.machine())


def _facts(subject: Subject, recipe: Recipe, usual: Computing) -> dict[str, Any]:
    """Return all that a choice holds for."""
    import torch

    return {
        "processor": processor(),
        "instructions": [torch.backends.cpu.get_cpu_capability(), os.environ.get("ONEDNN_MAX_CPU_ISA", "")],
        "usual": usual.precision,
        "torch": torch.__version__,
        "threads": subject.threads,
        "arch": subject.arch,
        "arch_option": dict(subject.arch_option),
        "classes": subject.classes,
        "size_px": subject.size_px,
        "batch_size": recipe.batch_size,
    }


def _read(path: Path) -> Computing | None:
    """Return the choice that the cache holds; None: it holds none, or a damaged one."""
    try:
        held = unseal(path.read_bytes(), path)
        return Computing(held["precision"], held["layout"])
    except (OSError, KeyError, CorruptError):
        return None


def _measured(
    path: Path, known: dict[str, Any], subject: Subject, recipe: Recipe, network: Any, images: int, quiet: bool
) -> Computing | None:
    """Measure what is fastest, write it down and return it, or what another run wrote meanwhile.

    None: it cannot be written; what nobody remembers would be measured otherwise the next time.
    """
    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.training import quickest

    change = partial(augment, strength=recipe.augment, flip=recipe.flip)
    found = quickest(network, recipe, subject.size_px, subject.classes, change, images)
    seconds = {str(one): round(taken / images, 6) for one, taken in found.seconds.items()}
    content = {**found.computing._asdict(), "seconds_per_image": seconds, "holds_for": known}
    try:
        if path.exists():  # damaged
            replace_file(path, seal(content))
        else:
            create_file_in_parts(path, [seal(content)])
    except FileExistsError:
        return _read(path)
    except (OSError, ResourceError):
        return None
    say(f"{subject.name}: fastest here in {found.computing}; measured.", quiet)
    return found.computing
