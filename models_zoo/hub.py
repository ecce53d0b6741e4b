"""The Hugging Face hub: what of it is on this machine, whether it answers, and how to fetch a file in time.

Weights are .safetensors files alone, which hold numbers and nothing that could run. Nothing is fetched unasked.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from models_zoo.contract import UnreachableError

FILE: Final = "model.safetensors"
PATIENCE_S: Final = 5.0
_FETCH: Final = """
import sys, huggingface_hub
try:
    huggingface_hub.hf_hub_download(*sys.argv[1:])
except Exception as error:
    sys.exit(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
"""


def cached(repo: str) -> Path | None:
    """Return the weights of a repository that were fetched at an earlier time; None where they were not."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, FILE)
    return Path(found) if isinstance(found, str) else None


def reach(seconds: float = PATIENCE_S) -> None:
    """Return where the hub answers; its own client would try for a minute before it gives up.

    Raises:
        OSError: it does not in so many seconds.
    """
    from huggingface_hub import constants

    try:
        with urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=seconds):
            return
    except HTTPError:
        return  # an answer too


def fetch(repo: str, seconds: float) -> Path:
    """Return the weights of a repository, fetched into the hub's cache where they are not there.

    In a process of its own, which can be ended in time; what it had by then, the next call goes on from.

    Raises:
        UnreachableError: they are not there after so many seconds, or the hub does not answer, or has no such file.
    """
    from huggingface_hub import constants

    def unreachable(reason: str) -> UnreachableError:
        return UnreachableError(f"The weights '{repo}' could not be fetched from {constants.ENDPOINT}: {reason}")

    if (found := cached(repo)) is not None:
        return found
    if constants.HF_HUB_OFFLINE:
        raise unreachable("HF_HUB_OFFLINE is set.")
    try:
        reach(min(seconds, PATIENCE_S))
        done = subprocess.run(
            [sys.executable, "-c", _FETCH, repo, FILE],
            env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise unreachable(f"they were not there after {seconds:.0f} s.") from None
    except OSError as error:
        raise unreachable(f"{error}.") from error
    if (found := cached(repo)) is None:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise unreachable(said[-1] if said else f"its client ended with {done.returncode}.")
    return found
