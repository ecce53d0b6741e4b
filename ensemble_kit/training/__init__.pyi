from . import finder as finder
from .finder import stepper as stepper, sweep as sweep
from .loop import fit as fit, measure as measure
from .mixing import mix as mix
from .probe import best as best, choose_penalty as choose_penalty, fit_affine as fit_affine
from .progress import state_of as state_of
from .recipes import (
    AUGMENTS as AUGMENTS,
    RANGES as RANGES,
    RECIPES as RECIPES,
    Range as Range,
    Recipe as Recipe,
    RecipeOption as RecipeOption,
    StepOption as StepOption,
    check as check,
    default_recipe as default_recipe,
    resolve as resolve,
)
from .soups import Soup as Soup, batch_norms as batch_norms, settle_norms as settle_norms
from .tables import SOUPS as SOUPS
from .timing import seconds_per_image as seconds_per_image, seconds_per_pass as seconds_per_pass
