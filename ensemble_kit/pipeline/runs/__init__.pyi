from .computing import Subject as Subject
from .computing import computing_of as computing_of
from .probe import RECIPE as RECIPE
from .probe import probe as probe
from .soft_labels import check_unlabelled as check_unlabelled
from .train import train as train
