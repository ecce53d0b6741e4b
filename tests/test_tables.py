"""Names are picked from tables, with a did-you-mean."""

import json

import pytest

from ensemble_kit.aliases import ALIASES
from ensemble_kit.ensembling.combining.table import METHODS
from ensemble_kit.ensembling.weights.table import VIEW_CHOICES, WEIGHTS
from ensemble_kit.errors import UnknownNameError
from ensemble_kit.inference.engines.table import ENGINES, PRECISIONS
from ensemble_kit.inference.views.sets import FORMS
from ensemble_kit.metrics.table import METRICS
from ensemble_kit.tables import Entry, meant, nearest, pick
from ensemble_kit.training.recipes import AUGMENTS, BALANCES, RANGES, RECIPES
from ensemble_kit.training.tables import OPTIMIZERS, SCHEDULES, SOUPS

TABLES = {
    "view": FORMS,
    "method": METHODS,
    "weights": WEIGHTS,
    "choose": VIEW_CHOICES,
    "metric": METRICS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "soup": SOUPS,
    "recipe": RECIPES,
    "augment": AUGMENTS,
    "balance": BALANCES,
    "precision": PRECISIONS,
    "engine": ENGINES,
    "field": RANGES,
}
TYPED = {
    "view": {
        "flip": ["flips", "hflip"],
        "Hflip": ["hflip"],
        "hflips": ["hflip"],
        "HorizontalFlip": ["hflip"],
        "RandomHorizontalFlip": ["hflip"],
        "horizontal_flip": ["hflip"],
        "fliplr": ["hflip"],
        "VerticalFlip": ["vflip"],
        "flipud": ["vflip"],
        "mirror": ["hflip"],
        "rot": ["rot90", "rot180", "rot270"],
        "rotate": ["rot90", "rot180", "rot270"],
        "Rotate90": ["rot90"],
        "rot45": [],
        "FiveCrop": ["five-crop"],
        "five_crop": ["five-crop"],
        "TenCrop": ["ten-crop"],
        "10crop": ["ten-crop"],
        "CenterCrop": ["crop"],
        "RandomResizedCrop": ["random"],
        "multiscale": ["scales"],
        "resize": ["scale"],
        "d4_transform": ["d4"],
        "dihedral": ["d4"],
        "grayscale": ["grey"],
        "none": ["identity"],
        "bright": ["brightness"],
        "ColorJitter": [],
        "GaussianBlur": [],
        "shear": [],
        "noise": [],
    },
    "method": {
        "logit": ["logit-sum"],
        "logit_sum": ["logit-sum"],
        "logits": ["logit-sum"],
        "mean": ["prob-mean"],
        "average": ["prob-mean"],
        "soft": ["prob-mean"],
        "soft-voting": ["prob-mean"],
        "hard": ["majority-vote"],
        "voting": ["majority-vote"],
        "vote": ["majority-vote"],
        "gmean": ["geo-mean"],
        "rank": ["borda"],
        "logit-sum-auto": ["logit-sum"],
        "stacking": [],
        "max": [],
        "median": [],
    },
    "weights": {
        "uniform": ["equal"],
        "caruana": ["greedy"],
        "gredy": ["greedy"],
        "hill_climbing": ["greedy"],
        "logistic_regression": ["stacking"],
        "acc": ["accuracy"],
        "logloss": ["log-loss"],
        "optuna": [],
        "nnls": [],
    },
    "choose": {"off": ["none"], "identity": ["none"], "mean": ["equal"], "best": []},
    "metric": {
        "acc": ["accuracy"],
        "acuracy": ["accuracy"],
        "f1": ["macro-f1"],
        "f1_macro": ["macro-f1"],
        "micro_f1": ["accuracy"],
        "weighted_f1": [],
        "cross_entropy": ["log-loss"],
        "logloss": ["log-loss"],
        "balanced_acc": ["balanced-accuracy"],
        "top1": ["accuracy"],
        "top5": [],
        "auc": [],
        "kappa": [],
        "recall": [],
    },
    "optimizer": {
        "AdamW": ["adamw"],
        "SGD": ["sgd"],
        "sgd-momentum": ["sgd"],
        "NAdam": [],
        "RAdam": [],
        "adamax": [],
        "lion": [],
        "lamb": [],
        "rmsprop": [],
    },
    "schedule": {
        "CosineAnnealingLR": ["cosine"],
        "cos": ["cosine"],
        "constant_with_warmup": ["constant"],
        "linear": [],
        "onecycle": [],
        "step": [],
    },
    "soup": {"mean": ["uniform"], "greedy_soup": ["greedy"]},
    "recipe": {"fine-tune": ["finetune"], "assigment": ["assignment"], "transfer_learning": ["finetune"], "fast": []},
    "augment": {
        "RandAugment": ["rand"],
        "TrivialAugmentWide": ["trivial"],
        "AutoAugment": [],
        "AugMix": [],
        "mixup": [],
        "flip": [],
    },
    "balance": {"class_weights": ["loss"], "WeightedRandomSampler": ["sampling"], "focal": []},
    "precision": {"fp32": ["float32"], "bf16": ["bfloat16"], "float16": [], "fp16": [], "amp": []},
    "engine": {"torch": ["eager"], "compile": ["compiled"], "onnxruntime": ["onnx"], "tensorrt": [], "jit": []},
    "field": {
        "learning_rate": ["lr"],
        "bs": ["batch_size"],
        "wd": ["weight_decay"],
        "scheduler": ["schedule"],
        "num_epochs": ["epochs"],
        "mixup": ["mix"],
        "momentum": [],
        "loss": [],
    },
}
"""What people type -> what they mean, best first; nothing where what they mean is not to be had here."""


@pytest.mark.parametrize(("table", "typed", "wanted"), [(t, name, w) for t in TYPED for name, w in TYPED[t].items()])
def test_what_people_type_leads_to_what_they_mean_and_to_nothing_else(table, typed, wanted):
    assert nearest(typed, TABLES[table], ALIASES) == wanted


def test_no_name_of_ours_is_an_alias_of_another_in_the_same_table():
    for table in TABLES.values():
        for name in table:
            assert nearest(name, table, ALIASES)[0] == name


def test_members_are_suggested_by_what_people_leave_out_and_by_the_last_part_of_a_path():
    members = ["cnn-seed-0", "cnn-seed-1", "vit-augmented", "mlp"]
    assert meant("cnn", members) == "; did you mean 'cnn-seed-0' or 'cnn-seed-1'?"
    assert meant("augmented", members) == "; did you mean 'vit-augmented'?"
    assert meant("predictions/mlp", members) == "; did you mean 'mlp'?"
    assert meant("mpl", members) == "; did you mean 'mlp'?"
    assert meant("cnn-seed-2", members) == "."
    assert meant("x*?[", members) == meant("", members) == meant("日本", members) == "."


def test_a_name_that_is_there_is_picked():
    assert pick({"a": 1, "b": 2}, "b", "letter") == 2


def test_a_near_miss_is_suggested_and_all_names_are_listed():
    with pytest.raises(
        UnknownNameError, match="No method is named 'logit'; did you mean 'logit-sum'.*logit-sum, prob-mean"
    ):
        pick({"prob-mean": 1, "logit-sum": 2}, "logit", "method")


def test_a_far_miss_suggests_nothing():
    with pytest.raises(UnknownNameError, match=r"No method is named 'xyz'\. Known: logit-sum\."):
        pick({"logit-sum": 2}, "xyz", "method")


def test_an_entry_loads_what_it_points_to():
    assert Entry("dumps", lambda: json.dumps).load()([1]) == "[1]"
