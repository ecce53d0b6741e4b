"""Test-time views: variants of an image that a finished model predicts, under canonical names.

    hflip vflip rot90 rot180 rot270 transpose transverse   turns; rot90 is counter-clockwise
    crop@R:PLACE          a square of R times the side at full size; center tl tr bl br or YxX in [0, 1]
    scale@F[:MODE]        zoomed by F about the centre, 0.5 <= F <= 2; MODE edge, reflect or zero
    shift@A:WHERE[:MODE]  moved left, right, up or down by A times the side, 0 <= A <= 0.5
    brightness@F contrast@F saturation@F gamma@F sharpness@F grey    another light

joined by `*`, applied from left to right: `crop@0.875:tl*hflip` crops, then mirrors. A list is
joined by `,` and may name sets (`VIEW_SETS`). Equal views have one spelling where they are equal
at every size, and equal primitives (`lowered`) where they are so at one. Every view keeps the
shape of the batch. The parts: `names` reads, `sets` multiplies, `steps` orders and
lowers, `pixels` computes. Never loads torch before there are pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ensemble_kit.inference.views.names import Piece, fill_form, find_form, read_steps, spelled
from ensemble_kit.inference.views.primitives import Primitive, Resize
from ensemble_kit.inference.views.sets import FORMS
from ensemble_kit.inference.views.steps import lower
from ensemble_kit.types import IDENTITY

if TYPE_CHECKING:
    from torch import Tensor

KEPT: Final = 2  # enlarged batches kept for later views
Chain = tuple[Primitive, ...]


def parse_views(text: str) -> tuple[str, ...]:
    """Return the canonical names of a list of views; `identity` always stands first, each view once.

    Raises:
        InvalidOptionError: a view that cannot be read; names the piece and its place.
        UnknownNameError: a name that is neither a view nor a set.

    Example:
        >>> parse_views("flips,scale@1.150,hflip*vflip")
        ('identity', 'hflip', 'scale@1.15', 'rot180')
    """
    names = (name for piece in Piece(text, text).split(",") for name in _read_element(piece))
    return tuple(dict.fromkeys([IDENTITY, *names]))


def canonical(name: str) -> str:
    """Return the one spelling of a view.

    Raises:
        InvalidOptionError, UnknownNameError: as `parse_views`.

    Example:
        >>> canonical("hflip * crop@.8750:tl * identity")
        'crop@0.875:tr*hflip'
    """
    return spelled(read_steps(Piece(name, name), FORMS))


def lowered(name: str, size_px: int) -> Chain:
    """Return what a view does to square images of one size; the same tuple is the same view there.

    Raises:
        InvalidOptionError, UnknownNameError: as `parse_views`; a crop that enlarges beyond all measure.

    Example:
        >>> lowered("hflip*crop@0.75:tl", 9)
        (Resize(side_px=12), Cut(above=0, below=3, left=3, right=0), Turn(swap=False, rows=False, columns=True))
        >>> lowered("scale@1.04", 9)
        ()
    """
    return _lowered(name, size_px, size_px)


def merge_equal(views: Sequence[str], size_px: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the views that differ on square images of one size, and which one each dropped view equals.

    Of equal views the first stays, `identity` before all others.

    Raises:
        InvalidOptionError, UnknownNameError: as `lowered`.

    Example:
        >>> merge_equal(["identity", "scale@1.01", "hflip", "crop@0.99:br*hflip"], 28)
        (('identity', 'hflip'), {'scale@1.01': 'identity', 'crop@0.99:br*hflip': 'hflip'})
    """
    first: dict[Chain, str] = {}
    for view in sorted(views, key=lambda view: view != IDENTITY):
        first.setdefault(lowered(view, size_px), view)
    equal = {view: first[lowered(view, size_px)] for view in views}
    kept = dict.fromkeys(first.values())
    return tuple(kept), {view: same for view, same in equal.items() if view not in kept}


def see(views: Iterable[str], pixels: "Tensor") -> "Iterator[Tensor]":
    """Yield the batch (images, 3, size, size) through each view, in the same shape.

    Views that begin with the same resize share it: ten-crop enlarges once. A result may be a
    slice of what is shared, or the batch itself: read it, never write to it.

    Args:
        pixels: floats in [0, 1].

    Raises:
        InvalidOptionError, UnknownNameError: as `lowered`; a view that wants squares of other images.

    Example:
        >>> import torch
        >>> [tuple(seen.shape) for seen in see(["identity", "rot90"], torch.zeros(2, 3, 5, 5))]
        [(2, 3, 5, 5), (2, 3, 5, 5)]
    """
    height_px, width_px = pixels.shape[-2:]
    chains = [_lowered(view, height_px, width_px) for view in views]
    shared: dict[Chain, Tensor] = {(): pixels}
    for number, chain in enumerate(chains):
        seen = _run(chain, shared)
        shared = {(): pixels, **{key: shared[key] for key in _soonest(shared, chains[number + 1 :])}}
        yield seen


def _read_element(piece: Piece) -> Iterator[str]:
    """Yield the canonical names of one element of a list: a view, or a set."""
    if not piece.text:
        raise piece.refused("a view or a set, such as hflip or ten-crop")
    form = find_form(piece.split("*")[0], FORMS)
    if form.is_set and "*" not in piece.text:
        yield from map(canonical, fill_form(form, piece))
    else:
        yield spelled(read_steps(piece, FORMS))


@lru_cache(maxsize=4096)
def _lowered(name: str, height_px: int, width_px: int) -> Chain:
    return lower(read_steps(Piece(name, name), FORMS), height_px, width_px)


def _run(chain: Chain, shared: "dict[Chain, Tensor]") -> "Tensor":
    """Return the pixels at the end of a chain, from the longest beginning that is there; keep what it resizes."""
    from ensemble_kit.inference.views.pixels import carry_out

    done = next(end for end in range(len(chain), -1, -1) if chain[:end] in shared)
    pixels = shared[chain[:done]]
    for end, primitive in enumerate(chain[done:], done + 1):
        pixels = carry_out(primitive, pixels)
        if isinstance(primitive, Resize):
            shared[chain[:end]] = pixels
    return pixels


def _soonest(beginnings: Iterable[Chain], later: Sequence[Chain]) -> list[Chain]:
    """Return the beginnings that later chains need, those needed soonest, at most `KEPT`."""
    used = {key: next((n for n, chain in enumerate(later) if chain[: len(key)] == key), None) for key in beginnings}
    needed = [(place, key) for key, place in used.items() if key and place is not None]
    return [key for _, key in sorted(needed, key=lambda pair: pair[0])][:KEPT]
