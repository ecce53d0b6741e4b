from .augment import augment as augment
from .augment import describe as describe
from .augment import operations_of as operations_of
