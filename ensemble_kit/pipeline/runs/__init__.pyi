from .probe import RECIPE as RECIPE
from .probe import probe as probe
from .train import train as train
