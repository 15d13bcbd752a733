"""What stands at a backend: sessions, claims, keys, and how changes of them are told. Values only.

Moments are wall times of whoever wrote them, for people to read; nothing is decided by them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType

from msgspec import MsgspecError, Struct

UNREADABLE: Final = (MsgspecError, UnicodeError, RecursionError)
"""What decoding raises for a value that is not what it should be: anybody may have written it, nested however deep."""

SessionId = NewType("SessionId", str)

Token = NewType("Token", int)
"""Of a grant: strictly greater than that of every earlier grant of the same name, over crashes and restarts, as far as
the backend's promises go. Whoever protects something keeps the greatest it has seen and refuses smaller ones."""

Revision = NewType("Revision", int)
"""Of a key: strictly greater at every write of it, also after it was deleted; 0 is that of a key that is not there."""

ABSENT = Revision(0)


class Who(Struct, frozen=True, kw_only=True):
    """Whose session it is, for people and for finding a dead process."""

    node: str
    actor: str
    """user@host"""
    pid: int
    purpose: str = ""
    """`console`, `serve`, `lock deploy`"""


class SessionStanding(Struct, frozen=True, kw_only=True):
    """A session as the backend has it. It is alive while it stands here."""

    id: SessionId
    who: Who
    ttl: timedelta
    since: datetime
    left: timedelta | None = None
    """Until it lapses unless renewed, as far as the backend can say; never more than ttl."""


class Claim(Struct, frozen=True):
    """A place in the queue of a name, whether waiting or at its head. Asking again with the same claim is harmless."""

    session: SessionId
    name: str
    nonce: str
    """Unique among all claims of the session."""


class Holder(Struct, frozen=True, kw_only=True):
    """Who holds a name."""

    session: SessionId
    who: Who
    token: Token
    since: datetime
    value: bytes = b""
    """What the holder proclaims: of an election the leader's value, of a lock a note."""


class Waiter(Struct, frozen=True, kw_only=True):
    """Who waits for a name."""

    session: SessionId
    who: Who
    since: datetime


class Ending(StrEnum):
    """How a hold ended."""

    RELEASED = "released"
    LAPSED = "lapsed"
    """The session ended, or its process was seen to be gone."""
    REVOKED = "revoked"


class PastHolder(Struct, frozen=True, kw_only=True):
    """A hold that is over."""

    who: Who
    token: Token
    since: datetime
    until: datetime
    ending: Ending


class ClaimStanding(Struct, frozen=True, kw_only=True):
    """A name with its queue. A name that nobody holds or waits for need not be listed."""

    name: str
    holder: Holder | None
    ttl: timedelta | None = None
    """Of the holder's session."""
    left: timedelta | None = None
    """Until the holder's session lapses unless renewed, as far as the backend can say."""
    waiters: tuple[Waiter, ...] = ()
    """In the order in which they will be served."""
    past: tuple[PastHolder, ...] = ()
    """The last holds, newest first, as far as the backend keeps them."""


class Entry(Struct, frozen=True, kw_only=True):
    """A key with its value."""

    key: str
    value: bytes
    revision: Revision
    left: timedelta | None = None
    """Until it expires; None: never, or not known to the change that tells of it."""


class Fence(Struct, frozen=True):
    """A write holds only while this is the newest grant of `name`."""

    name: str
    token: Token


class Kind(StrEnum):
    """What a change is about."""

    KEY = "key"
    CLAIM = "claim"
    SESSION = "session"
    SYNCED = "synced"
    """From here on every change is told: whatever is read after this is at least as new as what came before."""


class Change(Struct, frozen=True, kw_only=True):
    """Something changed. Of several quick changes of one thing only the last need be told.

    Of a key, `entry` is its new state, None when it is gone. Of claims and sessions only the name (or id) is told: look
    it up.
    """

    kind: Kind
    name: str = ""
    entry: Entry | None = None
