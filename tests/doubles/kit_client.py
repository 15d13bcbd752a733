"""A client of go-sync-kit v0.16 as its Go program behaves on the wire: headers, packing, limits, parsing, faults."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

GZIP_FROM_BYTES = 1024
MAX_RESPONSE = 10 * 1024 * 1024
MAX_DECOMPRESSED = 20 * 1024 * 1024
LONGEST_LINE = 10 << 20
ACCEPTED = "gzip, deflate"

Entry = dict[str, Any]


class KitError(Exception):
    """What the kit reports; final for that call."""


@dataclass
class KitClient:
    """The kit's HTTP transport with its default options. `base` may end in /sync."""

    http: httpx.AsyncClient
    base: str = ""

    async def push(self, entries: Sequence[Entry]) -> None:
        """Send events; any status but 200 is an error whose body is shown."""
        if not entries:
            return
        body = json.dumps(list(entries)).encode()
        headers = {"content-type": "application/json", "accept-encoding": ACCEPTED}
        if len(body) > GZIP_FROM_BYTES:
            body, headers["content-encoding"] = gzip.compress(body), "gzip"
        answer = await self.http.post(f"{self.base}/push", content=body, headers=headers)
        if answer.status_code != 200:
            raise KitError(f"server error (status {answer.status_code}): {answer.text}")

    async def pull(self, since: int) -> list[Entry]:
        """Fetch events after a version."""
        entries: list[Entry] = await self._read("GET", f"/pull?since={since}")
        for entry in entries:
            self.version(entry["version"])
        return entries

    async def latest_version(self) -> int:
        return self.version(await self._read("GET", "/latest-version"))

    async def pull_cursor(self, since: dict[str, Any] | None, limit: int) -> tuple[list[Entry], dict[str, Any] | None]:
        """Fetch a page and the next cursor."""
        body: dict[str, Any] = {"limit": limit if 0 < limit <= 1000 else 200}
        if since is not None:
            body["since"] = since
        page = await self._read("POST", "/pull-cursor", json.dumps(body).encode())
        return page["events"], page.get("next")

    async def subscribe(self, cursor: str = "") -> AsyncGenerator[list[Entry], None]:
        """Yield the events of each frame; the shipped client sends no cursor."""
        query = {"cursor": cursor} if cursor else {}
        async with self.http.stream("GET", f"{self.base}/sse", params=query, timeout=None) as answer:
            if answer.status_code != 200:
                raise KitError(f"status {answer.status_code}")
            async for line in answer.aiter_lines():
                if len(line) > LONGEST_LINE:
                    raise KitError("bufio.Scanner: token too long")
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))["events"]

    def version(self, text: Any) -> int:
        """Parse a version as the default parser does, which takes zero for a fault."""
        if not isinstance(text, str):
            raise KitError(f"cannot unmarshal {text!r} into a string")
        number = int(text)
        if number == 0:
            raise KitError("invalid version: zero is not a valid version")
        return number

    async def _read(self, method: str, path: str, body: bytes = b"") -> Any:
        headers = {"accept-encoding": ACCEPTED}
        if body:
            headers["content-type"] = "application/json"
        async with self.http.stream(method, self.base + path, content=body, headers=headers) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])[:MAX_RESPONSE]
        if answer.status_code != 200:
            raise KitError(f"server error (status {answer.status_code}): {raw!r}")
        if answer.headers.get("content-encoding") == "gzip":
            raw = zlib.decompressobj(31).decompress(raw, MAX_DECOMPRESSED)
        try:
            return json.loads(raw, object_hook=_as_go_keeps_it)
        except ValueError as error:
            raise KitError("failed to decode response: unexpected EOF") from error


def _as_go_keeps_it(part: dict[str, Any]) -> dict[str, Any]:
    """Round an event's data and metadata: in Go's `any`, every number is a float64."""
    for name in ("data", "metadata"):
        if name in part and "aggregate_id" in part:
            part[name] = json.loads(json.dumps(part[name]), parse_int=float)
    return part


@dataclass
class KitNode:
    """A store of the kit with its manager: it pushes what is newer than the server's version, and pulls after its own
    (numbers of two logs taken for one: right only for a node that never does both)."""

    client: KitClient
    events: list[Entry] = field(default_factory=list)

    def add(self, identity: str, aggregate: str, data: Any, kind: str = "order.placed") -> None:
        """Store an event of one's own."""
        told = {"id": identity, "type": kind, "aggregate_id": aggregate, "data": data, "metadata": {}}
        self.events.append({"event": told, "version": str(len(self.events) + 1)})

    async def push(self, *, latest: int | None = None) -> None:
        newest = await self.client.latest_version() if latest is None else latest
        newer = [entry for entry in self.events if int(entry["version"]) > newest]
        for first in range(0, len(newer), 100):
            await self.client.push(newer[first : first + 100])

    async def pull(self) -> int:
        """Store what is newer, under the server's versions; return how many came."""
        since = int(self.events[-1]["version"]) if self.events else 0
        came = await self.client.pull(since)
        self.events += came
        return len(came)
