"""What an interval is in every report."""

Interval = tuple[float, float]
"""(low, high) at 95 %."""
