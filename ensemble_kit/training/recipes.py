"""Every number that a training run is made of, the range of each, and the named recipes.

A recipe is plain data: it can be printed, stored in a manifest and compared. The
ranges are declared once, in `RANGES`; whoever makes a recipe passes through `resolve`
or `check`. Imports nothing heavy. To add a field: one line in `Recipe`, one in `RANGES`,
one in
`StepOption` if a single step depends on it, else in `RecipeOption`. The options of `ek train` follow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple, TypedDict

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.tables import pick
from ensemble_kit.training.tables import OPTIMIZERS, SCHEDULES

PRECISIONS: Final = ("float32", "bfloat16", "auto")
AUGMENTS: Final = ("none", "light", "strong", "crop", "trivial", "rand")
BALANCES: Final = ("none", "sampling", "loss")


@dataclass(frozen=True)
class Recipe:
    """How one member is trained; all but `epochs` are independent of the data's size."""

    epochs: int = 20
    lr: float = 2e-4  # the highest learning rate of the run
    batch_size: int = 32
    optimizer: str = "adam"
    weight_decay: float = 1e-5  # on matrices and filters, never on biases and norms
    dropout: float = 0.2  # in front of the classifier; in the simple CNN after every block too
    schedule: str = "constant"
    warmup_epochs: float = 0.0  # linear; never more than half of the run
    label_smoothing: float = 0.0
    augment: str = "none"
    flip: bool = False  # mirrored at random, one half of the images
    ema: float = 0.0  # decay of the weights' running mean, which is kept; 0: the weights themselves
    precision: str = "float32"  # of the products; auto: bfloat16 where the processor computes with it
    mix: float = 0.0  # share of the batches whose images are mixed in pairs (mixup or cutmix)
    head_epochs: int = 0  # at first, in which the classifier alone learns
    layer_decay: float = 1.0  # each layer learns so much less than the next one towards the classifier
    clip: float = 0.0  # largest norm of all gradients together; 0: as they come
    balance: str = "none"  # classes alike: by sampling (equally often) or in the loss (equally heavy)
    cycles: int = 1  # of the schedule; the end of each is a member of its own


class Computing(NamedTuple):
    """What a run computes in: products in float32 or bfloat16, images and filters channels_last or contiguous."""

    precision: str
    layout: str = "channels_last"

    def __str__(self) -> str:
        """Return both, as a person reads them."""
        return f"{self.precision}, {self.layout}"


class StepOption(TypedDict, total=False):
    """What a step of training is made of; each overrides the recipe's."""

    batch_size: int | None
    optimizer: str | None
    weight_decay: float | None
    dropout: float | None
    label_smoothing: float | None
    augment: str | None
    flip: bool | None
    mix: float | None
    layer_decay: float | None
    clip: float | None
    balance: str | None
    precision: str | None


STEP_FIELDS: Final = tuple(StepOption.__annotations__)
"""The fields of a recipe that a single step depends on; `ek find-lr` takes these."""


class RecipeOption(StepOption, total=False):
    """Every field of a recipe, as an option that overrides it."""

    epochs: int | None
    lr: float | None
    schedule: str | None
    warmup_epochs: float | None
    ema: float | None
    head_epochs: int | None
    cycles: int | None


