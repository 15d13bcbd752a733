"""How large an event may be, wherever it comes from.

What a node appends itself and what it takes from peers has the same limits: an event that one node takes and another
refuses would stop its origin's history there for ever.
"""

from __future__ import annotations

LONGEST_ID = 128
LONGEST_TYPE = 256
LONGEST_AGGREGATE = 1_024
"""In characters."""

MOST_PAYLOAD_BYTES = 4 * 1024 * 1024
"""Of data and metadata together, as canonical JSON."""

DEEPEST_NESTING = 100
"""Arrays and objects within one another: far more than people write, far less than a parser's stack."""

LARGEST_STAMP = 2**63 - 1


def too_deep(text: str) -> bool:
    """Tell whether some JSON text nests deeper than is taken."""
    if text.count("{") + text.count("[") <= DEEPEST_NESTING:
        return False  # nearly every event, at the price of two searches
    depth, in_string, escaped = 0, False, False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
            if depth > DEEPEST_NESTING:
                return True
        elif character in "}]":
            depth -= 1
    return False
