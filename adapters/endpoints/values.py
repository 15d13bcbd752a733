"""Foreign values to record values: whatever is not text, a number, a truth or a list of texts becomes text."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from engine.errors import RemoteRefused
from engine.reconcile.records import Value, text_of


def as_value(foreign: Any, *, where: str) -> Value:
    """Return the record value for what a file or a driver gave: dates as ISO 8601, decimals plain, mappings as JSON.

    `where` names the column or field for the message. Raises `RemoteRefused` for bytes and for numbers that are none.
    """
    match foreign:
        case None | bool() | int() | str():
            return foreign
        case float():
            if not math.isfinite(foreign):
                raise RemoteRefused(
                    f"{where} holds {foreign}, which is no number that could be compared. Mend the value."
                )
            return foreign
        case Decimal():
            return format(foreign, "f")
        case bytes() | bytearray() | memoryview():
            raise RemoteRefused(f"{where} holds bytes, which cannot be compared. Leave it out of `attributes`.")
        case date() | time():
            return foreign.isoformat()
        case timedelta():
            return str(foreign)
        case Mapping():
            return msgspec.json.encode(foreign, order="deterministic").decode()
        case Sequence() | Set():
            return [text_of(as_value(item, where=where)) for item in foreign]
        case _:
            return str(foreign)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a sentence with the names most like the one that is missing, or with all there are."""
    known = list(names)
    folded = {other.strip().casefold(): other for other in known}
    near = [folded[hit] for hit in difflib.get_close_matches(name.strip().casefold(), folded, n=3, cutoff=0.6)]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    if not known:
        return "There are none."
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"There are {shown}."
