"""Why weights do not fit a network: what is missing, unknown or of another shape, and what they would fit."""

import torch

from models_zoo.body import Body
from models_zoo.contract import Wanted, ZooError
from models_zoo.find import find
from models_zoo.fitting import COUNTERS, Found, found_in, misfits
from models_zoo.pretrained import resolved
from models_zoo.table import ARCHITECTURES
from models_zoo.weight_files import State, says_arch

_SIDES_PX = (28, 32, 64, 96, 128, 224)  # that networks are commonly made for


def misfit(path: str, own: State, nearest: Found, head: tuple[str, ...], advice: str) -> ZooError:
    """Return what does not fit, by kind.

    Args:
        own: the network's weights.
        nearest: the table that has most of its names.
        head: what the names of its classifier begin with.
        advice: a sentence.
    """
    apart = misfits(own, nearest.state, head)

    def listed(kind: str) -> list[str]:
        called = {name: nearest.named(name) for name in apart[kind]}
        if kind != "of another shape":
            return list(called.values())
        return [f"{called[n]}: {tuple(nearest.state[n].shape)}, wanted {tuple(own[n].shape)}" for n in called]

    counted = "; ".join(first(kind, listed(kind)) for kind in apart if apart[kind])
    return ZooError(
        f"The weights in '{path}'{nearest} do not fit this network: {counted}; only the classifier may differ. {advice}"
    )


def first(word: str, names: list[str]) -> str:
    """Return how many names there are and the first three.

    Example:
        >>> first("missing", ["a", "b", "c", "d"])
        '4 missing (a, b, c, ...)'
    """
    return f"{len(names)} {word} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"


def advice(held: list[tuple[str, State]], wanted: Wanted, content: object) -> str:
    """Return what the tables of a file are probably for, in a sentence."""
    if likely := _likely(held, wanted):
        return f"They fit {likely}."
    says = says_arch(content)
    return f"The file says that it holds '{says}'." if says else "Choose the architecture and size they were made for."


def largest(held: list[tuple[str, State]]) -> Found:
    """Return the largest table as it is."""
    place, table = max(held, key=lambda one: len(one[1]))
    return Found(place, "", {f"body.{name.removeprefix('body.')}": value for name, value in table.items()}, (), 0)


def _likely(held: list[tuple[str, State]], wanted: Wanted) -> str:
    """Return the options by which a network of the zoo would take weights of these names and shapes; none: empty."""
    for arch in dict.fromkeys([wanted.arch, *ARCHITECTURES]):
        for side in dict.fromkeys([wanted.size_px, *_SIDES_PX]):
            if ":" in arch or side < find(arch).smallest_px:
                continue
            try:
                with torch.device("meta"):
                    body = find(arch).builder()(Wanted(arch, 1, side, 0.0, resolved(arch, {}, False)))
                fits = _fits_one(held, body)
            except ZooError:  # a network that cannot be made here, or a file that says which one it is for
                break
            if fits:
                side_said = "" if side == wanted.size_px else f" --size {side}"
                return f"--arch {arch}{side_said}, its options left as they are by default"
    return ""


def _fits_one(held: list[tuple[str, State]], body: Body) -> bool:
    """Return whether a table of a file holds the weights of a body, whatever its classifier."""
    own = body.module.state_dict()
    head = tuple(f"body.{name.rstrip('.')}." for name in body.head)
    wanted = {f"body.{name}": value for name, value in own.items()}
    unsaid = {name: value for name, value in wanted.items() if name.endswith(COUNTERS[0])}
    for found in found_in(held, own, ""):
        given = {name: value for name, value in found.completed(unsaid).state.items() if name not in ("mean", "std")}
        if not any(misfits(wanted, given, head).values()):
            return True
    return False
