"""What a session asks to be done, and what comes back of it. Values only.

step                                who does it         comes back
Look(dots)                          own replica         Seen
Greet(hello)                        the peer            Greeting
Trace(dots)                         both                Traced
Reincarnate(reason, keep)           own replica         Reincarnated
ListGaps(question, here)            own replica, peer   Gaps
Fetch(pull)                         the peer            Batch
Store(batch)                        own replica         Receipt
Offer(pull)                         own replica         Batch
Send(batch)                         the peer            Receipt
TakeStock()                         both                Stock
Finish(error, error_kind)           nobody              nothing: the session is over
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.events.event import Dot, Origin
from engine.events.replicating.messages import Batch, GapQuestion, Head, Hello, Identity, Pull


class Look(msgspec.Struct, frozen=True):
    """How does this node stand now, and which chains has it at these dots?"""

    dots: tuple[Dot, ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    identity: Identity
    heads: Mapping[Origin, Head]
    chains: Mapping[Dot, bytes] = {}
    """Of the dots asked for; empty bytes where there is none."""
    gaps: str = ""
    """The digest of what was left out here."""


class Greet(msgspec.Struct, frozen=True):
    hello: Hello


class Trace(msgspec.Struct, frozen=True):
    """Which chains have both nodes at these dots?"""

    dots: tuple[Dot, ...]


class Traced(msgspec.Struct, frozen=True):
    here: tuple[bytes, ...]
    there: tuple[bytes, ...]


class Reincarnate(msgspec.Struct, frozen=True):
    """Write under a new origin from now on (`Replica.begin_incarnation`)."""

    reason: str
    keep: Mapping[Origin, int]


class Reincarnated(msgspec.Struct, frozen=True):
    origin: Origin


class ListGaps(msgspec.Struct, frozen=True):
    question: GapQuestion
    here: bool


class Fetch(msgspec.Struct, frozen=True):
    pull: Pull


class Offer(msgspec.Struct, frozen=True):
    """Answer this pull as if the peer had sent it: what it lacks."""

    pull: Pull


class Store(msgspec.Struct, frozen=True):
    """Keep a batch; meanwhile `ahead` may be fetched, it is what comes next if nothing of the batch is refused."""

    batch: Batch
    ahead: Fetch | None = None


class Send(msgspec.Struct, frozen=True):
    """Push a batch; meanwhile `ahead` may be prepared."""

    batch: Batch
    ahead: Offer | None = None


class TooLarge(msgspec.Struct, frozen=True):
    """Comes back of `Send` or `Fetch` instead of an answer: the batch is more than one side takes."""

    sentence: str


class TakeStock(msgspec.Struct, frozen=True):
    """What is left out at both ends, now that all is exchanged?"""


class Stock(msgspec.Struct, frozen=True):
    here: str
    there: str


class Finish(msgspec.Struct, frozen=True):
    error: str = ""
    error_kind: str = ""


Step = Look | Greet | Trace | Reincarnate | ListGaps | Fetch | Store | Offer | Send | TakeStock | Finish
