"""A blend -> one ONNX graph in one file, checked on images before it is written."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ensemble_kit.context import QuietOption, RunContext, VerifyOption
from ensemble_kit.ensembling.combining import METHODS, TIE_WIDTH, normalised, voting_of
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images import list_images, read_source
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.export.check import BATCH, Torch, check
from ensemble_kit.pipeline.export.metadata import metadata, method_of, output_of
from ensemble_kit.pipeline.inputs import check_size
from ensemble_kit.pipeline.models import Model, OpenBlend, models_of, open_blend
from ensemble_kit.reporting.terminal import note, say
from ensemble_kit.results import ExportReport
from ensemble_kit.splits import VAL
from ensemble_kit.storage.files import check_output, write_output
from ensemble_kit.types import Tuned
from ensemble_kit.workspace import BlendsOption, CacheOption, PredictionsOption, Workspace

SAMPLE_PX = (41, 53)  # what the graph is traced with where every size is open; different, so that both stay open


class ExportOptions(PredictionsOption, BlendsOption, CacheOption, VerifyOption, QuietOption):
    """What `export` takes along."""


@command
def export(
    blend: str | Path | None = None,
    out: str | Path | None = None,
    *,
    size: int | None = None,
    check_on: str | Path | None = None,
    replace: bool = False,
    **options: Unpack[ExportOptions],
) -> ExportReport:
    """Write a whole blend as one ONNX graph: uint8 images -> probabilities and the winning class.

    Resizes, views, networks, temperatures, votes, weights, `T_blend` and ties are inside. The graph is
    run beside PyTorch on images first; where they differ nothing is written.

    Args:
        blend: a name in `blends`, or the path of its .json; None: the only one there is.
        out: the file; None: `exports/<blend>.onnx`.
        size: side of the images that the graph takes. None: any height and width, each image
            resized inside to every member's size, as `ek tta` does. With a size, members of
            other sizes see images that are resized twice.
        check_on: an image, or a folder of them, to compare on; None: the val images of the members.
        replace: overwrite the file of that name.

    Raises:
        InvalidOptionError: no such blend, members without a network of ours or of timm's, a size that
            cannot be, a file that is there already, or the extra [onnx] is not installed.
        BadDataError: no images to check on, or the graph says something else than PyTorch.
        CorruptError: a damaged file, or a member that has changed since.
        ResourceError: no room for the file.
    """
    from ensemble_kit.inference.engines import OPSET, graph_bytes, require

    started = time.perf_counter()
    require("onnx", "onnxscript", "onnxruntime")
    check_size(size)
    workspace, context = Workspace.of(options), RunContext.of(options)
    opened = open_blend(blend, workspace, context.verify)
    path = Path("exports", f"{opened.saved.name}.onnx") if out is None else Path(out)
    check_output(path, replace, inputs=[opened.path])
    models = _exportable(opened, workspace.predictions)
    paths = _check_paths(check_on, models)
    torch_blend = Torch(_graphs(opened, models), _numbers(opened), opened.saved.classes)
    say(f"Writing the graph of {', '.join(model.name for model in models)} ...", context.quiet)
    graph = _graph(opened, torch_blend, size, graph_bytes)
    found = check(graph, size, torch_blend, paths, context.quiet)
    write_output(path, [graph], replace)
    import torch

    return ExportReport(
        blend=opened.saved.name,
        method=method_of(opened),
        path=path,
        size_mb=len(graph) / 1e6,
        side_px=size,
        members=tuple(model.name for model in models),
        sizes_px=tuple(torch_blend.sizes_px),
        views=sum(len(graph.views) for graph in torch_blend.graphs),
        classes=len(opened.saved.classes),
        output=output_of(opened),
        checked=found.images,
        largest_difference=found.largest_difference,
        near_ties=found.near_ties,
        squares_px=found.squares_px,
        squares_changed=found.squares_changed,
        batch=min(BATCH, found.images),
        ms_graph=found.ms_graph,
        ms_torch=found.ms_torch,
        threads=torch.get_num_threads(),
        honest_accuracy=opened.saved.figures.get("honest_accuracy"),
        opset=OPSET,
        notes=_notes(opened),
        seconds=time.perf_counter() - started,
    )


def _exportable(opened: OpenBlend, predictions: Path) -> tuple[Model, ...]:
    """Return the models of the members that have a say.

    Raises:
        InvalidOptionError: one has no network, or one that no graph can be made of; each is named.
    """
    models = models_of(opened, predictions, "ek export")
    manifests = [opened.members[place].manifest for place in opened.counting]
    files = [manifest.name for manifest in manifests if manifest.arch == "onnx"]
    if files:
        raise InvalidOptionError(
            f"ek export joins networks of ours and of timm's, not ONNX files of others: {', '.join(map(repr, files))}. "
            "Blend the other members, or use ek predict."
        )
    return models


def _check_paths(check_on: str | Path | None, models: Sequence[Model]) -> Sequence[Path]:
    """Return the images to check on.

    Raises:
        BadDataError, InvalidOptionError: there are none.
    """
    if check_on is not None:
        return list_images([Path(check_on)]).paths
    try:
        splits = read_source(models[0].source, val_needed=not models[0].fold).splits
        return splits.get(VAL, splits["train"]).paths
    except (BadDataError, InvalidOptionError) as error:
        raise BadDataError(
            f"The val images that '{models[0].name}' was made with are not there: {error} "
            "Or name images to check the graph on: --check-on FOLDER."
        ) from error


def _graphs(opened: OpenBlend, models: Sequence[Model]) -> tuple[Any, ...]:
    """Return the graph of each member, with its views of weight above 0."""
    from ensemble_kit.inference.blend_graph import MemberGraph, Reordered

    graphs = []
    weights = normalised(opened.saved.tuned().weights, len(opened.members))
    for place, model in zip(opened.counting, models, strict=True):
        pin, manifest = opened.saved.members[place], opened.members[place].manifest
        network = model.load(manifest.classes)
        if manifest.classes != opened.saved.classes:
            network = Reordered(network, [manifest.classes.index(name) for name in opened.saved.classes])
        seen = [(view, weight) for view, weight in zip(pin.views, pin.view_weights, strict=True) if weight > 0]
        views, shares = zip(*seen, strict=True)
        shares = tuple(normalised(np.array(shares), len(shares)).tolist())
        graphs.append(MemberGraph(network, model.size_px, views, shares, pin.temperature, float(weights[place])))
    return tuple(graphs)


def _numbers(opened: OpenBlend) -> Tuned:
    """Return the numbers for a pool that holds the members and views that count, and no others."""
    tuned, counting = opened.saved.tuned(), list(opened.counting)
    seen = [tuned.view_weights[place] for place in counting]
    return replace(
        tuned,
        view_weights=tuple(weights[weights > 0] for weights in seen),
        temperatures=tuned.temperatures[counting],
        weights=tuned.weights[counting],
    )


def _graph(opened: OpenBlend, blend: Torch, size: int | None, graph_bytes: Any) -> bytes:
    """Return the ONNX file."""
    import torch

    from ensemble_kit.inference.blend_graph import INPUT, OUTPUTS, BlendGraph, Count

    tuned, voting = blend.tuned, voting_of(opened.saved.method)
    stack = tuned.stack
    heard = None if stack is None else (torch.tensor(stack.coefficients), torch.tensor(stack.intercepts))
    count = Count(METHODS[tuned.method].graph_cast, voting.unit, tuned.blend_temperature, TIE_WIDTH, heard)
    height, width = SAMPLE_PX if size is None else (size, size)
    sample = torch.zeros(2, 3, height, width, dtype=torch.uint8)
    axes = {0: "images"} | ({2: "height", 3: "width"} if size is None else {})
    module = BlendGraph(blend.graphs, count, size)
    made: bytes = graph_bytes(module, sample, axes, INPUT, OUTPUTS, metadata(opened, blend.graphs, size))
    return made


def _notes(opened: OpenBlend) -> tuple[str, ...]:
    """Return what a person should know of the graph."""
    rounded = [
        manifest.name
        for place in opened.counting
        if (manifest := opened.members[place].manifest).preprocessing.get("precision", "float32") != "float32"
    ]
    return (note("in-bfloat16", members=list(map(repr, rounded))),) if rounded else ()
