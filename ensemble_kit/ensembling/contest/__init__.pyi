from .class_balance import balance_p as balance_p
from .final_two import final_two as final_two
from .public_split import (
    chance_to_show as chance_to_show,
    draw_public as draw_public,
    effective_images as effective_images,
    prediction_interval as prediction_interval,
    public_images as public_images,
    telling as telling,
)
