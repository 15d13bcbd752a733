"""What a PostgreSQL can be relied on for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from msgspec.structs import replace

from engine.coordination.promises import Promises
from engine.errors import CoordinationError, NotSupported

OLDEST = 12

ALWAYS = (
    "A failover to an asynchronous standby may forget the last grants and give their tokens again.",
    "Whoever loses all connections at once may lose what it holds at once, and knows it within 0.8 s.",
    "Connect directly, or through a pooler in session mode: in transaction mode nobody's crash would be seen.",
    "Keys expire by the server's wall clock; sessions and claims do not depend on it.",
)

PROMISES = Promises(
    backend="PostgreSQL",
    reach="all nodes that reach the server",
    shortest_ttl=timedelta(milliseconds=500),
    crash_seen="within 20 ms by who is next in line, through its connections; after 1.3 s by others",
    hang_seen="after the ttl and 0.6 s, through its heart-beat",
    shortest_expiry=timedelta(milliseconds=1),
    cautions=ALWAYS,
)


def learnt(title: str, version: str, settings: Mapping[str, str]) -> Promises:
    """Return the promises of a server, from its version and what it says of its durability.

    Raises `NotSupported` for one that is too old, `CoordinationError` for a standby.
    """
    backend = f"PostgreSQL {version.split(maxsplit=1)[0]}"
    major = re.match(r"\d+", version)
    if major is None or int(major[0]) < OLDEST:
        raise NotSupported(f"{title} is {backend}; {OLDEST} is the oldest that can do this. Use a newer one.")
    if settings.get("standby") == "true":
        raise CoordinationError(f"{title} is a standby. Name the primary in coordination.url.")
    cautions = [
        f"A crash of the server may lose or damage everything ({name} off). Turn it on."
        for name in ("fsync", "full_page_writes")
        if settings.get(name) == "off"
    ]
    return replace(PROMISES, backend=backend, cautions=(*cautions, *ALWAYS))
