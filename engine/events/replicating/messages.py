"""What nodes say to one another. Values only; `wire.py` makes bytes of them.

caller                                   callee
Hello(identity, heads)          ──►      Greeting(identity, heads, forks)        nobody has sent an event yet
Pull(vector, limits, wanted)    ──►      Batch(items, vector, more)
Push(Batch)                     ──►      Receipt(vector, refusals)               the callee's new vector
GapQuestion(after, limit)       ──►      Gaps                                    what was left out at your end?
ChainQuestion(dots)             ──►      Chains                                  where do two histories part?
DigestQuestion                  ──►      Digest                                  are two states equal?
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine.events.event import Dot, Origin

PROTOCOL = 1

MOST_PARTS = 10_000
"""In a list of a message: what would be more is refused before it is read."""

MOST_PATTERNS = 256


class Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far somebody knows an origin, and the chain there: equal chains at equal seq prove equal histories."""

    seq: int
    chain: bytes


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks: the node's name, the origin it writes under now, and the protocol it speaks."""

    node: str
    origin: Origin
    protocol: int = PROTOCOL
    instance: str = ""
    """Which state file on which running machine this is (a copy is another one); empty: cannot be told. Tells a node
    that was configured as its own peer from a clone."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which events somebody wants; patterns with `*` at the end. Empty: all. What is not wanted comes as `Skip`."""

    types: Annotated[tuple[str, ...], Meta(max_length=MOST_PATTERNS)] = ()
    aggregates: Annotated[tuple[str, ...], Meta(max_length=MOST_PATTERNS)] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a batch may be. At least one item is sent, however large it is."""

    items: int = 2_000
    bytes: int = 4 * 1024 * 1024


class Item(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="e", gc=False):
    """One event. `data`, `metadata` and `context` are canonical JSON text exactly as hashed (`engine/events/chain.py`).

    Of a redacted event data and metadata are empty texts, and `hashes` holds H(data) + H(metadata): 64 bytes.
    """

    origin: Origin
    seq: int
    id: str
    type: str
    aggregate: str
    data: str
    metadata: str
    context: str
    hlc: int
    chain: bytes
    hashes: bytes = b""


class Skip(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag="s", gc=False):
    """Events `first` to `last` of an origin are left out (not wanted, or compacted); `chain` is that of the last."""

    origin: Origin
    first: int
    last: int
    chain: bytes


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Events `first` to `last` of an origin."""

    origin: Origin
    first: int
    last: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Contiguous runs per origin, in an order in which causes come before effects."""

    items: Annotated[tuple[Item | Skip, ...], Meta(max_length=MOST_PARTS)] = ()
    vector: dict[Origin, int] = {}
    """What the sender knows of all origins."""
    more: bool = False
    """The receiver lacks more than what is in here."""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """First word of a session.

    `common` tells the callee up to where both agree on its own origin, when the first greeting named that as forked.
    """

    identity: Identity
    heads: dict[Origin, Head] = {}
    common: dict[Origin, int] = {}


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `Hello`. `forks` are origins of which caller and callee hold different events at the same dot."""

    identity: Identity
    heads: dict[Origin, Head] = {}
    forks: dict[Origin, int] = {}
    """Origin to a seq at which the chains differ."""
    limits: Limits = Limits()
    """The largest batch that the callee takes."""
    gaps: str = ""
    """A digest of the spans that were left out at the callee (`Gaps`); empty: none. Changes whenever they do."""


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """Give me what I lack; with `spans`: give me of these spans what was left out before (a filter became wider)."""

    vector: dict[Origin, int] = {}
    limits: Limits = Limits()
    wanted: Selection = Selection()
    spans: Annotated[tuple[Span, ...], Meta(max_length=MOST_PARTS)] = ()


class GapQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which spans were left out at your end? Sorted by origin and first, from beyond this dot on."""

    after: Dot = Dot(Origin(""), 0)
    limit: int = 1_000
    """0 asks for the digest alone."""


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """Answer: at most that many spans; fewer than `limit` means that there are no more. What compaction removed is no
    gap: nobody wants it back."""

    spans: Annotated[tuple[Span, ...], Meta(max_length=MOST_PARTS)] = ()
    digest: str = ""
    """Of all spans that were left out, whatever was asked; empty: there are none."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an origin's events from a seq on were not taken, for now or for good."""

    origin: Origin
    seq: int
    kind: str
    """`clock_ahead`, `fork`, `gap`, `cause_missing`, `chain_broken`, `malformed`, `too_large`"""
    sentence: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a push, and what storing a pulled batch gives: the receiver's new vector cannot hide what it left."""

    vector: dict[Origin, int]
    taken: int = 0
    """Events that were new."""
    conflicts: int = 0
    """Aggregates that became contested by these events."""
    refusals: Annotated[tuple[Refusal, ...], Meta(max_length=MOST_PARTS)] = ()


class ChainQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which chain do you have at these dots?"""

    dots: Annotated[tuple[Dot, ...], Meta(max_length=MOST_PARTS)]


class Chains(msgspec.Struct, frozen=True, kw_only=True):
    """Answer: a chain for each dot asked, in the same order; empty where the event is not there."""

    chains: Annotated[tuple[bytes, ...], Meta(max_length=MOST_PARTS)]


class DigestQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """How does your state add up? Without buckets: the sums of all; with: the aggregates within these buckets."""

    buckets: tuple[int, ...] = ()


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """`sums` are 256 sums (mod 2^128, hex) over the hashes of aggregates' states, by the first byte of the hash of the
    aggregate's name; `aggregates` maps names to their hash (hex) within the buckets that were asked."""

    vector: dict[Origin, int]
    sums: tuple[str, ...] = ()
    aggregates: dict[str, str] = {}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no: what `kind` of fault, and the sentence for people."""

    kind: str
    error: str
    detail: Any = None
