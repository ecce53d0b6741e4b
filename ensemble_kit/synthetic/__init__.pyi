from .draw import LAST_DRAWN as LAST_DRAWN
from .draw import draw_data_set as draw_data_set
from .draw import end_drawing as end_drawing
from .faces import CHARACTERS as CHARACTERS
