"""What a member takes per image, in milliseconds, as its manifest holds it."""

from collections.abc import Iterable, Sequence

from ensemble_kit.storage.members import Manifest


def costs_of(manifests: Sequence[Manifest]) -> dict[str, float]:
    """Return what each member takes per image (ms), by name, where it was measured."""
    return {manifest.name: cost for manifest in manifests if (cost := ms_of(manifest)) is not None}


def ms_of(manifest: Manifest) -> float | None:
    """Return what a member takes per image (ms), over the views that count; None where nobody measured."""
    each = manifest.cost.get("ms_per_image")
    if manifest.view_ms:
        return sum(ms for ms, weight in zip(manifest.view_ms, manifest.view_weights, strict=True) if weight > 0)
    return None if each is None else float(each) * sum(weight > 0 for weight in manifest.view_weights)


def cost_ms(manifests: Sequence[Manifest], weights: Iterable[float]) -> float | None:
    """Return what members take per image (ms), over those of weight above 0; None where one was never measured."""
    costs = [ms_of(manifest) for manifest, weight in zip(manifests, weights, strict=True) if weight > 0]
    return None if any(cost is None for cost in costs) else float(sum(cost or 0.0 for cost in costs))
