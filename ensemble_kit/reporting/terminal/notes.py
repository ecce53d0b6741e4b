"""The notes below a report, all in one table: what a person must know to read its figures rightly.

`pipeline` finds out what holds and hands over a code with numbers and names; the sentence is made here.
To add a note: one line in `NOTES`, and its code where it holds.
"""

from collections.abc import Mapping
from typing import Any, Final

DARK: Final = 64  # of 255: a set in which nothing is brighter has lost its range
NOTES: Final[Mapping[str, str]] = {
    # blends
    "none-has-val": "These members have no val, so they are tuned and evaluated on the training images "
    "that were held out.",
    "some-have-no-val": "{members}: they have no val, so all are tuned and evaluated on the training images "
    "that were held out.",
    "too-few-for-weights": "There are {images} images to evaluate on, fewer than {fewest}, so weights are equal and "
    "every temperature is 1.",
    "one-class-for-weights": "All images to evaluate on are of one class, so weights are equal and every temperature "
    "is 1.",
    "too-few-for-views": "There are {images} images to evaluate on, fewer than {fewest}, so identity is kept alone.",
    "one-class-for-views": "All images to evaluate on are of one class, so identity is kept alone.",
    "too-few-held-out": "{images} images of train were held out, too few or of one class, so weights are equal and "
    "every temperature is 1.",
    "absent-classes": "{split} holds no image of {classes}, so nothing is known about them.",
    "temperature-at-bound": "{members}: the temperature is at its bound: on the images tuned on, scores say nothing "
    "about the labels, or point away from them. Compare the order of the classes; ek members shows the accuracy.",
    "one-group": "All images are of one group, so nothing can be told about images of other groups: intervals hold all "
    "that is possible, and folds share the group.",
    "hardly-any-groups": "The images are of {groups} groups, and of fewer than {fewest} hardly anything can be told: "
    "intervals are very wide.",
    "few-groups": "The images are of {groups} groups only, so intervals are wide (Student's t of {groups} groups).",
    "one-class-in-folds": "In {folds} of {all} folds the images to tune on are of one class, so weights were equal "
    "there, and honest figures are in part those of equal weights.",
    "near-duplicates": "'{first}' and '{second}' are nearly the same network: equal weights count it twice.",
    "chosen-on-val": "honest for the blending; members were chosen on this val: {members}.",
    "chosen-on-oof": "honest for the blending; members were chosen on the images that they held out: {members}.",
    "views-chosen": "honest for weights and temperatures; {split} chose the view weights of {members}, so its figures "
    "flatter a little. `ek tta --choose equal` or `none` uses no val.",
    "views-chosen-apart": "honest for weights and temperatures; {split} chose the view weights of {members}, so its "
    "figures flatter a little. Give all folds of a family the same views: ek tta with the same --views and --choose.",
    "taught": "{members}: learnt from test images too, by soft labels. None learnt from {split}, so its figures are "
    "honest; but on test a member may agree with its teachers more than on {split}, and the blend may then gain less "
    "there.",
    "unread-test": "{images} of the test images could not be read, first {first!r}; for them members predict the "
    "most frequent class of train.",
    "no-stack": "Stacking is left out of the methods: it {why}.",
    "no-submission": "No submission: {why}",
    "replaced": "This replaces the blend '{name}' of {members}; --name keeps both.",
    "other-csv-stands": "{path} is unchanged: it belongs to another blend.",
    # comparisons
    "flattered": "{split} also decided how these were made, so they are flattered: {members}. Train with --keep last "
    "to compare them fairly.",
    "views-stay": "val also chose the view weights of {members}, and they stay as they are in a blend that was tuned "
    "on oof, so it is flattered a little.",
    # export
    "in-bfloat16": "{members}: computed in bfloat16 when the blend was tuned; the graph computes in float32.",
    # members of others
    "logits-in-unit": "{split}: all scores lie in [0, 1], or [0, 100], as probabilities do, and were taken for logits. "
    "Give --kind sigmoid if each class has a sigmoid of its own (in [0, 1]); if they are probabilities, divide each "
    "row by its sum and give --kind probabilities; cosine similarities are logits.",
    "logits-mostly-probabilities": "{split}: most rows lie in [0, 1] and sum to 1, as probabilities do, and were taken "
    "for logits. Look at the other rows, and give --kind probabilities.",
    "logits-of-one-sum": "{split}: no score is below 0 and all rows have the same sum, as probabilities in another "
    "unit and votes have, and were taken for logits. If they are such, divide each row by its sum and give --kind "
    "probabilities.",
    "another-scale": "test: the scores spread {times} times as far as those of {tuned}, so what fits {tuned} does not "
    "fit them. See that both are of one network, made in one way: a mean over views or networks, not a sum.",
    "classes-in-another-order": "{split}: {right} % of the images are right, and {renamed} % would be were classes "
    "renamed. Look at the order of the classes in the scores, and at --labels-are.",
    "below-chance": "{split}: {right} % of the images are right, fewer than the {chance} % of chance. Look at the "
    "order of the classes in the scores, at the labels and at the sign.",
    # how to repeat a blend
    "imported-files": "The scores of imported members are files of others; their sha256 are in predictions/.",
    "callable": "CALLABLE was a Python function, which is not saved.",
    "ingredients-first": "The ingredients of a soup have to be trained first.",
    "teachers-first": "Members that gave soft labels, and their views, have to be made first.",
    "ended-by-clock": "A member was ended by the clock, so its training cannot be repeated to the bit.",
    # submissions
    "no-sample": "No --sample was given, so header, ids and order could not be checked.",
    "sample-read": "The sample {what} The submission is written with commas, in UTF-8.",
    "other-labels": "None of the labels of the sample ({labels}) is a class of ours ({classes}). See that the judge "
    "wants labels like ours.",
    "other-form": "The sample has {theirs} in another Unicode form than our class {ours}, and a judge may compare "
    "bytes. Spell the class in train as the sample does.",
    "judge-flattered": "{split} also decided how {members} were made, so the honest estimate is flattered.",
    "classes-unchecked": "There is no member in '{folder}', so the names of classes could not be checked.",
    "fixed": "Fixed in the copy: {what}",
    "not-compared": "Not compared on {split} with '{name}': {why}",
    "formulas": "{count} ids or labels begin as formulas of a spreadsheet do, first {first!r}. They stand as they are, "
    "for a judge compares bytes; open the file as text.",
    "not-kept": "'{name}' cannot be compared with the others: {path} or its .json is gone.",
    "score-below": "The public score of '{name}' and its honest estimate do not agree: {public} % is below "
    "the {low} to {high} % expected in 95 of 100 cases from {honest} % on val. Test differs from val, rows "
    "are mixed up, or val was used too often; or it is one of the 5 other cases.",
    "score-above": "The public score of '{name}' and its honest estimate do not agree: {public} % is above "
    "the {low} to {high} % expected in 95 of 100 cases from {honest} % on val. Test is easier than val, or "
    "images of it were trained on; or it is one of the 5 other cases.",
    "scores-impossible": "The public scores of '{one}' and '{other}' cannot both be right: they are {points} points "
    "apart, which is {gap} of {public} public images, and only {differ} images differ. Look at the scores "
    "(ek submissions score NAME SCORE), and at --public-fraction.",
    "ranked-otherwise": "The public scores put '{better}' before '{worse}', the honest estimates the other way round; "
    "{meaning}.",
    "more-pairs": "So it is with {count} more pairs.",
    # training
    "joined-batch": "{images} images in batches of {size} leave one over; it joins the batch before it, for a batch "
    "norm of this network cannot learn from one image alone.",
    "went-wrong": "The training went wrong: the log loss on {split} is {loss}, where guessing among {classes} classes "
    "has {guessing}; the training loss was up to {peak}. The learning rate {lr} is probably too high. For a lower one: "
    "{find_lr}",
    "sure-and-wrong": "The log loss on {split} is {loss}, where guessing among {classes} classes has {guessing}, "
    "though the training loss fell to {kept}: the network is sure of answers that are wrong. Try fewer --epochs or "
    "--keep best, and see whether {split} is like train: ek data check.",
    # images
    "dark": "No value in {what} is over {brightest} of 255: all are nearly black. So look 16-bit images of which 10 or "
    "12 bits are used (values to 1,023 or 4,095). Scale the values to the full range, to 65,535 in 16 bits.",
    # augmentation
    "flip-on": "Flip is on: where left and right tell classes apart, as on signs and letters, a mirrored image bears "
    "the wrong label. That was not measured here; train with --flip and with --no-flip, then ek compare.",
    "wide-turns": "Turns are wide: where the direction tells classes apart, as on arrows, a turned image may bear "
    "the wrong label. That was not measured here; train with it and with --augment rand, then ek compare.",
    "out-of-sight": "Shifts of up to {shift} px can move most of an image of {size} px out of sight, or all of it.",
}


def note(code: str, **values: Any) -> str:
    """Return the sentence of a note.

    Args:
        values: what its sentence names; several names are joined by commas.

    Example:
        >>> note("absent-classes", split="val", classes=["ape", "bee"])
        'val holds no image of ape, bee, so nothing is known about them.'
    """
    joined = {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value for name, value in values.items()
    }
    return NOTES[code].format(**joined)


def dark(brightest: Mapping[str, int]) -> str:
    """Return the note about splits of which all images are nearly black; empty where there are none.

    Args:
        brightest: the highest value (0 to 255) in each split.

    Example:
        >>> dark({"train": 255, "val": 16})[:44]
        'No value in the images of val is over 16 of '
    """
    those = [name for name, value in brightest.items() if value <= DARK]
    what = "the images" if len(those) == len(brightest) else f"the images of {' and '.join(those)}"
    return note("dark", what=what, brightest=max(brightest[name] for name in those)) if those else ""
