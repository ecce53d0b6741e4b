"""The members that a blend pins: whether they are still what it was made from, and how to make it anew if not."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote

from ensemble_kit.errors import CorruptError, EnsembleKitError
from ensemble_kit.storage.blends import Blend, PinnedMember
from ensemble_kit.storage.members import (
    MANIFEST_NAME,
    Manifest,
    list_members,
    manifest_sha256,
    read_manifest,
    render_manifest,
)


def check_pins(blend: Blend, predictions: Path) -> None:
    """Raise unless every member is still what the blend was made from.

    Raises:
        CorruptError: a member is gone, has changed or has another name; says how to refresh the blend.
    """
    for pin in blend.members:
        folder = predictions / pin.name
        there = (folder / MANIFEST_NAME).exists()
        got = manifest_sha256(folder) if there else ""
        if got == pin.manifest_sha256:
            continue
        now = {one.name: _present_name(one, predictions) for one in blend.members}
        if now[pin.name] not in (pin.name, None):
            what = f"needs member '{pin.name}', whose name is '{now[pin.name]}' now"
        elif there:
            what = (
                f"was made from another state of member '{pin.name}': wanted a member.json of sha256 "
                f"{pin.manifest_sha256[:12]}, got {got[:12]}"
            )
        else:
            what = f"needs member '{pin.name}', which {predictions} does not hold"
        raise CorruptError(f"Blend '{blend.name}' {what}. {_refresh(blend, now)}")


def _present_name(pin: PinnedMember, predictions: Path) -> str | None:
    """Return what a pinned member is called now: by its content, its checkpoint or its name; None: it is gone."""
    there: dict[str, Manifest] = {}
    for name in list_members(predictions):
        with suppress(EnsembleKitError):
            there[name] = read_manifest(predictions / name)
    pinned = [
        name
        for name, manifest in there.items()
        if hashlib.sha256(render_manifest(replace(manifest, name=pin.name))).hexdigest() == pin.manifest_sha256
    ]
    trained = [name for name, manifest in there.items() if manifest.checkpoint_sha256 == pin.checkpoint_sha256]
    alike = sorted(trained, key=lambda name: name != pin.name) if pin.checkpoint_sha256 else []
    return next(iter([*pinned, *alike, *([pin.name] if pin.name in there else [])]), None)


def _refresh(blend: Blend, now: Mapping[str, str | None]) -> str:
    """Return the command that makes a blend anew, of the members that are there, by the names that they have now."""
    left = {old: new for old, new in now.items() if new is not None}
    if not left:
        return "None of its members is there: restore them from a copy."
    weights = blend.weights_method
    if "=" in weights:
        weights = ",".join(f"{left[pin.name]}={pin.weight}" for pin in blend.members if pin.name in left)
    metric = "" if blend.metric == "accuracy" else f"--metric {blend.metric} "
    options = "".join(f"--{key.replace('_', '-')} {value} " for key, value in blend.settings.items())
    if "certify_seconds" in blend.settings:
        options = f"--certify {options}"
    return (
        f"{'Refresh the blend' if len(left) == len(now) else 'Restore it, or blend the others'}: "
        f"ek blend --method {blend.method} --weights {quote(weights)} "
        f"{metric}{options}--name {quote(blend.name)} {' '.join(map(quote, dict.fromkeys(left.values())))}"
    )
