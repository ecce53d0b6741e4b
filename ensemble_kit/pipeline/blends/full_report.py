"""Beside a blend: every other method, what each member adds, what less time would cost, the proof."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ensemble_kit.ensembling.combining import METHODS, calibrated, cast_prob, voting_of
from ensemble_kit.ensembling.diagnostics import Shapley, contributions, shapley, subset_accuracies
from ensemble_kit.ensembling.evaluation import repeats_of
from ensemble_kit.ensembling.tuning import prepare, prove
from ensemble_kit.ensembling.weights import WEIGHTS, Certificate, grow, weight_method, why_too_few
from ensemble_kit.pipeline.blends.evaluation import BlendEvaluation
from ensemble_kit.pipeline.blends.settings import BlendSettings, with_method
from ensemble_kit.pipeline.blends.tuning_set import BlendSets, estimate, procedure_of
from ensemble_kit.pipeline.members import means_of
from ensemble_kit.reporting.terminal import Watch, percent
from ensemble_kit.results import CertificateReport, ContributionReport, CostReport, FullReport, MethodReport
from ensemble_kit.types import Pool, Tuned

MOST_BUDGETS: Final = 8
BAGS: Final = 10


def full_report(
    sets: BlendSets, settings: BlendSettings, scored: BlendEvaluation, full: bool, proof_s: float, quiet: bool
) -> FullReport:
    """Return what stands beside a blend, empty where it was not asked for.

    Args:
        full: evaluate every method and every member, and prove; else only what the way asks for.
        proof_s: how long a proof that the way did not ask for may take, in seconds.
    """
    certificate = scored.certificate
    if full and certificate is None:
        certificate = _proof_of(sets, settings, scored.found, proof_s)
    return FullReport(
        methods=every_method(sets, settings, quiet) if full else (),
        contributions=every_member(sets, settings, scored) if full else (),
        costs=every_budget(sets, settings, quiet),
        certificate=_certified(certificate),
    )


def every_method(sets: BlendSets, settings: BlendSettings, quiet: bool) -> tuple[MethodReport, ...]:
    """Return the honest estimate of every way to find weights, and of every method, on the same images."""
    val, found = sets.evaluated, []
    others = list(_other_settings(sets.pool, settings))
    with Watch("every method", len(others) * len(val.ids), quiet) as watch:
        for other in others:
            _, seen, honest = estimate(sets, other)
            watch.advance(len(val.ids))
            written = f"{other.written}, {other.search.bags} bags" if other.search.bags else other.written
            found.append(
                MethodReport(
                    method=other.method,
                    weights_method=written,
                    tuned_val_accuracy=seen.accuracy,
                    honest_accuracy=honest.accuracy,
                    honest_interval=honest.interval(val.groups),
                )
            )
            watch.note(f"{other.method}, {written}", f"{other.method}, {written}: {percent(honest.accuracy)} % honest")
    return tuple(sorted(found, key=lambda one: -one.honest_accuracy))


def _other_settings(pool: Pool, settings: BlendSettings) -> Iterator[BlendSettings]:
    """Yield every way to find weights with the blend's method, then every method with equal and auto."""
    for weights, line in WEIGHTS.items():
        if line.stacks and why_no_stack(pool, settings.method):
            continue
        yield with_method(settings, settings.method, weights)
        if "bags" in line.goes_by:
            yield with_method(settings, settings.method, weights, bags=BAGS)
    for method in METHODS:
        if method != settings.method and (
            settings.search.metric != "log-loss" or METHODS[method].load().unit != "votes"
        ):
            yield from (with_method(settings, method, weights) for weights in ("equal", "auto"))


def why_no_stack(pool: Pool, method: str) -> str:
    """Return why stacking is not among the methods; empty where it is."""
    if method != "logit-sum":
        return "reads logits, so it needs --method logit-sum"
    return why_too_few(len(pool.ids), len(pool.members), len(pool.classes))


