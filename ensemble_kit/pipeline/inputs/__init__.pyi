from .data_check import data_check as data_check
from .held_out_fold import folded as folded
from .images import (
    Pictures as Pictures,
    SIZES_PX as SIZES_PX,
    in_class_order as in_class_order,
    open_pictures as open_pictures,
)
from .relative_paths import is_outside as is_outside, relative as relative, tell_outside as tell_outside
from .show_augment import show_augment as show_augment
