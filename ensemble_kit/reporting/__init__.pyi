from .curves import view_curve_plot as view_curve_plot
from .plain import can_say as can_say
from .plain import use_stand_ins as use_stand_ins
from .progress import Watch as Watch
from .progress import say as say
from .tables import IMAGES as IMAGES
from .tables import percent as percent
