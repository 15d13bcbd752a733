"""Plain text tables for the command line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.cells import cell_len, set_cell_size


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with columns as wide as their widest cell; the last column is not padded."""
    widths = [max(cell_len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    return [
        "  ".join(
            [*(set_cell_size(cell, width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1]]
        ).rstrip()
        for row in [titles, *rows]
    ]


def moment(when: datetime | None) -> str:
    """Return a time as people read it in a list, in UTC."""
    return f"{when:%Y-%m-%d %H:%M:%SZ}" if when else "-"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units."""
    seconds = int(length.total_seconds())
    units = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
    parts = [
        f"{seconds // size % limit}{unit}"
        for (size, unit), limit in zip(units, (10**9, 24, 60, 60), strict=True)
        if seconds // size % limit
    ]
    return " ".join(parts[:2]) or "0s"


def safe(text: str) -> str:
    """Return foreign text without control characters: a terminal must not obey what a directory holds."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
