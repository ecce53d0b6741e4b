from . import blends as blends
from .blends import Blend as Blend
from .blends import read_blend as read_blend
from .leftovers import clear as clear
from .pins import check_pins as check_pins
from .verify import verify_all as verify_all
