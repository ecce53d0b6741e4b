from .class_balance import balance_p as balance_p
from .final_two import final_two as final_two
from .public_split import chance_to_show as chance_to_show
from .public_split import draw_public as draw_public
from .public_split import effective_images as effective_images
from .public_split import prediction_interval as prediction_interval
from .public_split import public_images as public_images
from .public_split import telling as telling
