"""Take the payload out of an event and keep its place: the chain holds, because payloads enter it by their hashes."""

from __future__ import annotations

import sqlite3

from engine.events.chain import hashed
from engine.events.event import Dot, Position
from engine.storage.event_grams import forget_segment

GONE = "{}"
"""Data and metadata of a redacted event."""

_PAYLOAD = """
    SELECT e.position, e.data, e.metadata, e.hashes FROM event e JOIN event_origin o ON o.id = e.origin
    WHERE o.name = ? AND e.seq = ?
"""


def payload_hashes(data: str, metadata: str) -> bytes:
    """Return the 64 bytes that stay of a payload: H(data) + H(metadata)."""
    return hashed(data.encode()) + hashed(metadata.encode())


def redact_in(connection: sqlite3.Connection, dot: Dot) -> Position | None:
    """Inside a transaction: drop the payload at a dot, and remember that it may not be kept when it comes (again).

    Returns the position of the event whose payload went, None if it is not here or had none any more.
    """
    connection.execute("INSERT OR IGNORE INTO redaction (origin, seq) VALUES (?, ?)", dot)
    found = connection.execute(_PAYLOAD, dot).fetchone()
    if found is None or found[3] is not None:
        return None
    position, data, metadata, _ = found
    connection.execute(
        "UPDATE event SET data = ?, metadata = ?, hashes = ? WHERE position = ?",
        (GONE, GONE, payload_hashes(data, metadata), position),
    )
    forget_segment(connection, position)
    return Position(position)
