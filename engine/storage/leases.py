"""The right to write to a target: a row with a token that only grows.

A lease ends when it is given back, when its time is over, when the process that took it is gone from this host, or when
somebody takes it under a newer grant of the lock: whoever was held up between getting the lock and taking the lease
comes too late.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Any

from engine.errors import Locked
from engine.reconcile.history import Grant, Lease, Token
from engine.storage.journal_part import JournalPart
from engine.storage.moments import to_moment, to_number
from engine.storage.processes import is_gone, this_process

_SET = """
    INSERT INTO lease (name, holder, process, token, since, expires_at, released, grant_space, grant_token)
    VALUES (?, ?, ?, 1, ?, ?, 0, ?, ?)
    ON CONFLICT (name) DO UPDATE SET token = token + 1, holder = excluded.holder, process = excluded.process,
        since = excluded.since, expires_at = excluded.expires_at, released = 0,
        grant_space = excluded.grant_space, grant_token = excluded.grant_token
    RETURNING token
"""

_BEFORE = """
    SELECT holder, process, since, expires_at, released, grant_space, grant_token FROM lease WHERE name = ?
"""


class Leases(JournalPart):
    """The journal's methods about leases. Renewing writes no event: it happens every few seconds."""

    async def take_lease(
        self, name: str, holder: str, ttl: timedelta, at: datetime, grant: Grant | None = None
    ) -> Lease:
        def take(connection: sqlite3.Connection) -> Lease:
            before = connection.execute(_BEFORE, (name,)).fetchone()
            if before is not None:
                _must_be_free(name, before, grant, at)
            space, number = (grant.space, grant.token) if grant else ("", 0)
            values = (name, holder, this_process(), to_number(at), to_number(at + ttl), space, number)
            ((token,),) = connection.execute(_SET, values).fetchall()
            data = {
                "holder": holder,
                "token": token,
                "until": (at + ttl).isoformat(),
                "instead_of": before[0] if before and not before[4] else None,
            }
            if grant:
                data["grant"] = {"space": space, "token": number}
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


def _must_be_free(name: str, before: tuple[Any, ...], grant: Grant | None, at: datetime) -> None:
    """Raise `Locked` unless a lease may be taken as it stands in its row."""
    holder, process, since, expires_at, released, space, number = before
    comparable = grant is not None and space == grant.space
    if grant is not None and comparable and number > grant.token:
        raise Locked(
            f"{holder} took {name} under grant {number} of its lock while this process, with grant {grant.token}, was "
            "held up. Nothing was done. Try again."
        )
    if released or (grant is not None and comparable and number < grant.token):
        return
    if expires_at > to_number(at) and not is_gone(process):
        raise Locked(
            f"{holder} holds {name} since {to_moment(since):%Y-%m-%d %H:%M:%S} UTC. "
            "Wait until that run has ended, or ask it to stop."
        )


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
