"""Which workspace a state file belongs to: a random id, made when it is first asked for, that goes with every copy."""

from __future__ import annotations

import secrets
import sqlite3

from engine.storage.database import Database

_READ = "SELECT value FROM meta WHERE name = 'workspace'"
_MAKE = "INSERT OR IGNORE INTO meta VALUES ('workspace', ?)"


async def workspace_id(database: Database) -> str:
    """Return the id."""

    def make(connection: sqlite3.Connection) -> str:
        connection.execute(_MAKE, (secrets.token_hex(8),))
        return str(connection.execute(_READ).fetchone()[0])

    for (found,) in await database.rows(_READ):
        return str(found)
    return await database.write(make)
