from .held_out_fold import folded as folded
from .images import DecodedImages as DecodedImages
from .images import check_size as check_size
from .images import in_class_order as in_class_order
from .images import open_images as open_images
from .relative_paths import is_outside as is_outside
from .relative_paths import relative as relative
from .relative_paths import tell_outside as tell_outside
