"""What a command found out: frozen data, printable, one JSON object each. One module a command.

The command line prints these, Python callers read them, and both see the same names; a blend's parts are one flat
object in JSON, by the names of `blend_keys`. A module named after a command may be imported as such, from anywhere;
this face shows the classes of all.
Accuracies are fractions in [0, 1]; `*_interval` is (low, high) at 95 %.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
