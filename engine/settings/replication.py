"""Settings of nodes that exchange events: peers, the server, and the rules for concurrent edits. Values only."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.settings.catalogue import PathText, Secret


class Direction(StrEnum):
    """Which way events go."""

    BOTH = "both"
    PUSH = "push"
    PULL = "pull"


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a rule applies, by patterns with * and ?. All that are given must hold; what speaks of events must hold for
    at least one side."""

    type: Annotated[str, Meta(description="Pattern of an event's type.", examples=["user.*"])] = ""
    aggregate: Annotated[str, Meta(description="Pattern of the aggregate.", examples=["user:*"])] = ""
    field: Annotated[str, Meta(description="Pattern of the field, dotted.", examples=["email", "profile.*"])] = ""
    origin: Annotated[str, Meta(description="Pattern of a node's name.", examples=["hr-*"])] = ""
    metadata: Annotated[
        dict[str, str], Meta(description="Patterns of metadata by their names.", examples=[{"actor": "hr@*"}])
    ] = {}


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the rules; the first whose `when` holds decides."""

    use: Annotated[
        str,
        Meta(description="The strategy, as in last_write_wins; the list: syncdeck schema.", examples=["ask_operator"]),
    ]
    name: Annotated[str, Meta(description="What people call the rule.", examples=["mail needs a human"])] = ""
    when: Annotated[Condition, Meta(description="When the rule applies; without: always.")] = Condition()
    prefer: Annotated[
        tuple[str, ...],
        Meta(description="For prefer_origin: patterns of nodes' names, best first.", examples=[["hr-*"]]),
    ] = ()

    def __post_init__(self) -> None:
        if bool(self.prefer) != (self.use == "prefer_origin"):
            raise ValueError(
                "prefer names the nodes that win, and belongs to use: prefer_origin. Give both, or neither."
            )


class PeerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another node that events are exchanged with."""

    name: Annotated[str, Meta(description="The peer's name here: its key in the file.")]
    url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^/\s]+",
            description="Where the peer serves, with its port.",
            examples=["https://hamburg.example:8470"],
        ),
    ]
    token: Annotated[
        Secret, Meta(description="The token that the peer asks for.", examples=["keyring:hamburg", "env:HAMBURG"])
    ] = ""
    direction: Annotated[Direction, Meta(description="Which way events go: both, only there, only here.")] = (
        Direction.BOTH
    )
    every: Annotated[
        timedelta | None,
        Meta(description="Longest time between two automatic syncs; empty: only when asked.", examples=["30s"]),
    ] = timedelta(seconds=30)
    follow: Annotated[bool, Meta(description="Keep a line open, and sync as soon as the peer has something new.")] = (
        True
    )
    types: Annotated[
        tuple[str, ...],
        Meta(description="Exchange only events of these types; * at the end is allowed.", examples=[["user.*"]]),
    ] = ()
    aggregates: Annotated[
        tuple[str, ...],
        Meta(description="Exchange only events of these aggregates; * at the end is allowed.", examples=[["user:*"]]),
    ] = ()
    ca: Annotated[
        PathText, Meta(description="Certificates (PEM) that the peer's must be signed by; without: the system's.")
    ] = ""
    allow_plain: Annotated[
        bool, Meta(description="Send the token over http to another machine; only where the way itself is safe.")
    ] = False
    timeout: Annotated[timedelta, Meta(description="Longest wait for one answer.")] = timedelta(seconds=30)
    batch: Annotated[int, Meta(ge=1, le=10_000, description="Most events in one call.")] = 2_000
    paused: Annotated[bool, Meta(description="Do not sync with this peer, neither by itself nor by hand.")] = False


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this node serves its peers (`syncdeck serve`)."""

    host: Annotated[str, Meta(description="Address to listen on. Beyond loopback, tokens are required.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 finds a free one.")] = 8470
    tokens: Annotated[
        tuple[Secret, ...],
        Meta(
            description="Whoever knows one of these may read and push. Give each peer its own.",
            examples=[["keyring:server"]],
        ),
    ] = ()
    tls_certificate: Annotated[PathText, Meta(description="Certificate chain (PEM): serve HTTPS.")] = ""
    tls_key: Annotated[PathText, Meta(description="The certificate's private key (PEM).")] = ""
    max_packed_bytes: Annotated[int, Meta(ge=1024, description="Largest request body on the wire, in bytes.")] = (
        10 * 1024 * 1024
    )
    max_unpacked_bytes: Annotated[int, Meta(ge=1024, description="Largest request body unpacked, in bytes.")] = (
        20 * 1024 * 1024
    )
    max_clock_ahead: Annotated[
        timedelta, Meta(description="Events stamped further ahead of this node's clock wait until it is their time.")
    ] = timedelta(seconds=60)

    def __post_init__(self) -> None:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key belong together: give both, or none.")
        if not self.tokens and self.host not in LOOPBACK:
            raise ValueError(
                f"host {self.host} is reached from other machines, and there are no tokens. "
                'Add tokens: ["keyring:server"], or serve 127.0.0.1.'
            )


LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ConflictSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How concurrent edits are settled."""

    rules: Annotated[
        tuple[Rule, ...],
        Meta(
            description="First match wins. Without a match an operator is asked.",
            examples=[
                [{"name": "mail needs a human", "when": {"type": "user.*", "field": "email"}, "use": "ask_operator"}]
            ],
        ),
    ] = ()
