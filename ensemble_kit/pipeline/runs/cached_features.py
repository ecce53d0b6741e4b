"""What a frozen network sees: the numbers that its last layer turns into logits, kept in the cache.

    <cache>/features/<key>.npy    float32, shape (images, features)
    <cache>/features/<key>.json   what vouches for it, see `cached_array`

The key names all that decides about them: weights, architecture, preprocessing, the rows and
the view. A file that is damaged is computed anew.
"""

import copy
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Float32

from ensemble_kit.disk import note_path, read_cached, render_note
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.reporting.terminal import Watch, say
from ensemble_kit.storage.files import replace_files

FEATURES: Final = "features"  # in the cache
AT_ONCE: Final = 64  # images
FORMAT: Final = 1

Wanted = tuple[str, str]
"""A split and a view, as ("train", "hflip")."""
Seen = Float32[np.ndarray, "images features"]


class Sight(NamedTuple):
    """Features, and how many images had to be computed for them."""

    features: Mapping[Wanted, Seen]
    computed: int


def last_layer(network: Any) -> str:
    """Return the name, within the body, of the linear layer that a network ends in.

    Raises:
        InvalidOptionError: its head has no such layer, or layers before it that start anew.
    """
    from torch import nn

    heads = tuple(network.head)
    parts = {name: part for name, part in network.body.named_modules() if heads and f"{name}.".startswith(heads)}
    linear = [name for name, part in parts.items() if isinstance(part, nn.Linear) and part.bias is not None]
    if not linear:
        raise InvalidOptionError(
            "This network ends in no linear layer that is known as its classifier, so there is nothing to fit. "
            "Take another --arch, or train it whole: ek train."
        )
    others = [name for name, _ in network.body.named_parameters() if name.startswith(heads)]
    if network.replaced_head and len(others) > 2:
        raise InvalidOptionError(
            "The classifier of this network has layers before the last one, and they start anew: "
            f"{network.replaced_head} Features behind random layers are worth little. "
            "Take another --arch, or train it whole: ek train."
        )
    return str(linear[-1])


def trunk_of(network: Any) -> Any:
    """Return a copy of the network that gives the features that its last layer takes.

    Raises:
        InvalidOptionError: as `last_layer`.
    """
    from torch import nn

    name = last_layer(network)
    trunk = copy.deepcopy(network)
    parent, _, leaf = name.rpartition(".")
    setattr(trunk.body.get_submodule(parent), leaf, nn.Identity())
    return trunk


def see_features(
    network: Any,
    decoded: DecodedImages,
    wanted: Sequence[Wanted],
    cache: Path,
    device: str,
    quiet: bool,
    arch: str,
    options: Mapping[str, Any],
) -> Sight:
    """Return the features of splits through views, computed where the cache does not hold them.

    Args:
        wanted: pairs of a split and a view, as ("train", "hflip").
        arch, options: what the weights belong to.

    Raises:
        InvalidOptionError: as `last_layer`.
        BadDataError: the network gives numbers that are not finite.
        ResourceError: the cache cannot be written.
    """
    from ensemble_kit.inference.engines import compute_logits, start

    trunk = trunk_of(network)
    mark = _mark(trunk, arch, options)
    paths = {one: cache / FEATURES / f"{_key(mark, decoded, *one)}.npy" for one in wanted}
    kept = {one: read_cached(path, path.stem, say) for one, path in paths.items()}
    found = {one: np.array(held.array) for one, held in kept.items() if held is not None}
    missing = [one for one in wanted if one not in found]
    if not missing:
        return Sight(found, 0)
    running = start(trunk, "auto", device, decoded.images["train"][:AT_ONCE])
    with Watch("features", sum(len(decoded.images[split]) for split, _ in missing), quiet) as watch:
        for one in missing:
            split, view = one
            found[one] = compute_logits(running, decoded.images[split], (view,), AT_ONCE, watch.advance).logits[0]
            _write(paths[one], found[one])
    return Sight(found, sum(len(decoded.images[split]) for split, _ in missing))


def _mark(trunk: Any, arch: str, options: Mapping[str, Any]) -> str:
    """Return a sha256 (hex) over the weights before the last layer, and what they belong to."""
    digest = hashlib.sha256(json.dumps([arch, dict(options)], sort_keys=True).encode())
    for name, value in trunk.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _key(mark: str, decoded: DecodedImages, split: str, view: str) -> str:
    """Return the name of a file of features; the order of the rows is part of it."""
    facts = [FORMAT, mark, decoded.preprocessing, decoded.fingerprints[split], list(decoded.split(split).ids), view]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _write(path: Path, features: Seen) -> None:
    """Keep features, with the note that vouches for them."""
    page = io.BytesIO()
    np.save(page, features, allow_pickle=False)
    data = page.getvalue()
    replace_files({note_path(path): [render_note(path.stem, hashlib.sha256(data).hexdigest())], path: [data]})
