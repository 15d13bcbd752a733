"""What goes wrong in a request, as an answer: a status, one word, one sentence. Never a traceback."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from adapters.transports.packing import ENCODINGS, Damaged, TooLarge, UnknownEncoding
from engine.errors import (
    EventRefused,
    ReadOnly,
    ReplicationRefused,
    StorageError,
    SyncdeckError,
    VersionConflict,
)
from engine.redaction import redact

STATUS_OF_KIND = {
    "malformed": 400,
    "protocol": 400,
    "unknown_kind": 400,
    "unauthorised": 401,
    "fork": 409,
    "clone": 409,
    "too_large": 413,
    "busy": 503,
}
BUSY_SECONDS = 1
"""What a busy server asks callers to wait."""

UNFORESEEN = "Something unforeseen went wrong here; this node's own log says what. Nothing was stored in part."


ANSWERS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (TooLarge, 413, "too_large", "The body {}. Send less at once."),
    (UnknownEncoding, 415, "malformed", "The body {}."),
    (Damaged, 400, "malformed", "The body {}."),
    (RecursionError, 400, "malformed", "The body nests too deep. Send flatter values."),
    (ClientDisconnect, 400, "cut", "The connection ended before the request did. Nothing was stored."),
    (VersionConflict, 409, "conflict", "{}"),
    (EventRefused, 422, "refused", "{}"),
    (ReadOnly, 503, "storage", "{}"),
    (StorageError, 503, "storage", "{}"),
    (SyncdeckError, 500, "internal", "{}"),
)
"""Errors by what they say to a caller, the narrower before the wider: status, word, sentence."""


class Refusal(Exception):
    """An answer that is no."""

    def __init__(self, status: int, kind: str, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.kind, self.sentence = status, kind, sentence
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"error": self.sentence, "kind": self.kind})


def refusal_of(error: Exception) -> Refusal:
    """Return the answer for whatever was raised while a request was worked on."""
    match error:
        case Refusal():
            return error
        case ReplicationRefused(kind="busy"):
            return busy(str(error))
        case ReplicationRefused():
            return Refusal(STATUS_OF_KIND.get(error.kind, 400), error.kind, redact(str(error)))
        case HTTPException(status_code=404):
            return Refusal(404, "unknown_address", "There is nothing at this address. A peer's url has no path.")
        case HTTPException():
            return Refusal(error.status_code, "unknown_address", "This address takes another method.", error.headers)
    for kind_of_error, status, kind, sentence in ANSWERS:
        if isinstance(error, kind_of_error):
            headers = {"accept-encoding": ", ".join(ENCODINGS)} if status == 415 else None
            return Refusal(status, kind, redact(sentence.format(error)), headers)
    return Refusal(500, "internal", UNFORESEEN)


def busy(sentence: str) -> Refusal:
    """Return the refusal that asks a caller to come again soon."""
    return Refusal(503, "busy", sentence, {"retry-after": str(BUSY_SECONDS)})
