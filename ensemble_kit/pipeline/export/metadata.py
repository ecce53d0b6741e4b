"""What an exported file says of itself: enough to use it without us, and to know what it was made from.

To add a line: a key in `metadata`. Readers find it under `metadata_props`, and ONNX Runtime under
`custom_metadata_map`.
"""

import json
from collections.abc import Sequence
from typing import Any

from ensemble_kit.ensembling.combining import voting_of
from ensemble_kit.images import RESIZE
from ensemble_kit.pipeline.models import OpenBlend, versions
from ensemble_kit.storage import blends as blend_store


def metadata(opened: OpenBlend, graphs: Sequence[Any], size: int | None) -> dict[str, str]:
    """Return what the file says of itself, each value a text or JSON.

    Args:
        graphs: of `inference.blend_graph`, in the order of the members that count.
        size: side of the images that the graph takes; None: any.
    """
    saved, side = opened.saved, size or "any"
    members = [
        {
            "name": (pin := saved.members[place]).name,
            "manifest_sha256": pin.manifest_sha256,
            "checkpoint_sha256": pin.checkpoint_sha256,
            "size_px": graph.size_px,
            "views": dict(zip(graph.views, graph.view_weights, strict=True)),
            "temperature": graph.temperature,
            "weight": graph.weight,
        }
        for place, graph in zip(opened.counting, graphs, strict=True)
    ]
    return {
        "classes": json.dumps(saved.classes),
        "blend": saved.name,
        "blend_sha256": blend_store.blend_sha256(saved),
        "members": json.dumps(members),
        "method": method_of(opened),
        "blend_temperature": json.dumps(saved.blend_temperature),
        "input": f"pictures: uint8 RGB, upright, (any, 3, {side}, {side})",
        "output": output_of(opened),
        "size_px": json.dumps(size),
        "resize": RESIZE,
        "honest_accuracy": json.dumps(saved.figures.get("honest_accuracy")),
        "honest_interval": json.dumps(saved.figures.get("honest_interval")),
        "versions": json.dumps(versions()),
    }


def method_of(opened: OpenBlend) -> str:
    """Return how the blend is counted: its method, or `stacking`."""
    return opened.saved.method if opened.saved.stack is None else "stacking"


def output_of(opened: OpenBlend) -> str:
    """Return what the numbers of the classes are."""
    return "vote shares" if voting_of(opened.saved.method).unit == "votes" else "probabilities"
