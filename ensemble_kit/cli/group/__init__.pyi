from .root import ek as ek
