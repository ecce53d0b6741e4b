from .draw import LAST_DRAWN as LAST_DRAWN, draw_data_set as draw_data_set, end_drawing as end_drawing
from .faces import CHARACTERS as CHARACTERS
