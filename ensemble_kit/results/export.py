"""A blend as one ONNX graph, and how far it was checked."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportReport:
    """The graph of a blend.

    side_px: of the images that the graph takes; None: any height and width, each resized as the
        members had it.
    views: forward passes per image, over all members.
    output: what the graph's `probabilities` are: probabilities, or vote shares.
    checked: images that the graph was run on; compared with PyTorch on the very same pixels: with the
        way of `ek tta`, but where side_px is given and members have other sizes, on images resized twice.
    largest_difference: between probabilities, over the images that were compared.
    near_ties: images left out where votes are counted, as a member's logits are too near a tie to
        tell whom it votes for.
    sizes_px: every input size of a member.
    squares_px: side of the squares that were also given to the graph, in batches of `batch`, for
        the two figures that follow.
    squares_changed: images of `checked` with another class than from their files through PyTorch, when they
        come as such squares.
    ms_graph, ms_torch: what an image takes in ONNX Runtime and in PyTorch, in such batches.
    """

    blend: str
    method: str
    path: Path
    size_mb: float
    side_px: int | None
    members: tuple[str, ...]
    sizes_px: tuple[int, ...]
    views: int
    classes: int
    output: str
    checked: int
    largest_difference: float
    near_ties: int
    squares_px: int
    squares_changed: int
    batch: int
    ms_graph: float
    ms_torch: float
    threads: int
    honest_accuracy: float | None
    opset: int
    notes: tuple[str, ...]
    seconds: float
