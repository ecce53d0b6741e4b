from .tta import tta as tta
