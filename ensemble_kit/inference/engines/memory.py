"""Whether memory ran out, which every library says in words of its own. To know another: a line in `_WORDS`."""

from typing import Final

_KINDS: Final = {"MemoryError", "OutOfMemoryError"}  # the second is PyTorch's
_WORDS: Final = (
    *("out of memory", "can't allocate memory", "cannot allocate memory"),
    *("not enough memory", "failed to allocate memory", "bad_alloc", "failed to map segment"),
)
THREADLESS: Final = "can't start new thread"
"""What Python says where the system gives no more threads."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
        True
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & _KINDS) or any(words in str(error).lower() for words in _WORDS)
