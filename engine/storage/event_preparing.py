"""All that can be done for new events before their place in the log is known: limits, secrets, encoding, hashes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.errors import EventRefused
from engine.events.chain import canonical, hashed
from engine.events.event import NewEvent
from engine.events.limits import (
    DEEPEST_NESTING,
    LONGEST_AGGREGATE,
    LONGEST_ID,
    LONGEST_TYPE,
    MOST_PAYLOAD_BYTES,
    too_deep,
)
from engine.redaction import Redactor

REMEMBERED = 20_000
"""Metadata of which the hash is kept in memory: a few megabytes."""

SHALLOW = 2 * DEEPEST_NESTING
"""A shorter text cannot nest too deep: each level takes two characters."""


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """An event within limits, without secrets, encoded."""

    type: str
    aggregate: str
    data: str
    metadata: str
    payload_hashes: bytes
    id: str


class _Harmless:
    """Metadata without secrets, as far as the redactor knew then, and its hash: events of one run have the same."""

    def __init__(self, knowledge: object) -> None:
        self.knowledge = knowledge
        self.hashes: dict[bytes, bytes] = {}


class Preparing:
    """May be used in any thread."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._harmless = _Harmless(redactor.knowledge)

    def prepare(self, events: Sequence[NewEvent]) -> list[Prepared]:
        """Hide secrets and encode.

        Raises `EventRefused` for what no log takes, `TypeError` or `UnicodeError` for what JSON cannot hold.
        """
        hashes = self._hashes_of_harmless()
        payloads = _encoded(events)
        doubtful = self._redactor.suspects(b"\n".join(payloads).decode())  # one look at all: a third of the time
        prepared: list[Prepared] = []
        for event, payload in zip(events, payloads, strict=True):
            data, metadata = payload, canonical(event.metadata)
            metadata_hash = None if doubtful else hashes.get(metadata)
            if metadata_hash is None:
                if self._redactor.suspects((data + metadata).decode()):
                    data = canonical(self._redactor.value(event.data))
                    metadata = canonical(self._redactor.value(event.metadata))
                    metadata_hash = hashed(metadata)
                else:
                    metadata_hash = hashes[metadata] = hashed(metadata)
            kind, about = event.type, event.aggregate_id
            if not (kind.isascii() and about.isascii()):
                canonical((kind, about))  # fails here, at its caller's, not for a whole group
            prepared.append(
                Prepared(kind, about, data.decode(), metadata.decode(), hashed(data) + metadata_hash, event.id)
            )
            if not 0 < len(kind) <= LONGEST_TYPE or not 0 < len(about) <= LONGEST_AGGREGATE or event.id:
                _check_names(event)
            if len(data) > SHALLOW or len(metadata) > SHALLOW or metadata[:1] != b"{":
                _check_payload(event, data, metadata)
        return prepared

    def _hashes_of_harmless(self) -> dict[bytes, bytes]:
        """Return the metadata known to be harmless, none after a new secret. A prepare that began before the secret
        keeps the old ones to itself."""
        knowledge, harmless = self._redactor.knowledge, self._harmless
        if harmless.knowledge is not knowledge or len(harmless.hashes) > REMEMBERED:
            harmless = self._harmless = _Harmless(knowledge)
        return harmless.hashes


def _encoded(events: Sequence[NewEvent]) -> list[bytes]:
    try:
        return [canonical(event.data) for event in events]
    except RecursionError as error:
        raise EventRefused(
            f"An event's data nests deeper than the {DEEPEST_NESTING} levels that are taken. Flatten it."
        ) from error


def _check_names(event: NewEvent) -> None:
    """Raise `EventRefused` for a type, aggregate or id of a length that no node takes."""
    for name, text, longest in (
        ("type", event.type, LONGEST_TYPE),
        ("aggregate", event.aggregate_id, LONGEST_AGGREGATE),
        ("id", event.id, LONGEST_ID),
    ):
        if len(text) > longest:
            raise EventRefused(
                f"The event's {name} has {len(text):,} characters ({text[:40]}…); at most {longest:,} are taken. "
                "Shorten it."
            )
        if not text and name != "id":
            raise EventRefused(f"An event without {name} cannot be kept: nobody would find it. Give it one.")
    canonical(event.id)


def _check_payload(event: NewEvent, data: bytes, metadata: bytes) -> None:
    """Raise `EventRefused` for a payload that no node takes."""
    named = f"The event {event.type} about {event.aggregate_id}"
    if metadata[:1] != b"{":
        raise EventRefused(f'{named} has metadata that are no JSON object. Give them names: {{"actor": "anna"}}.')
    if len(data) + len(metadata) > MOST_PAYLOAD_BYTES:
        raise EventRefused(
            f"{named} has {len(data) + len(metadata):,} bytes of data and metadata; at most {MOST_PAYLOAD_BYTES:,} "
            "are taken. Keep large things elsewhere and name them here, or write several events."
        )
    if too_deep(data.decode()) or too_deep(metadata.decode()):
        raise EventRefused(f"{named} nests deeper than the {DEEPEST_NESTING} levels that are taken. Flatten it.")
