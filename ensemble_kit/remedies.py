"""What to do about a file of ours that is damaged: by where it lies, how it is made anew."""

from pathlib import Path
from shlex import quote


def remedy(path: Path | str) -> str:
    """Return the sentence.

    Args:
        path: of the file; what follows a comma, as in `ledger.jsonl, line 3`, is passed over.

    Example:
        >>> remedy("predictions/cnn/member.json")
        'Restore it from a copy, or make the member anew: ek members rm cnn, then the command that made it.'
        >>> remedy("blends/small.json")
        'Restore it from a copy, or make it anew: the command that wrote it, with --replace.'
    """
    path = Path(str(path).partition(", line ")[0])
    if path.suffix == ".jsonl":
        return "Restore it from a copy. Without one, remove it: it begins anew, and what it counted is lost."
    if path.name == "member.json" or (path.parent / "member.json").exists():
        anew = f"ek members rm {quote(path.parent.name)}, then the command that made it"
        return f"Restore it from a copy, or make the member anew: {anew}."
    return "Restore it from a copy, or make it anew: the command that wrote it, with --replace."
