from .export import export as export
