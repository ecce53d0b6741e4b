"""Who is asked about new images: the members of a blend, or one member as a blend of its views."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

import numpy as np

from ensemble_kit.ensembling.selective import MemberSteps, Step, apart, runs_each_view, whole_steps
from ensemble_kit.ensembling.tuning import condensed, tune
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.images import MAX_PIXELS
from ensemble_kit.pipeline.blends import procedure_of, settings_again
from ensemble_kit.pipeline.members import Evaluation, evaluation_of, evaluation_of_one
from ensemble_kit.pipeline.models import Model, OpenBlend, Stated, check_views, find_model, models_of, open_blend
from ensemble_kit.storage import members as store
from ensemble_kit.storage.members import MANIFEST_NAME
from ensemble_kit.types import Pool, Tuned
from ensemble_kit.workspace import Workspace

COMMAND = "ek predict"


@dataclass(frozen=True, eq=False)
class Predictor:
    """A blend that can predict new images.

    models: what computes logits, by the place of its member; only of those that have a say.
    tuned: the numbers of the blend, one a member.
    counted_as: from such numbers to the blend as it is counted; `whole` is that of `tuned`.
    steps: what early exit runs one by one; every: members with all of their views.
    evaluation: what they are evaluated on; procedure: the whole way from what is weighed there to its numbers,
        to be redone inside every fold.
    """

    name: str
    is_blend: bool
    members: tuple[store.Member, ...]
    models: dict[int, Model]
    classes: tuple[str, ...]
    tuned: Tuned
    counted_as: Callable[[Tuned], MemberSteps]
    steps: MemberSteps
    every: tuple[Step, ...]
    evaluation: Evaluation
    procedure: Callable[[Pool], Tuned]

    @property
    def whole(self) -> MemberSteps:
        """The blend as it is counted."""
        return self.counted_as(self.tuned)

    @property
    def max_px(self) -> int:
        """The most pixels of an image: what all may have, or what was allowed one of the members, if that is more."""
        return max(MAX_PIXELS, *(model.source.max_px or 0 for model in self.models.values()))

    def ms_of(self, step: Step) -> float | None:
        """Return what a step takes per image (ms); None where nobody measured."""
        manifest = self.members[step.member].manifest
        if manifest.view_ms:
            return sum(manifest.view_ms[view] for view in step.views)
        each = manifest.cost.get("ms_per_image")
        return None if each is None else float(each) * len(step.views)

    def called(self, step: Step) -> str:
        """Return what a step is called: its member, and its view where that is one of several."""
        manifest = self.members[step.member].manifest
        alone = len(step.views) == 1 and len(manifest.views) > 1
        return f"{manifest.name} {manifest.views[step.views[0]]}" if alone else manifest.name


def blend_predictor(blend: str | Path | None, workspace: Workspace, verify: bool) -> Predictor:
    """Return a saved blend; None: the only one there is.

    Raises:
        InvalidOptionError: there is none of that name, or none was named and there is not just one; members
            that cannot predict, each named.
        CorruptError: a file is damaged, or a member has changed.
    """
    opened = open_blend(blend, workspace, verify)
    models = models_of(opened, workspace.predictions, COMMAND)
    evaluation = evaluation_of(opened.members)
    tuned = opened.saved.tuned()
    heard = tuned if tuned.stack is None else replace(tuned, weights=np.ones(len(tuned.weights)))
    return Predictor(
        name=opened.saved.name,
        is_blend=True,
        members=opened.members,
        models=dict(zip(opened.counting, models, strict=True)),
        classes=opened.saved.classes,
        tuned=tuned,
        counted_as=whole_steps,
        steps=apart(heard, runs_each_view(tuned.method)),
        every=apart(heard, each_view=False).steps,
        evaluation=evaluation,
        procedure=_procedure(opened, evaluation),
    )


def member_predictor(
    ckpt: str | Path, weights: str | Path | None, method: str, workspace: Workspace, verify: bool
) -> Predictor:
    """Return the member of a checkpoint as a blend of its views, each of which casts votes.

    Raises:
        InvalidOptionError: no such checkpoint, or it has no member.
        BadDataError: what the member is evaluated on has no labels.
        CorruptError: a checkpoint or a file of the member is damaged.
    """
    model = find_model(ckpt, Stated(weights=weights), {}, workspace.predictions, replace=False)
    if model.name not in store.list_members(workspace.predictions):
        raise InvalidOptionError(
            f"'{ckpt}' has no member in {workspace.predictions}. Make it: ek tta --ckpt {quote(str(ckpt))}."
        )
    member = store.read_member(workspace.predictions / model.name, workspace.cache, verify)
    manifest = member.manifest
    check_views(manifest.views, workspace.predictions / model.name / MANIFEST_NAME, manifest.versions)
    evaluation = evaluation_of_one(member)
    tuned = tune(condensed(evaluation.pool), method, {model.name: 1.0}, evaluation.chosen)

    def each_view(numbers: Tuned) -> MemberSteps:
        return apart(numbers, each_view=True)

    return Predictor(
        name=model.name,
        is_blend=False,
        members=(member,),
        models={0: model},
        classes=manifest.classes,
        tuned=tuned,
        counted_as=each_view,
        steps=each_view(tuned),
        every=apart(tuned, each_view=False).steps,
        evaluation=evaluation,
        procedure=lambda pool: tune(pool, method, {model.name: 1.0}, evaluation.redone),
    )


def _procedure(opened: OpenBlend, evaluation: Evaluation) -> Callable[[Pool], Tuned]:
    """Return how a blend was tuned; one that was tuned elsewhere than on its evaluation set stays as it is."""
    saved = opened.saved
    if saved.tuned_on != evaluation.split:
        return lambda pool: saved.tuned()
    return procedure_of(settings_again(saved, evaluation.manifests)[1], evaluation.redone)
