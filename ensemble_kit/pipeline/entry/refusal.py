"""What the system refused, behind an error that left a command: a file, memory, a thread.

Readers turn what a file does to them into errors of ours, and mean a file that is none. Where
the system was what stood behind, not the file, that is said instead. To know another: a branch
in `_said`.
"""

from collections.abc import Iterator

from ensemble_kit.disk import NOT_THERE, unreachable
from ensemble_kit.errors import EnsembleKitError, ResourceError
from ensemble_kit.inference.engines import THREADLESS, is_out_of_memory


def refusal(error: BaseException) -> ResourceError | None:
    """Return what the system refused, where that is what happened and nobody has said it yet.

    Example:
        >>> print(refusal(MemoryError()))
        Out of memory. Give a smaller --batch-size or --size, close other programs, or allow more: ulimit -v.
        >>> refusal(ValueError("no number")) is None
        True
    """
    if isinstance(error, ResourceError):
        return None
    return next((said for one in _chain(error) if (said := _said(one, error)) is not None), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _said(error: BaseException, outermost: BaseException) -> ResourceError | None:
    """Return how one error of the chain is said; None where it is not the system's."""
    if isinstance(error, EnsembleKitError | BrokenPipeError):
        return None  # a pipe breaks where a reader has gone; the command line knows how to end then
    if isinstance(error, OSError):
        return unreachable(error) if error is outermost or _is_the_systems(error) else None
    if is_out_of_memory(error) or (type(error) is ImportError and _is_memory_limited()):
        reason = f" ({str(error).splitlines()[0][:120]})" if str(error) else ""
        return ResourceError(
            f"Out of memory{reason}. Give a smaller --batch-size or --size, close other programs, or allow more: "
            "ulimit -v."
        )
    if THREADLESS in str(error):
        return ResourceError("No more threads can be started. Allow more (ulimit -u), or close other programs.")
    return None


def _is_memory_limited() -> bool:
    """Say whether the memory of this process is limited: then libraries that are there may fail to load."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # Windows
        return False
    return getrlimit(RLIMIT_AS)[0] != RLIM_INFINITY


def _is_the_systems(error: OSError) -> bool:
    """Say whether an error that a reader has explained was the system's: no wrong name, no network, no bad file."""
    explained = (*NOT_THERE, ConnectionError, TimeoutError)
    return isinstance(error, PermissionError) or (error.errno is not None and not isinstance(error, explained))
