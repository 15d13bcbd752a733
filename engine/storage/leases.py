"""The right to write to a target: a row with a token that only grows.

A lease ends when it is given back, when its time is over, or when the process that took it is gone from this host.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from engine.errors import Locked
from engine.reconcile.history import Lease, Token
from engine.storage.journal_part import JournalPart, to_moment, to_number
from engine.storage.processes import is_gone, this_process

_SET = """
    INSERT INTO lease (name, holder, process, token, since, expires_at, released) VALUES (?, ?, ?, 1, ?, ?, 0)
    ON CONFLICT (name) DO UPDATE SET token = token + 1, holder = excluded.holder, process = excluded.process,
        since = excluded.since, expires_at = excluded.expires_at, released = 0
    RETURNING token
"""


class Leases(JournalPart):
    """The journal's methods about leases. Renewing writes no event: it happens every few seconds."""

    async def take_lease(self, name: str, holder: str, ttl: timedelta, at: datetime) -> Lease:
        def take(connection: sqlite3.Connection) -> Lease:
            before = connection.execute(
                "SELECT holder, process, since, expires_at FROM lease WHERE name = ? AND released = 0", (name,)
            ).fetchone()
            if before is not None and before[3] > to_number(at) and not is_gone(before[1]):
                raise Locked(
                    f"{before[0]} holds {name} since {to_moment(before[2]):%Y-%m-%d %H:%M:%S} UTC. "
                    "Wait until that run has ended, or ask it to stop."
                )
            values = (name, holder, this_process(), to_number(at), to_number(at + ttl))
            ((token,),) = connection.execute(_SET, values).fetchall()
            data = {
                "holder": holder,
                "token": token,
                "until": (at + ttl).isoformat(),
                "instead_of": before[0] if before else None,
            }
            self._tell(connection, "lease.taken", f"lease:{name}", data, {"lease": name})
            return Lease(name=name, holder=holder, token=Token(token), since=at, expires_at=at + ttl)

        return await self._database.write(take)

    async def renew_lease(self, lease: Lease, ttl: timedelta, at: datetime) -> Lease:
        def renew(connection: sqlite3.Connection) -> Lease:
            renewed = connection.execute(
                "UPDATE lease SET expires_at = ? WHERE name = ? AND token = ? AND released = 0",
                (to_number(at + ttl), lease.name, lease.token),
            )
            if not renewed.rowcount:
                raise taken_over(connection, lease)
            return Lease(
                name=lease.name, holder=lease.holder, token=lease.token, since=lease.since, expires_at=at + ttl
            )

        return await self._database.write(renew)

    async def release_lease(self, lease: Lease) -> None:
        def release(connection: sqlite3.Connection) -> None:
            released = connection.execute(
                "UPDATE lease SET released = 1 WHERE name = ? AND token = ? AND released = 0", (lease.name, lease.token)
            )
            if released.rowcount:
                data = {"holder": None, "token": lease.token}
                self._tell(connection, "lease.released", f"lease:{lease.name}", data, {"lease": lease.name})

        await self._database.write(release)


def check_lease(connection: sqlite3.Connection, lease: Lease, at: datetime) -> None:
    """Raise `Locked` unless this lease is the newest of its name, not given back, and not over."""
    held = connection.execute(
        "SELECT 1 FROM lease WHERE name = ? AND token = ? AND released = 0 AND expires_at > ?",
        (lease.name, lease.token, to_number(at)),
    ).fetchone()
    if held is None:
        raise taken_over(connection, lease)


def taken_over(connection: sqlite3.Connection, lease: Lease) -> Locked:
    """Return the error for a lease that no longer holds, naming whoever holds it now."""
    row = connection.execute("SELECT holder, token, since FROM lease WHERE name = ?", (lease.name,)).fetchone()
    if row is not None and row[1] != lease.token:
        return Locked(
            f"{lease.name} was lost: {row[0]} took it at {to_moment(row[2]):%Y-%m-%d %H:%M:%S} UTC. "
            "Nothing more is written by this run; resume it when that one has ended."
        )
    return Locked(f"{lease.name} was lost: its time is over. Nothing more is written by this run; resume it.")
