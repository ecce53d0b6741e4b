"""data + architecture + recipe -> which learning rate to train with; nothing is kept but a plot."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, Final, Unpack, get_type_hints

import numpy as np

import models_zoo
from ensemble_kit.context import DeviceOption, QuietOption, RunContext, ThreadsOption
from ensemble_kit.images import Source, SourceOption
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.inputs import DecodedImages, open_images
from ensemble_kit.pipeline.models import arch_options, build_network, threads_of, with_device
from ensemble_kit.pipeline.runs.claim_name import base_name
from ensemble_kit.pipeline.runs.fit_with_saves import say_joined
from ensemble_kit.reporting.find_lr import find_lr_plot
from ensemble_kit.reporting.terminal import Watch, say
from ensemble_kit.results import FindLrReport
from ensemble_kit.storage.files import check_output, is_sealed_png, seal_png, write_output
from ensemble_kit.training import Recipe, StepOption, default_recipe, resolve
from ensemble_kit.workspace import CacheOption, Workspace

DEFAULT_STEPS: Final = 200


class FindLrOptions(StepOption, SourceOption, CacheOption, DeviceOption, ThreadsOption, QuietOption):
    """What `find_lr` takes along."""


@command
def find_lr(
    data: str | Path | None = None,
    arch: str = "cnn",
    *,
    recipe: str | None = None,
    size: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    arch_option: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    init: str | Path | None = None,
    steps: int = DEFAULT_STEPS,
    out: str | Path | None = None,
    replace: bool = False,
    **options: Unpack[FindLrOptions],
) -> FindLrReport:
    """Train for a moment with rising learning rates, and say which one to take.

    Val and test are not used. All options but `steps`, `out` and `replace` are those of `train`.

    Args:
        steps: from rate 1e-7 to 1; more of them see more clearly.
        out: the plot, a PNG; None: reports/lr-ARCH.png.
        replace: overwrite the file of that name; one that ek named and wrote as it is goes in any case.

    Raises:
        InvalidOptionError: a value outside its range, a plot that is there already, or a loss that
            falls at no rate.
        BadDataError: images that cannot be used.
        ResourceError: the plot cannot be written, or no network for `pretrained`.
    """
    from ensemble_kit.training import finder

    source, context = Source.of({"data": data, **options}), with_device(RunContext.of(options))
    plot = Path(out) if out is not None else Path("reports", f"lr-{base_name(arch)}.png")
    is_ours = is_sealed_png if out is None else None
    check_output(plot, replace, is_ours=is_ours)
    recipe = recipe or default_recipe(pretrained or init is not None)
    chosen = resolve(recipe, {name: options.get(name) for name in get_type_hints(StepOption)})
    rates = finder.rising_rates(steps)
    resolved = arch_options(arch, arch_option or {}, pretrained)
    with threads_of(context.threads):
        own_size_px = models_zoo.own_size_px(arch) if pretrained else None
        decoded = open_images(
            source, size, Workspace.of(options).cache, context, skip_bad=skip_bad, own_size_px=own_size_px
        )
        network = build_network(
            arch,
            resolved,
            decoded.size_px,
            decoded.data.classes,
            decoded.images["train"],
            dropout=chosen.dropout,
            pretrained=pretrained,
            weights=None if init is None else Path(init),
            seed=seed,
        )
        for note in network.notes:
            say(note, context.quiet)
        seen = _swept(network, decoded, chosen, seed, context.device, rates, context.quiet)
    best = finder.suggest(seen)
    recommended = best.tenth
    said: dict[str, Any] = {
        "data": data,
        "arch": arch,
        "recipe": recipe,
        "size": size,
        "seed": seed,
        "skip_bad": skip_bad,
    }
    said |= {"arch_option": arch_option, "pretrained": pretrained, "init": init, **options}
    report = FindLrReport(
        data=Path(source.train_csv or source.data or "").name,
        arch=arch,
        recipe=recipe,
        optimizer=chosen.optimizer,
        batch_size=chosen.batch_size,
        size_px=decoded.size_px,
        steepest=best.steepest,
        lowest=best.lowest,
        tenth=best.tenth,
        recommended=recommended,
        rates=seen.rates,
        losses=seen.losses,
        smoothed=seen.smoothed,
        diverged=seen.diverged,
        plot=plot,
        next=command_of("train", said, "--lr", f"{recommended:.1e}"),
    )
    page = find_lr_plot(report)
    if page is None:
        return with_changes(report, plot=None)
    write_output(plot, [seal_png(page)], replace, is_ours=is_ours)
    return report


def _swept(
    network: Any, decoded: DecodedImages, recipe: Recipe, seed: int, device: str, rates: Sequence[float], quiet: bool
) -> Any:
    """Return what the range test saw of the training images."""
    import torch

    from ensemble_kit.images.augmentation import augment
    from ensemble_kit.training import stepper, sweep

    images = torch.from_numpy(np.array(decoded.images["train"]))
    say_joined(network, images, recipe, quiet)
    take_step = stepper(
        network,
        images,
        torch.from_numpy(np.array(decoded.split("train").labels)),
        len(decoded.data.classes),
        recipe,
        seed,
        partial(augment, strength=recipe.augment, flip=recipe.flip),
        device,
    )
    with Watch("find-lr", recipe.batch_size * len(rates), quiet) as watch:
        return sweep(take_step, rates, lambda: watch.advance(recipe.batch_size))


def command_of(command: str, said: Mapping[str, Any], *more: str) -> str:
    """Return `ek train` or `ek find-lr` with the options that both have, as far as they were said, and more words."""
    words = ["ek", command]
    for name, default in _TRAINS_TOO.items():
        value, option = said.get(name, default), "--" + name.replace("_", "-")
        if str(value) == str(default):
            continue
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, Mapping):
            words += [word for key, one in value.items() for word in (option, f"{key}={one}")]
        else:
            several = value if isinstance(value, (list, tuple)) else [value]
            words += [word for one in several for word in (option, str(one))]
    return shlex.join([*words, *more])


_TRAINS_TOO: Final = {
    name: None if name in ("arch", "recipe") else parameter.default  # those two are always said
    for name, parameter in signature(find_lr).parameters.items()
    if name not in ("steps", "out", "replace", "quiet")
}
"""The options that `train` has too, and which of their values go without saying."""
