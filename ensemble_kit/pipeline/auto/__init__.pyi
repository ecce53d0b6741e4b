from .auto import auto as auto
from .demo import demo as demo, demo_data as demo_data
