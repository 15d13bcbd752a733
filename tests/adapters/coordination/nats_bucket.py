"""Looking at a bucket as an administrator does, beside Syncdeck."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from adapters.coordination.nats.layout import Layout
from tests.servers.engines import engine


class Administrator:
    """A connection with every right."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self.layout = layout
        self._client = client

    async def told(self, what: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask JetStream for something."""
        payload = json.dumps(body).encode() if body else b""
        return json.loads((await self._client.request(f"$JS.API.{what}", payload, timeout=5)).data)

    async def put(self, subject: str, data: bytes, headers: dict[str, str]) -> Any:
        return json.loads((await self._client.request(subject, data, timeout=5, headers=headers)).data)

    async def subjects(self) -> frozenset[str]:
        """Return the subjects of the bucket under which something is kept that does not merely say: gone."""
        body = {"subjects_filter": self.layout.all}
        state = (await self.told(f"STREAM.INFO.{self.layout.stream}", body))["state"]
        found = [(subject, await self._last(subject)) for subject in state.get("subjects", {})]
        return frozenset(subject for subject, last in found if "hdrs" not in last or not _gone(last["hdrs"]))

    async def forget(self, subject: str) -> None:
        """Remove what a subject has, as if its time were over."""
        assert (await self.told(f"STREAM.PURGE.{self.layout.stream}", {"filter": subject}))["success"]

    async def leader(self) -> str:
        """Return the server of a cluster that decides for the bucket; empty while they choose."""
        return str((await self.told(f"STREAM.INFO.{self.layout.stream}"))["cluster"].get("leader", ""))

    async def consumers(self) -> int:
        return int((await self.told(f"STREAM.INFO.{self.layout.stream}"))["state"]["consumer_count"])

    async def _last(self, subject: str) -> Any:
        return (await self.told(f"STREAM.MSG.GET.{self.layout.stream}", {"last_by_subj": subject}))["message"]

    @asynccontextmanager
    async def counting(self, subjects: str) -> AsyncIterator[Counter[str]]:
        """Count everything that anybody sends to some subjects, also what the server refuses to keep."""
        counted: Counter[str] = Counter()

        async def count(message: Msg) -> None:
            counted[message.subject] += 1

        subscription = await self._client.subscribe(subjects, cb=count)
        await self._client.flush()
        yield counted
        await self._client.flush()
        await subscription.unsubscribe()


@asynccontextmanager
async def administrator(namespace: str, url: str = "") -> AsyncIterator[Administrator]:
    client = Client()
    await client.connect(url or engine("nats").url)
    try:
        yield Administrator(client, Layout(namespace))
    finally:
        await client.close()


def _gone(headers: str) -> bool:
    return b"Nats-Marker-Reason" in base64.b64decode(headers)
