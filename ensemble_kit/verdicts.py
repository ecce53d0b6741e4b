"""What a difference allows to be said: the one rule for better, worse, and as good, everywhere.

A code is all that is handed out; the words for it are in `reporting.terminal.statements`. Reports hold codes
that follow from their own numbers, so a sentence, a page and the JSON cannot disagree. Never measures anything.
"""

import math
from typing import Final, Literal, get_args

Verdict = Literal["better", "worse", "looks-better", "looks-worse", "as-good", "unclear"]
"""better, worse: than the baseline, beyond chance. looks-: so it would be, had not several been tried on these images.
as-good: no worse than by `CLOSE`. unclear: these images cannot tell."""

VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
LEVEL: Final = 0.05
CLOSE: Final = 0.01  # a point, or a hundredth of a nat
_DIGITS: Final = 3  # of a bound as it is printed: 0.1 points, or 0.001 nats


def verdict(
    difference: float, interval: tuple[float, float], p: float = 0.0, trials: int = 1, detectable: float = math.inf
) -> Verdict:
    """Return what may be said of a paired difference, above 0 where the first is better.

    Better and worse take a 95 % interval without 0 in it, as it is printed, and a p-value below 0.05, for all that was
    tried. As good takes an interval that ends above -0.01, and enough images to detect so much.

    Args:
        p: two-sided, of this difference alone; 0 where the interval is all there is.
        trials: how many configurations were tried on these images.
        detectable: the smallest difference that these images show in 80 % of cases; infinite: not known.

    Example:
        >>> verdict(0.03, (0.01, 0.05), 0.004), verdict(0.03, (0.01, 0.05), 0.004, trials=20)
        ('better', 'looks-better')
        >>> verdict(-0.007, (-0.025, 0.012), 0.6), verdict(0.001, (-0.004, 0.006), 0.8, detectable=0.007)
        ('unclear', 'as-good')
    """
    low, high = (round(bound, _DIGITS) for bound in interval)
    if p < LEVEL and (low > 0 or high < 0):
        proven = max(trials, 1) * p < LEVEL
        if difference > 0:
            return "better" if proven else "looks-better"
        return "worse" if proven else "looks-worse"
    return "as-good" if max(-low, detectable) <= CLOSE else "unclear"