def every_member(sets: BlendSets, settings: BlendSettings, scored: BlendEvaluation) -> tuple[ContributionReport, ...]:
    """Return what each member, or family, adds to honest accuracy, the most first; nothing for a stack."""
    if weight_method(settings.weights).stacks:
        return ()
    if sets.fresh:
        found = _family_values(sets, scored)
    else:
        found = contributions(sets.evaluated, procedure_of(settings, sets.redone), repeats_of(len(sets.evaluated.ids)))
    rows = zip(sets.pool.members, found.values, found.standard_errors, strict=True)
    added = [ContributionReport(name, float(value), float(error)) for name, value, error in rows]
    return tuple(sorted(added, key=lambda one: -one.value))


def _family_values(sets: BlendSets, scored: BlendEvaluation) -> Shapley:
    """Return the Shapley value of each family on val, which decided nothing, its weights as they are."""
    labels = sets.evaluated.labels
    assert labels is not None
    voting, logits = voting_of(scored.tuned.method), calibrated(sets.evaluated, scored.tuned)
    votes = means_of(voting.cast(logits), sets.families)
    ties = means_of(cast_prob(logits), sets.families) if voting.unit == "votes" else None
    guess = float(np.bincount(labels).max() / len(labels))
    return shapley(
        lambda subsets: subset_accuracies(votes, scored.found.weights, labels, subsets, guess, ties),
        len(sets.families),
    )


def every_budget(sets: BlendSets, settings: BlendSettings, quiet: bool) -> tuple[CostReport, ...]:
    """Return what the blend is worth under limits up to its own, and which of them nothing as quick beats."""
    limit, val = settings.search.limits, sets.evaluated
    if limit.max_ms is None:
        return ()
    budgets = _budgets(sets, settings)
    points: dict[tuple[str, ...], CostReport] = {}
    with Watch("accuracy against cost", len(budgets) * len(val.ids), quiet) as watch:
        for budget in budgets:
            tighter = settings._replace(search=replace(settings.search, limits=replace(limit, max_ms=budget)))
            found, _, honest = estimate(sets, tighter)
            used = tuple(name for name, weight in zip(sets.pool.members, found.weights, strict=True) if weight > 0)
            cost = sum(limit.ms[name] for name in used)
            points[used] = CostReport(cost, used, honest.accuracy, honest.interval(val.groups), on_front=False)
            watch.advance(len(val.ids))
            watch.note(f"{cost:.3g} ms", f"{cost:.3g} ms per image: {percent(honest.accuracy)} % honest")
    return _with_front(list(points.values()))


def _with_front(points: Sequence[CostReport]) -> tuple[CostReport, ...]:
    """Return the points by rising cost, marked where nothing as quick is better."""
    by_cost = sorted(points, key=lambda point: (point.ms, -point.honest_accuracy))
    return tuple(
        replace(point, on_front=all(point.honest_accuracy > other.honest_accuracy for other in by_cost[:place]))
        for place, point in enumerate(by_cost)
    )


def _budgets(sets: BlendSets, settings: BlendSettings) -> list[float]:
    """Return limits in ms, rising: where one more member fits, as members come by what they give for their cost."""
    limit = settings.search.limits
    assert limit.max_ms is not None
    cost = limit.costs(sets.pool.members)
    prepared = prepare(sets.pool, sets.chosen, settings.temperatures)
    order, _ = grow(prepared.logits, prepared.labels, cost, len(cost), limit.max_ms, per_ms=True)
    sums = np.unique(np.append(np.cumsum(cost[order]), limit.max_ms))
    places = np.unique(np.linspace(0, len(sums) - 1, min(MOST_BUDGETS, len(sums))).round().astype(int))
    return [float(sums[place]) * (1 + 1e-12) for place in places]


def _proof_of(sets: BlendSets, settings: BlendSettings, found: Tuned, seconds: float) -> Certificate | None:
    """Return how many images any weights could have right, whatever way found these; nothing for a stack."""
    if found.stack is not None:
        return None
    limits = settings.search.limits
    return prove(sets.pool, found, sets.chosen, seconds, limits, settings.temperatures).certificate


def _certified(certificate: Certificate | None) -> CertificateReport | None:
    """Return a certificate as it is reported."""
    if certificate is None:
        return None
    return CertificateReport(
        certificate.best, certificate.bound, certificate.gap, certificate.epsilon, certificate.seconds
    )
