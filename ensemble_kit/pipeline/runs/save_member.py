"""A network that has learnt -> its run's files, and last of all its member: the same for all that make members."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.models import Computed, compute_at_once, manifest_of, versions, with_cost
from ensemble_kit.storage import members as store
from ensemble_kit.storage import runs as run_store
from ensemble_kit.storage.members import MANIFEST_NAME
from ensemble_kit.types import IDENTITY

PASS_BATCH: Final = 64  # images at a time where nothing is learnt; part of the bits


def facts_of_run(plan: Mapping[str, Any], decoded: DecodedImages, network: Any, train_s: float) -> dict[str, Any]:
    """Return what a checkpoint says of itself, but how long it learnt."""
    return {
        "plan": dict(plan),
        "preprocessing": decoded.preprocessing,
        "fingerprints": dict(decoded.fingerprints),
        "skipped": {split: dict(reasons) for split, reasons in decoded.skipped.items()},
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "train_s": round(train_s, 3),
        "versions": versions(),
    }


def compute_and_write(
    folder: Path,
    predictions: Path,
    facts: Mapping[str, Any],
    network: Any,
    decoded: DecodedImages,
    quiet: bool,
    metrics: Sequence[Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Computed:
    """Look at the images once, and write checkpoint, metrics, config and, last of all, the member.

    Args:
        folder: of the run, locked.
        facts: see `facts_of_run`; `kept_epoch` too.
        metrics, config: what the run's files say; None: it has none.

    Raises:
        ResourceError: they cannot be written; what was there stands.
    """
    plan, state = facts["plan"], network.state_dict()
    there = plan["name"] in store.list_members(predictions)
    seen = compute_at_once(network, decoded, plan["name"], (IDENTITY,), PASS_BATCH, plan["device"], quiet)
    member = predictions / plan["name"] / MANIFEST_NAME
    with run_store.new_checkpoint(folder, state, facts, member, metrics, config) as run:
        manifest = replace(
            with_cost(manifest_of(facts, run.checkpoint.path), seen.view_ms),
            config_sha256=run.config_sha256,
            metrics_sha256=run.metrics_sha256,
        )
        store.write_member(predictions, manifest, seen.splits, replace=there)
    run_store.remove_old_checkpoints(folder, run.checkpoint.sha256)
    return seen
