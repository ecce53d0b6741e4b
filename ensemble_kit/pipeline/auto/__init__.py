"""A time budget -> members, views, a blend and its submission; the demo. Read first: `auto`, then `portfolio`."""
