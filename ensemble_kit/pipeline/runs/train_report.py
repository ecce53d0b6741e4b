"""What there is to say of a member that was trained; that training went wrong too, though every loss was a number."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ensemble_kit.images import Source
from ensemble_kit.pipeline.inputs import DecodedImages
from ensemble_kit.pipeline.members import describe_member
from ensemble_kit.pipeline.models import Plan, arch_options
from ensemble_kit.pipeline.runs.find_lr import command_of
from ensemble_kit.reporting.terminal import note
from ensemble_kit.results import TrainReport
from ensemble_kit.storage.members import read_manifest
from ensemble_kit.storage.runs import metrics_column
from ensemble_kit.training import RECIPES, STEP_FIELDS

if TYPE_CHECKING:
    from ensemble_kit.pipeline.runs.train_one import Order

FAR: Final = 2.0  # times the log loss of guessing from which a val loss is far above it; labels that are noise reach 1
EXPLODED: Final = 4.0  # times that for a training loss, which a sound run has at most in its first few steps
LEARNT: Final = 0.95  # of guessing, above which nothing was learnt


def report_of(plan: Plan, decoded: DecodedImages, order: "Order", folder: Path) -> TrainReport:
    """Return what there is to say of the member that stands."""
    predictions, losses = order.workspace.predictions, metrics_column(folder, "train_loss")
    manifest, member = read_manifest(predictions / plan.name), describe_member(predictions, plan.name)
    cost, kept_epoch = manifest.cost, manifest.training["kept_epoch"]
    return TrainReport(
        member=member,
        run=folder,
        recipe=plan.recipe,
        size_px=decoded.size_px,
        train_images=len(decoded.split("train").ids),
        seconds=float(cost.get("train_s") or 0.0),
        unlabelled_images=plan.unlabelled_images or 0,
        teacher=tuple(plan.teacher or ()),
        notes=training_notes(
            member.judged_on,
            member.val_log_loss,
            losses,
            kept_epoch,
            len(plan.classes),
            order.recipe.lr,
            _find_lr(order),
        ),
    )


def training_notes(
    split: str,
    val_log_loss: float,
    train_losses: Sequence[float],
    kept_epoch: int,
    classes: int,
    lr: float,
    find_lr: str,
) -> tuple[str, ...]:
    """Return what went wrong, with the remedy; nothing where it did not.

    Args:
        split: what `val_log_loss` is of.
        train_losses: of every epoch; none where they are not known, and then nothing is said.
        classes: guessing among so many has a log loss of ln(classes), however many images each has.
        find_lr: the command that proposes a learning rate.
    """
    guessing = math.log(classes)
    if not 0 < kept_epoch <= len(train_losses):
        return ()
    peak, kept = max(train_losses), train_losses[kept_epoch - 1]
    is_far = val_log_loss > FAR * guessing
    has_collapsed = peak > EXPLODED * guessing and val_log_loss > LEARNT * guessing
    if not is_far and not has_collapsed:
        return ()
    said = {
        "split": split,
        "loss": f"{val_log_loss:.2f}",
        "classes": classes,
        "guessing": f"{guessing:.2f}",
    }
    if has_collapsed or kept > LEARNT * guessing:
        return (note("went-wrong", **said, peak=f"{peak:,.{0 if peak > 100 else 2}f}", lr=f"{lr:g}", find_lr=find_lr),)
    return (note("sure-and-wrong", **said, kept=f"{kept:.2f}"),)


def _find_lr(order: "Order") -> str:
    """Return the command that proposes a learning rate for what was ordered."""
    recipe, usual = vars(order.recipe), vars(RECIPES[order.recipe_name])
    said = {name: value for name, value in vars(order.source).items() if value != getattr(Source(), name)}
    said |= {name: recipe[name] for name in STEP_FIELDS if recipe[name] != usual[name]}
    said |= {name: getattr(order, name) for name in ("arch", "size", "skip_bad", "pretrained", "init")}
    own = arch_options(order.arch, {}, order.pretrained)
    said["arch_option"] = {name: value for name, value in order.arch_option.items() if value != own[name]}
    return command_of("find-lr", {**said, "recipe": order.recipe_name})
