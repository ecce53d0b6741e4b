"""How many processors this process may use; containers and `taskset` grant fewer than there are."""

import os


def usable_processors() -> int:
    """Return how many processors this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
