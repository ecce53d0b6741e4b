"""Which pre-trained weights `ek auto` starts from: those at hand, and what it fetches where it was asked to.

Those that suit the budget come first, one of each family before a second one; what each costs here is measured
afterwards, and decides which of them fit. Nothing is fetched unasked.
"""

import math
import time
from collections.abc import Sequence
from typing import Final

import models_zoo
from ensemble_kit.reporting.terminal import say
from ensemble_kit.results import FetchedReport

MOST: Final = 4  # kinds of pre-trained networks; measuring more would cost time
FETCHED: Final = 3  # of those that suit best, that are fetched where they are not at hand
FETCHING_SHARE: Final = 0.1  # of the budget, what fetching may take
_LONGER: Final = 3  # from this distance on, a network is meant for a longer budget


def suited(archs: Sequence[str], minutes: float, on_gpu: bool) -> list[str]:
    """Return architectures of IMAGENET, those that suit a budget first; at most `MOST`.

    First the best one of each family that is meant for such a budget, or for a shorter one; then the others, those
    that are meant for a longer one last. Of two that suit alike, the one further up in the table.

    Example:
        >>> suited(["timm:resnet34", "timm:resnet18", "timm:tf_efficientnet_lite0"], minutes=4, on_gpu=False)
        ['timm:tf_efficientnet_lite0', 'timm:resnet18', 'timm:resnet34']
    """
    budget = min(models_zoo.BUDGETS, key=lambda one: abs(math.log(minutes / one)))
    table = [arch for arch in models_zoo.IMAGENET if arch in archs]
    ranked = sorted(table, key=lambda arch: _distance(arch, budget, on_gpu))
    families = [models_zoo.IMAGENET[arch].family for arch in ranked]
    first = [
        arch
        for i, arch in enumerate(ranked)
        if families[i] not in families[:i] and _distance(arch, budget, on_gpu) < _LONGER
    ]
    return [*first, *(arch for arch in ranked if arch not in first)][:MOST]


def _distance(arch: str, budget: int, on_gpu: bool) -> int:
    """Return 0 where a network is meant for a budget, 1 or 2 for a shorter one, and from `_LONGER` on for a longer."""
    row, order = models_zoo.IMAGENET[arch], models_zoo.BUDGETS
    steps = [order.index(budget) - order.index(meant) for meant in (row.gpu if on_gpu else row.cpu)]
    return min((step if step >= 0 else _LONGER - step for step in steps), default=2 * _LONGER)


def suited_at_hand(minutes: float, on_gpu: bool) -> list[str]:
    """Return the architectures whose weights are on this machine, see `suited`."""
    here = [arch for arch in models_zoo.IMAGENET if models_zoo.weights_at_hand(arch) in ("installed", "cached")]
    return suited(here, minutes, on_gpu)


def fetch_suited(minutes: float, on_gpu: bool, quiet: bool) -> tuple[list[FetchedReport], str | None]:
    """Fetch the weights of those that suit a budget best where they are not at hand; the clock goes on.

    Returns:
        What was fetched, and why no more was; None where all was.
    """
    until_s = time.perf_counter() + FETCHING_SHARE * 60 * minutes
    fetched: list[FetchedReport] = []
    for arch in suited([*models_zoo.IMAGENET], minutes, on_gpu)[:FETCHED]:
        if models_zoo.weights_at_hand(arch) != "hub":
            continue
        row, begun_s = models_zoo.IMAGENET[arch], time.perf_counter()
        say(f"Fetching the weights of {arch} ({row.size_mb:g} MB, {row.licence}) ...", quiet)
        try:
            file = models_zoo.fetch_weights(arch, until_s - begun_s)
        except models_zoo.UnreachableError as error:
            say(f"{error} What is at hand is taken.", quiet)
            return fetched, str(error)
        seconds = time.perf_counter() - begun_s
        fetched.append(FetchedReport(arch, row.hub, row.licence, file.stat().st_size / 1e6, seconds))
    return fetched, None
