"""How a command runs, whatever it does: in silence, on which device, with how many threads, how trustingly.

To steer all commands by another option: a field of `RunContext`, and the option below that names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict


@dataclass(frozen=True)
class RunContext:
    """How a command runs.

    quiet: no progress on standard error.
    device: auto, cpu, cuda, cuda:1, mps.
    threads: of the processor; None leaves torch's choice. Part of the bits.
    verify: compute the checksums of what is read again.
    """

    quiet: bool = False
    device: str = "auto"
    threads: int | None = None
    verify: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "RunContext":
        """Return the context that options ask for.

        Example:
            >>> RunContext.of({"quiet": True, "arch": "cnn"})
            RunContext(quiet=True, device='auto', threads=None, verify=False)
        """
        return cls(**{one.name: options[one.name] for one in fields(cls) if one.name in options})


class QuietOption(TypedDict, total=False):
    """quiet: no progress on standard error."""

    quiet: bool


class DeviceOption(TypedDict, total=False):
    """device: what computes: auto, cpu, cuda, cuda:1, mps."""

    device: str


class ThreadsOption(TypedDict, total=False):
    """threads: of the processor; None leaves torch's choice. Part of the bits."""

    threads: int | None


class VerifyOption(TypedDict, total=False):
    """verify: compute the checksums of what is read again."""

    verify: bool
