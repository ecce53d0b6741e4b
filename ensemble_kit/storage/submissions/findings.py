"""What was found in a submission: each kind once, with how often, on which lines, and the remedy.

Lines are counted from 1, the header included, as an editor shows them. Never decides what is wrong.
"""

from dataclasses import dataclass, field
from typing import Final
from unicodedata import combining

SHOWN: Final = 5
LONGEST: Final = 60


@dataclass
class Finding:
    """One kind of thing that was found.

    what: in words that fit behind 'lines 3, 7:'.
    harmless: a careful reader is not misled; a strict judge may still refuse it.
    lines: the first five; None in place of a line where the thing is of the whole file.
    """

    what: str
    remedy: str
    harmless: bool = False
    count: int = 0
    lines: list[int] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """Return the finding in one line.

        Example:
            >>> Finding("ids are empty", "Write an id in every row.", count=7, lines=[2, 3]).sentence()
            'lines 2, 3, ... (7 in all): ids are empty. Write an id in every row.'
        """
        where = ", ".join(map(str, self.lines))
        if self.lines:
            more = f", ... ({self.count} in all)" if self.count > len(self.lines) else ""
            where = f"line{'s' if len(self.lines) > 1 else ''} {where}{more}: "
        shown = f": {', '.join(self.examples)}" if self.examples else ""
        return f"{where}{self.what}{shown}. {self.remedy}".strip().replace("....", "...")


class Findings:
    """All that was found, in the order in which it was found first."""

    def __init__(self) -> None:
        """Begin with nothing found."""
        self._found: dict[str, Finding] = {}

    def add(
        self, what: str, remedy: str = "", line: int | None = None, example: str = "", harmless: bool = False
    ) -> None:
        """Note one thing; the same again is counted, and shown five times at most."""
        finding = self._found.setdefault(what, Finding(what, remedy, harmless))
        finding.count += 1
        if line is not None and len(finding.lines) < SHOWN:
            finding.lines.append(line)
        if example and example not in finding.examples and len(finding.examples) < SHOWN:
            finding.examples.append(example)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What makes the file unfit."""
        return tuple(one for one in self._found.values() if not one.harmless)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What only a strict judge minds."""
        return tuple(one for one in self._found.values() if one.harmless)


def shown(text: str) -> str:
    """Return the text in quotes, marks that cannot be seen escaped, cut where it is long.

    Example:
        >>> print(shown("a" + chr(9) + "b"), shown("x" * 99)[-6:])
        'a\\tb' xxx...
    """
    said = ascii(text) if any(not mark.isprintable() or combining(mark) for mark in text) else repr(text)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 3]}..."
