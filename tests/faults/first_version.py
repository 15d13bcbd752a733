"""A state file as the first version of the schema had it, with a history."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from engine.events.chain import BEFORE_FIRST, canonical, hashed, header, link
from engine.storage.connection import APPLICATION_ID
from engine.storage.migrate import migrations, statements

ORIGIN = "berlin~00000001"


def lay_out_first_version(path: Path, *, events: int) -> list[str]:
    """Make such a file, and return the ids of its events."""
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements(migrations()[1]):
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('origin:berlin', ?)", (ORIGIN,))
        connection.execute("INSERT INTO event_origin VALUES (1, ?)", (ORIGIN,))
        connection.execute("INSERT INTO event_type VALUES (1, 'user.changed', ?)", (events,))
        chain = BEFORE_FIRST
        for seq in range(1, events + 1):
            aggregate, context = f"user:{seq % 3}", {ORIGIN: seq - 3} if seq > 3 else {}
            data, metadata = canonical({"number": seq}), canonical({"actor": "ann"})
            head = header(f"id-{seq}", "user.changed", aggregate, (ORIGIN, seq), context, seq << 16)
            chain = link(chain, hashed(data) + hashed(metadata), head)
            row = (seq, f"id-{seq}", 1, aggregate, data.decode(), metadata.decode(), 1, seq)
            place = (canonical(context).decode(), seq << 16, chain)
            connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, *place))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
    return [f"id-{seq}" for seq in range(1, events + 1)]
