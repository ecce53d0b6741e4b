"""frozen network + linear classifier -> run, checkpoint, member, in seconds.

The member is an ordinary one: the classifier is put into the network's last layer, so whatever
takes a checkpoint takes this one. Val is never used to fit or to choose.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple, Unpack

import numpy as np

import models_zoo
from ensemble_kit.context import DeviceOption, QuietOption, RunContext, ThreadsOption
from ensemble_kit.disk import check_writable
from ensemble_kit.ensembling.statistics import fold_of
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images import Source, SourceOption
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.inputs import DecodedImages, open_images, relative
from ensemble_kit.pipeline.members import describe_member
from ensemble_kit.pipeline.models import Plan, arch_options, build_network, stored_source, threads_of, with_device
from ensemble_kit.pipeline.runs.cached_features import Seen, Wanted, last_layer, see_features
from ensemble_kit.pipeline.runs.claim_name import Request, base_name, claim
from ensemble_kit.pipeline.runs.save_member import compute_and_write, facts_of_run
from ensemble_kit.results import ProbeReport
from ensemble_kit.storage.members import check_name
from ensemble_kit.types import IDENTITY
from ensemble_kit.workspace import CacheOption, PredictionsOption, RunsOption, Workspace

RECIPE: Final = "probe"


class Fitted(NamedTuple):
    """A classifier, and the cross-validation in train that chose its penalty, strong to weak."""

    affine: Any
    tried: tuple[Any, ...]
    best: Any


class ProbeOptions(SourceOption, PredictionsOption, RunsOption, CacheOption, DeviceOption, ThreadsOption, QuietOption):
    """What `probe` takes along."""


@command
def probe(
    data: str | Path | None = None,
    arch: str = "timm:tf_efficientnet_lite0",
    *,
    name: str | None = None,
    size: int | None = None,
    skip_bad: bool = False,
    arch_option: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    init: str | Path | None = None,
    flip: bool = False,
    replace: bool = False,
    **options: Unpack[ProbeOptions],
) -> ProbeReport:
    """Fit a linear classifier on what a pre-trained network sees; write a member.

    Where the images are, the network's options, folders, device, threads and quiet: as in `train`.

    Args:
        name: of the member; None takes ARCH-probe, then ARCH-probe-2, ...
        pretrained, init: where the network's weights come from; one of them.
        flip: fit on the mirrored training images too.

    Raises:
        InvalidOptionError: no weights, a network that ends in no linear layer, a name that is taken.
        BadDataError: images that cannot be used.
        LockedError: another process writes under this name.
        ResourceError: no room on the disk, or no network for `pretrained`.
    """
    import torch

    if not pretrained and init is None:
        raise InvalidOptionError(
            "A probe needs pre-trained weights; features of random weights are worth nothing. "
            "Give --pretrained, or --init FILE, as a checkpoint of ek train."
        )
    started = time.perf_counter()
    source, workspace = Source.of({"data": data, **options}), Workspace.of(options)
    chosen, context = arch_options(arch, arch_option or {}, pretrained), with_device(RunContext.of(options))
    own_size_px = models_zoo.own_size_px(arch) if pretrained else None
    if name is not None:
        check_name(name)
    for folder in (workspace.predictions, workspace.runs):
        check_writable(folder)
    decoded = open_images(source, size, workspace.cache, context, skip_bad=skip_bad, own_size_px=own_size_px)

    def plan_of(name: str) -> Plan:
        return Plan(
            name=name,
            source=stored_source(source, workspace.runs / name),
            arch=arch,
            arch_option=chosen,
            recipe=RECIPE,
            hyperparameters={"dropout": 0.0, "flip": flip},
            size=decoded.size_px,
            seed=0,
            skip_bad=skip_bad,
            pretrained=pretrained,
            weights=None if init is None else str(relative(init, workspace.runs / name)),
            keep="last",
            metric="log-loss",
            patience=0,
            device=context.device,
            threads=torch.get_num_threads(),
            classes=decoded.data.classes,
        )

    with ExitStack() as held:
        held.enter_context(threads_of(context.threads))
        asked = Request(
            name,
            f"{base_name(arch)}-probe",
            workspace,
            False,
            replace,
            lambda name: (plan_of(name), decoded.fingerprints),
        )
        claimed = claim(held, asked)
        return _probed(plan_of(claimed.name), decoded, workspace, context.quiet, started)


def _probed(plan: Plan, decoded: DecodedImages, workspace: Workspace, quiet: bool, started: float) -> ProbeReport:
    """See, fit, put together, write."""
    folder, flip = workspace.runs / plan.name, bool(plan.hyperparameters["flip"])
    network = build_network(
        plan.arch,
        plan.arch_option,
        plan.size,
        plan.classes,
        decoded.images["train"],
        pretrained=plan.pretrained,
        weights=None if plan.weights is None else folder / plan.weights,
    )
    views = [("train", IDENTITY), *([("train", "hflip")] if flip else [])]
    begun = time.perf_counter()
    seen = see_features(network, decoded, views, workspace.cache, plan.device, quiet, plan.arch, plan.arch_option)
    features_s = time.perf_counter() - begun
    fitted = _fitted(seen.features, decoded, flip)
    _put_in(network, fitted.affine)
    facts = facts_of_run(asdict(plan), decoded, network, time.perf_counter() - started)
    facts |= {"kept_epoch": 0, "penalty": fitted.best.penalty}
    metrics = [one._asdict() for one in fitted.tried]
    compute_and_write(folder, workspace.predictions, facts, network, decoded, quiet, metrics, _config(plan))
    return ProbeReport(
        member=describe_member(workspace.predictions, plan.name),
        run=folder,
        arch=plan.arch,
        size_px=plan.size,
        features=seen.features["train", IDENTITY].shape[1],
        flip=flip,
        penalty=fitted.best.penalty,
        train_log_loss=fitted.best.log_loss,
        train_accuracy=fitted.best.accuracy,
        train_images=len(decoded.split("train").ids),
        computed=seen.computed,
        features_s=features_s,
        seconds=time.perf_counter() - started,
    )


def _fitted(features: Mapping[Wanted, Seen], decoded: DecodedImages, flip: bool) -> Fitted:
    """Return the classifier; its penalty is chosen by 5-fold cross-validation, mirrored twins in one fold."""
    from ensemble_kit.training import best, choose_penalty, fit_affine

    train = decoded.split("train")
    labels = np.array(train.labels)
    fold = fold_of(train.ids, labels, train.groups)
    views = [IDENTITY, *(["hflip"] if flip else [])]
    rows = np.concatenate([features["train", view] for view in views])
    labels, fold = np.tile(labels, len(views)), np.tile(fold, len(views))
    tried = choose_penalty(rows, labels, fold, len(decoded.data.classes))
    chosen = best(tried)
    return Fitted(fit_affine(rows, labels, len(decoded.data.classes), chosen.penalty), tried, chosen)


def _put_in(network: Any, affine: Any) -> None:
    """Make the classifier the network's last layer."""
    import torch

    layer = network.body.get_submodule(last_layer(network))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(affine.weight))
        layer.bias.copy_(torch.from_numpy(affine.bias))


def _config(plan: Plan) -> dict[str, Any]:
    """Return the options of `ek probe` that repeat the run."""
    kept = ("arch", "arch_option", "size", "skip_bad", "pretrained", "weights", "device", "threads")
    return {"name": plan.name, **plan.source, "flip": plan.hyperparameters["flip"]} | {
        one: getattr(plan, one) for one in kept
    }
