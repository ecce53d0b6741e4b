from .group import ek as ek
