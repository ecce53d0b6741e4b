"""New images through a blend, or one member -> a file with their classes."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np

from ensemble_kit.context import DeviceOption, QuietOption, RunContext, VerifyOption
from ensemble_kit.ensembling.combining import METHODS
from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.images import Source, check_megapixels, walk_images
from ensemble_kit.pipeline.entry import command
from ensemble_kit.pipeline.models import on_device, pass_settings
from ensemble_kit.pipeline.predict.abstention import abstention_report, check_abstention
from ensemble_kit.pipeline.predict.batches import Answered, answered_chunks
from ensemble_kit.pipeline.predict.early_exit import EarlyExit, check_early_exit, early_exit_of, early_exit_report
from ensemble_kit.pipeline.predict.output_file import Row, check_out, header_of, render, rows_of
from ensemble_kit.pipeline.predict.predictor import Predictor, blend_predictor, member_predictor
from ensemble_kit.reporting.terminal import Watch
from ensemble_kit.results import PredictReport
from ensemble_kit.storage.files import check_output, write_output
from ensemble_kit.tables import pick
from ensemble_kit.workspace import BlendsOption, CacheOption, PredictionsOption, Workspace


class PredictOptions(PredictionsOption, BlendsOption, CacheOption, DeviceOption, VerifyOption, QuietOption):
    """What `predict` takes along."""


@command
def predict(
    images: Sequence[str | Path],
    blend: str | Path | None = None,
    *,
    ckpt: str | Path | None = None,
    method: str | None = None,
    top: int = 1,
    abstain_below: float | None = None,
    accuracy: float | None = None,
    early_exit: float | None = None,
    out: str | Path = "predictions.csv",
    replace: bool = False,
    weights: str | Path | None = None,
    engine: str = "auto",
    precision: str = "float32",
    batch_size: int = 64,
    max_megapixels: float | None = None,
    **options: Unpack[PredictOptions],
) -> PredictReport:
    """Predict the classes of new images by a blend, or by one member, which is a blend of its views.

    Images are read, predicted and written down some at a time, so it does not matter how many
    there are; nothing of them is kept but the rows of the file. An image that cannot be read has
    the reason in its row.

    Args:
        images: files, and folders of images.
        blend: a name in `blends`, or the path of its .json; None, without a ckpt: the only one there is.
        ckpt: instead of a blend: a run folder or checkpoint; `timm:NAME` or an ONNX file that has a member.
        method: what each view of that member casts: logit-sum (None), prob-mean, geo-mean,
            majority-vote, borda. A blend has its own.
        top: how many classes a row names.
        abstain_below: a row whose probability (for votes: vote share) is lower is flagged.
        accuracy: flag so many that, with 95 % confidence, this share of the others is right;
            found on val, cross-fitted.
        early_exit: compute members, and views, one by one, and stop where the class is settled; at most this
            share of predictions may become wrong by that. Always 0 for prob-mean, majority-vote and borda; sums
            of logits stop by a margin that was found on val.
        out: a name in .csv, .json or .jsonl; see `output_file` for the columns. A device takes CSV.
        replace: overwrite the file of that name.
        weights: the file of a timm network's weights, with `ckpt`.
        engine, precision, batch_size, options: see `tta`.
        max_megapixels: larger images get no class; None: what members were trained with, at least 50.

    Raises:
        InvalidOptionError, UnknownNameError: no such blend, checkpoint or member, members that cannot
            predict new images, no images, a file that is there already, or options that cannot be or
            do not go together.
        BadDataError: not one image can be read, or members without val labels where val must tell.
        CorruptError: a damaged file, or a blend whose members have changed.
        ResourceError: memory or disk that is not there.
    """
    started = time.perf_counter()
    out, places = Path(out), [Path(image) for image in images]
    _check(blend, ckpt, method, weights, out)
    check_output(out, replace, inputs=places)
    check_abstention(abstain_below, accuracy, early_exit)
    check_megapixels(max_megapixels)
    workspace, context = Workspace.of(options), RunContext.of(options)
    settings = on_device(pass_settings(engine, precision, batch_size, context.device, None, False))
    if ckpt is None:
        predictor = blend_predictor(blend, workspace, context.verify)
    else:
        predictor = member_predictor(ckpt, weights, method or "logit-sum", workspace, context.verify)
    method = predictor.tuned.method
    if not 1 <= top <= len(predictor.classes):
        raise InvalidOptionError(f"--top is {top}; wanted 1 to {len(predictor.classes)}, the number of classes.")
    check_early_exit(early_exit, method, predictor.tuned.stack is not None, predictor.name)
    total = sum(1 for _ in walk_images(places))
    max_px = Source(max_megapixels=max_megapixels).max_px or predictor.max_px
    abstain = abstention_report(predictor, abstain_below, accuracy, context.quiet)
    stop = None if early_exit is None else early_exit_of(predictor, early_exit)
    count = Count(_passes(predictor, stop), 0.0 if abstain is None else abstain.threshold)
    with Watch("predict", total, context.quiet) as watch:
        chunks = answered_chunks(predictor, stop, settings, places, max_px, context.quiet)
        rows = _counted(chunks, predictor.classes, top, count, watch)
        write_output(out, render(out, header_of(method, top), rows), replace)
    return PredictReport(
        name=predictor.name,
        blend=predictor.is_blend,
        method=method if predictor.tuned.stack is None else "stacking",
        members=tuple(predictor.members[place].manifest.name for place in predictor.models),
        views=sum(len(step.views) for step in predictor.every),
        pictures=count.images,
        unreadable=count.unreadable,
        first_unreadable=count.first_unreadable,
        abstained=count.abstained,
        cascade=None if stop is None else early_exit_report(predictor, stop, count.taken),
        abstain=abstain,
        seconds=time.perf_counter() - started,
        path=out,
    )


@dataclass
class Count:
    """What is counted while rows go by.

    passes: forward passes by the number of steps; taken: images by the number of steps.
    """

    passes: Sequence[int]
    threshold: float
    images: int = 0
    unreadable: int = 0
    first_unreadable: str | None = None
    abstained: int = 0

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.taken = np.zeros(len(self.passes), np.int64)

    def add(self, answered: Answered, rows: Sequence[Row]) -> None:
        """Count the rows of a chunk."""
        self.images += len(rows)
        self.unreadable += len(answered.chunk.unreadable)
        self.first_unreadable = self.first_unreadable or next(iter(answered.chunk.unreadable.values()), None)
        self.abstained += sum(row[-2] is True for row in rows)
        self.taken += np.bincount(answered.steps, minlength=len(self.taken))


def _counted(
    chunks: Iterator[Answered], classes: Sequence[str], top: int, count: Count, watch: Watch
) -> Iterator[list[Row]]:
    """Yield the rows of each chunk, counted.

    Raises:
        BadDataError: not one image could be read.
    """
    for answered in chunks:
        rows = rows_of(answered, classes, top, count.passes, count.threshold)
        count.add(answered, rows)
        watch.advance(len(rows))
        yield rows
    if count.unreadable == count.images:
        raise BadDataError(f"No image can be read, of {count.images}: {count.first_unreadable} Nothing was written.")


def _passes(predictor: Predictor, stop: EarlyExit | None) -> list[int]:
    """Return how many forward passes so many steps are; without early exit there is one step."""
    if stop is None:
        return [sum(len(step.views) for step in predictor.every)]
    each = [len(predictor.steps.steps[step].views) for step in stop.rule.order]
    return [sum(each[:taken]) for taken in range(len(each) + 1)]


def _check(
    blend: str | Path | None, ckpt: str | Path | None, method: str | None, weights: str | Path | None, out: Path
) -> None:
    """Raise unless it is clear who is asked, and how it is written down.

    Raises:
        InvalidOptionError, UnknownNameError: see `predict`.
    """
    if blend is not None and ckpt is not None:
        raise InvalidOptionError("Wanted --blend NAME or --ckpt RUN, got both; leave one out.")
    if ckpt is None and (method is not None or weights is not None):
        raise InvalidOptionError(
            "A blend has its own method and its members their weights; leave --method and "
            "--weights out, or name one member by --ckpt."
        )
    if method is not None:
        pick(METHODS, method, "method")
    check_out(out)
