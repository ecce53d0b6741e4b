"""The names of a blend's figures in JSON and in its file, both flat, and where a `BlendReport` holds each.

To add one: the field, and a line in `KEYS` that leads to it; the fields of `FullReport` need no line.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

from ensemble_kit.results.parts.full_report import FullReport

KEYS: Final[Mapping[str, str]] = {
    "name": "name",
    "method": "procedure.method",
    "members": "numbers.members",
    "families": "numbers.families",
    "weights": "numbers.weights",
    "temperatures": "numbers.temperatures",
    "weights_method": "procedure.weights_method",
    "settings": "procedure.settings",
    "tuned_on": "procedure.tuned_on",
    "tuned_images": "evaluated.tuned_images",
    "ridge": "numbers.ridge",
    "blend_temperature": "numbers.blend_temperature",
    "val_images": "evaluated.val_images",
    "groups": "evaluated.groups",
    "tuned_oof_accuracy": "this.tuned_oof_accuracy",
    "tuned_val_accuracy": "this.tuned_accuracy",
    "tuned_val_interval": "this.tuned_interval",
    "honest_accuracy": "this.honest_accuracy",
    "honest_interval": "this.honest_interval",
    "optimism": "this.optimism",
    "equal_val_accuracy": "equal.tuned_accuracy",
    "equal_honest_accuracy": "equal.honest_accuracy",
    "equal_honest_interval": "equal.honest_interval",
    "best_single": "best_single.name",
    "best_single_val_accuracy": "best_single.tuned_accuracy",
    "best_single_honest_accuracy": "best_single.honest_accuracy",
    "best_single_honest_interval": "best_single.honest_interval",
    "metric": "procedure.metric",
    "val_score": "this.tuned_score",
    "val_score_interval": "this.tuned_score_interval",
    "honest_score": "this.honest_score",
    "honest_score_interval": "this.honest_score_interval",
    "equal_val_score": "equal.tuned_score",
    "equal_honest_score": "equal.honest_score",
    "equal_honest_score_interval": "equal.honest_score_interval",
    "best_single_val_score": "best_single.tuned_score",
    "best_single_honest_score": "best_single.honest_score",
    "best_single_honest_score_interval": "best_single.honest_score_interval",
    "gain_over_equal": "equal.gain.difference",
    "gain_over_equal_interval": "equal.gain.interval",
    "p_vs_equal": "equal.gain.p",
    "gain_over_best_single": "best_single.gain.difference",
    "gain_over_best_single_interval": "best_single.gain.interval",
    "p_vs_best_single": "best_single.gain.p",
    "resolvable": "equal.gain.resolvable",
    "ledger_trials": "evaluated.ledger_trials",
    "calibration_before": "calibration_before",
    "calibration_after": "calibration_after",
    "diversity": "diversity",
    "cost_ms": "numbers.cost_ms",
    **{field.name: f"full.{field.name}" for field in fields(FullReport)},
    "verdict": "verdict",
    "notes": "notes",
    "blend_path": "blend_path",
    "submission_path": "submission_path",
    "seconds": "seconds",
    "judged_on": "evaluated.judged_on",
    "vs_equal": "vs_equal",
    "vs_best_single": "vs_best_single",
    "test_images": "evaluated.test_images",
    "expected_on_test": "expected_on_test",
}
"""In the order in which they are written."""
KEPT: Final[Mapping[str, str]] = {
    key: path for key, path in KEYS.items() if path.partition(".")[0] in ("this", "equal", "best_single")
}
"""Those of `Estimates`, which the file of a blend keeps as its figures."""
