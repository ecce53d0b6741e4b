from . import (
    auto as auto,
    blend as blend,
    compare as compare,
    data as data,
    doctor as doctor,
    export as export,
    find_lr as find_lr,
    probe as probe,
    score as score,
    show_augment as show_augment,
    submit as submit,
    train as train,
    tta as tta,
)
from .blend import verdict as verdict
from .compare import sentence as sentence
from .curves import view_curve_plot as view_curve_plot
from .find_lr import find_lr_plot as find_lr_plot
from .plain import can_say as can_say, use_stand_ins as use_stand_ins
from .predict import predicted as predicted
from .progress import Watch as Watch, say as say
from .soup import cooked as cooked
from .tables import PICTURES as PICTURES, percent as percent
