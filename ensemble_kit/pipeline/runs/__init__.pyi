from .find_lr import find_lr as find_lr
from .probe import RECIPE as RECIPE
from .probe import probe as probe
from .soup import soup as soup
from .train import train as train
