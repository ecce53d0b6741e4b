"""Every error that ensemble_kit raises on purpose, and its exit code.

    EnsembleKitError          1  a bug, or anything without a better name
    ├── InvalidOptionError    2  a value, or a combination of values, that cannot be used
    │   └── UnknownNameError  2  a name that no table holds (with a did-you-mean)
    ├── BadDataError          3  images, labels or score files that cannot be used
    ├── MisalignedError       4  members, or a sample file, that do not fit together
    ├── CorruptError          5  an artefact of ours that is damaged or stale
    ├── ResourceError         6  disk, memory or network that is not there
    └── LockedError           7  another process holds the folder

A message says what was wanted, what came, where, and the remedy; the class carries
the exit code. A message of several lines is given line by line: what breaks a line otherwise
has come in with a name, and is shown as an escape. To add an error: a class here, a line in
the tree above. Islands raise these; the command line prints them; nothing else catches them.
"""

from ensemble_kit.visible import visible_lines


class EnsembleKitError(Exception):
    r"""The root of the tree; `except EnsembleKitError` catches every error of ours.

    Example:
        >>> print(EnsembleKitError("Two images cannot be used:", "'a\nb.png': empty."))
        Two images cannot be used:
        'a\nb.png': empty.
    """

    exit_code = 1

    def __str__(self) -> str:
        """Return the message, an argument a line."""
        return visible_lines(self.args)


class InvalidOptionError(EnsembleKitError):
    """An option has a value, or stands in a combination, that cannot be used."""

    exit_code = 2


class UnknownNameError(InvalidOptionError):
    """A name is in no table."""


class BadDataError(EnsembleKitError):
    """Images, labels or score files cannot be used as they are."""

    exit_code = 3


class MisalignedError(EnsembleKitError):
    """Members disagree about images, classes or labels, or a sample file about ids."""

    exit_code = 4


class CorruptError(EnsembleKitError):
    """An artefact does not match its checksum, its schema or its pin."""

    exit_code = 5


class ResourceError(EnsembleKitError):
    """Disk, memory or network is not there."""

    exit_code = 6


class LockedError(EnsembleKitError):
    """Another process is writing to the same folder."""

    exit_code = 7
