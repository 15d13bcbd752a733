"""Bodies of requests and answers of the server: read within limits, decoded strictly, packed as the caller accepts."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapters.transports.packing import Unpacker, accepted, pack
from adapters.transports.refusals import Refusal
from engine.settings.replication import ServerSettings

JSON = "application/json"
MSGPACK = "application/msgpack"

T = TypeVar("T")

MOST_PARTS = 1_000_000
"""Values in a JSON body. In memory an empty list takes twenty times its two bytes: size alone bounds nothing."""


async def read_body(request: Request, settings: ServerSettings, *, media: Collection[str]) -> bytes:
    """Return the unpacked body of a request of one of these media types; "" allows one that says none.

    Raises `TooLarge` at the moment a limit is passed, `Damaged`, and `Refusal` for another media type.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in media:
        wanted = " or ".join(sorted(filter(None, media)))
        raise Refusal(415, "malformed", f"The body is {said[:60] or 'of no media type'}. Send it as {wanted}.")
    unpacker = Unpacker(
        ",".join(request.headers.getlist("content-encoding")),
        packed_limit=settings.max_packed_bytes,
        unpacked_limit=settings.max_unpacked_bytes,
    )
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal():
        unpacker.announce(int(announced))
    async for piece in request.stream():
        unpacker.feed(piece)
    return unpacker.finish()


def decoded(body: bytes, kind: type[T]) -> T:
    """Return a JSON body as a value. Raises `Refusal` in words for any other form."""
    if not body:
        raise Refusal(400, "malformed", "The body is empty. Send JSON.")
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MOST_PARTS:
        raise Refusal(413, "too_large", f"The body has more than {MOST_PARTS:,} values. Send less at once.")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refusal(400, "malformed", f"The body is not what this address takes: {error}.") from error


def answer(request: Request, body: bytes, media: str, *, status: int = 200) -> Response:
    """Return an answer, packed if it is worth it and the caller accepts it."""
    packed, encoding = pack(body, accepted(request.headers.get("accept-encoding", "")))
    headers = {"vary": "accept-encoding", "cache-control": "no-store"}
    if encoding:
        headers["content-encoding"] = encoding
    return Response(packed, status_code=status, media_type=media, headers=headers)