class Range(NamedTuple):
    """What a field may be: a number from `low` to `high`, or one of `choices`."""

    help: str
    kind: type
    low: float = 0.0
    high: float = 0.0
    above: bool = False  # low itself is not allowed
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the range in words, for help pages and messages."""
        if self.kind is bool:
            return "true or false"
        if self.choices:
            return "one of " + ", ".join(self.choices)
        noun = "a whole number" if self.kind is int else "a number"
        start = f"above {self.low:g} and at most" if self.above else f"from {self.low:g} to"
        return f"{noun} {start} {self.high:g}"


RANGES: Final[Mapping[str, Range]] = {
    "epochs": Range("training epochs", int, 1, 10_000),
    "lr": Range("peak learning rate", float, 0.0, 10.0, above=True),
    "batch_size": Range("images per training step", int, 1, 65_536),
    "optimizer": Range("optimiser", str, choices=tuple(OPTIMIZERS)),
    "weight_decay": Range("weight decay", float, 0.0, 1.0),
    "dropout": Range("dropout before the classifier, in cnn after every block", float, 0.0, 0.95),
    "schedule": Range("learning rate schedule", str, choices=tuple(SCHEDULES)),
    "warmup_epochs": Range("epochs of linear warm-up, at most half of the run", float, 0.0, 1_000.0),
    "label_smoothing": Range("label smoothing: share spread over all classes", float, 0.0, 0.9),
    "augment": Range("data augmentation", str, choices=AUGMENTS),
    "flip": Range("random horizontal flips; not where left and right tell classes apart", bool),
    "ema": Range("decay of the exponential moving average of the weights (0: off)", float, 0.0, 0.99999),
    "precision": Range("compute precision of training", str, choices=PRECISIONS),
    "mix": Range("share of batches with mixup or cutmix", float, 0.0, 1.0),
    "head_epochs": Range("first epochs, which train the classifier alone", int, 0, 10_000),
    "layer_decay": Range("layer-wise decay of the learning rate", float, 0.0, 1.0, above=True),
    "clip": Range("gradient clipping: largest norm (0: off)", float, 0.0, 1_000.0),
    "balance": Range("class balancing", str, choices=BALANCES),
    "cycles": Range("cycles of the schedule; the end of each is a member", int, 1, 1_000),
}

# head first, then all; early layers least, since those of ImageNet's weights suit photographs as they are
_FINETUNE: Final = Recipe(
    epochs=5,
    lr=1e-3,
    batch_size=32,
    optimizer="adamw",
    weight_decay=0.05,
    schedule="cosine",
    warmup_epochs=2.0,
    label_smoothing=0.1,
    dropout=0.2,
    augment="strong",
    flip=True,
    ema=0.99,
    precision="auto",
    head_epochs=1,
    layer_decay=0.9,
)

RECIPES: Final[Mapping[str, Recipe]] = {
    "assignment": Recipe(),
    "strong": Recipe(
        epochs=50,
        lr=2e-3,
        batch_size=64,
        optimizer="muon",
        weight_decay=0.05,
        schedule="cosine",
        warmup_epochs=5.0,
        label_smoothing=0.1,
        dropout=0.0,
        augment="strong",
        flip=True,
        ema=0.99,
        precision="auto",
    ),
    "finetune": _FINETUNE,
    "finetune-far": replace(_FINETUNE, epochs=10, lr=2e-3, layer_decay=1.0),  # signs, drawings: all layers alike
}


def default_recipe(pretrained: bool) -> str:
    """Return the recipe that trains where none is named.

    Args:
        pretrained: whether the network starts from weights that were trained before.

    Example:
        >>> default_recipe(pretrained=False), default_recipe(pretrained=True)
        ('strong', 'finetune-far')
    """
    return "finetune-far" if pretrained else "strong"


def resolve(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Return the named recipe with some of its fields replaced.

    Args:
        overrides: field -> value; None keeps the recipe's own.

    Raises:
        UnknownNameError: no recipe, or no field, has that name.
        InvalidOptionError: a value is outside its range; the message names the range.

    Example:
        >>> resolve("assignment", {"epochs": 60, "lr": None}).lr
        0.0002
    """
    recipe = pick(RECIPES, name, "recipe")
    given = {field: value for field, value in (overrides or {}).items() if value is not None}
    return replace(recipe, **{field: _checked(field, value) for field, value in given.items()})


def check(recipe: Recipe) -> None:
    """Raise unless every field of a recipe is within its range, and its cycles are alike.

    Raises:
        InvalidOptionError: a field is not; the message names the range. Or epochs are no multiple of cycles.
        UnknownNameError: a name that no table holds.
    """
    for field in fields(recipe):
        _checked(field.name, getattr(recipe, field.name))
    if recipe.epochs % recipe.cycles:
        raise InvalidOptionError(
            f"--epochs is {recipe.epochs} and --cycles {recipe.cycles}; wanted a multiple, so that cycles are alike. "
            f"Nearest: --epochs {max(1, round(recipe.epochs / recipe.cycles)) * recipe.cycles}."
        )


def _checked(name: str, value: Any) -> Any:
    """Return the value in the type of its field, if it is within its range."""
    limits = pick(RANGES, name, "recipe field")
    option = "--" + name.replace("_", "-")
    if limits.choices:
        pick(dict.fromkeys(limits.choices), value, option)
        return value
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {bool: isinstance(value, bool), int: whole, float: whole or isinstance(value, float)}[limits.kind]
    if not fits or (limits.kind is not bool and not _within(float(value), limits)):
        raise InvalidOptionError(f"{option} is {value!r}; wanted {limits}.")
    return limits.kind(value)


def _within(value: float, limits: Range) -> bool:
    """Return whether a number is in the range; NaN is not."""
    return (limits.low < value if limits.above else limits.low <= value) and value <= limits.high
