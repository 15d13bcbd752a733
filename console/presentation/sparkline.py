"""Numbers as a row of bars."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the last `width` values as bars over a zero line: a source that halves is seen to halve."""
    shown = values[-width:]
    top = max(shown, default=0) or 1
    bars = "".join(BARS[min(round(max(value, 0) / top * (len(BARS) - 1)), len(BARS) - 1)] for value in shown)
    return bars.rjust(width)
