from .augment import augment as augment, describe as describe, operations_of as operations_of
