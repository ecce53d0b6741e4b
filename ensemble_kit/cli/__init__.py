"""The command `ek`. A module a command, or a few of one family; importing them loads nothing but click and tables.

A command parses, calls one pipeline function and prints what came back; it holds no maths and no `try`. `group` is
`ek` itself and finds the commands; `options` holds what several share.
To add one, write its own files, named after it: here, with `COMMANDS` and the `CHAPTER` of `ek --help` they stand in
(one of `group.chapters.CHAPTERS`); its function, decorated with `pipeline.entry.command`, in a room of `pipeline`; its
report in `results`, its words in `reporting`. Then a line in `ensemble_kit/__init__.pyi` for the function, and one in
`results/__init__.pyi` for the report. Help, completion, `ek.NAME` and packaging find it by these.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
