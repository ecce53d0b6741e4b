from .auto import auto as auto
from .demo import demo as demo
from .demo import demo_data as demo_data
