"""What is shown of coordination as a whole: the backend, the leaders with their history. Values only."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from engine.coordination.promises import Promises
from engine.coordination.standing import ClaimStanding, Ending, SessionId, SessionStanding, Token, Who


class BackendStanding(Struct, frozen=True, kw_only=True):
    """The backend as this process sees it."""

    promises: Promises
    """With what was learnt while opening, once it was opened."""
    reachable: bool
    since: datetime
    """When that began to be so, or when this process first asked."""
    fault: str = ""
    """Why it is not reachable, in words."""
    latency: timedelta | None = None
    """Of the last question that was answered."""
    sessions: tuple[SessionStanding, ...] = ()
    """All living ones, by id; empty while it is not reachable."""
    own: frozenset[SessionId] = frozenset()
    """Those of this process."""


class Term(Struct, frozen=True, kw_only=True):
    """A leader's time, as the leaders themselves wrote it down. A leader that lost everything at once writes no end:
    whoever comes next notes it."""

    token: Token
    who: Who
    since: datetime
    until: datetime | None = None
    """None: still leading, or nobody has led since."""
    ending: Ending | None = None
    value: str = ""
    """What it proclaimed when it began."""


class LeaderStanding(Struct, frozen=True, kw_only=True):
    """A group with its leader, candidates and past."""

    group: str
    claim: ClaimStanding
    """Named as the group is; its holder leads, its waiters are the candidates in their order."""
    terms: tuple[Term, ...] = ()
    """The last ones, newest first."""
