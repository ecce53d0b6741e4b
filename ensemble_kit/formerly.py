"""Options that had another name: the old one works until the next release, and says the new one.

The command line, the functions and config files read this table. To rename an option: a line here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

FORMERLY: Final[Mapping[str, Mapping[str, str]]] = {
    "train": {"weights": "init"},
    "probe": {"weights": "init"},
    "find_lr": {"weights": "init"},
    "report": {"pictures": "thumbnails"},
    "predict": {"cascade": "early_exit", "pictures": "images"},
}
"""Function -> what an option of it was called -> what it is called now."""


def renamed(function: str, options: Mapping[str, Any], say: Callable[[str], object]) -> dict[str, Any]:
    """Return options by the names that they have now; what was given by an old one is said.

    Example:
        >>> renamed("train", {"weights": "cnn.pth", "lr": 0.1}, print)
        weights= is called init= now; the old name works until the next release.
        {'init': 'cnn.pth', 'lr': 0.1}
    """
    now = FORMERLY.get(function, {})
    for name in options:
        if name in now:
            say(f"{name}= is called {now[name]}= now; the old name works until the next release.")
    return {now.get(name, name): value for name, value in options.items()}
