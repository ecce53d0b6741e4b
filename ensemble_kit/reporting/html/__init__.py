"""The page of a blend: words, charts, and a template that holds them; nothing here looks anything up."""
