"""One connection to NATS for everything a process asks and is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from adapters.coordination.nats.address import LOGIN, Address, shut
from engine.errors import CoordinationError

NOBODY_THERE = "503"
"""The status of an answer that no service gave."""

Hear = Callable[[Msg], None]

Read = Callable[[Msg | None], None]
"""Given each message, and nothing more after None: the line has ended."""


class NobodyThere(Exception):
    """No service listens at a subject; nothing was done."""


class Line:
    """A connection that is open until something is wrong with it, and never again.

    Each question has an address for its answers of its own: any number are under way at once, and a call that is
    cancelled costs nothing.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.open = True
        self._client = Client()
        self._inbox = ""
        self._numbers = count()
        self._listening: dict[str, Hear] = {}
        self._readers: set[Read] = set()
        self._asked: dict[asyncio.Future[Msg], str] = {}

    @property
    def version(self) -> str:
        """Return what the server says it is: `2.15.1`."""
        version = self._client.connected_server_version
        return f"{version.major}.{version.minor}.{version.patch}"

    async def dial(self) -> None:
        """Connect. Raises `CoordinationError`."""
        self._client = await self.address.connect(self._report, self._closed)
        self._inbox = self._client.new_inbox()
        if not self._client.is_connected:  # it broke before anybody was there to be told
            self._over()
            raise self.address.broken()
        try:
            await self._client.subscribe(f"{self._inbox}.*", cb=self._hear)
        except (errors.Error, OSError) as error:
            await self.end()
            raise self.address.broken() from error

    async def ask(self, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None) -> Msg:
        """Return the answer to a message. Raises `NobodyThere`, `CoordinationError`."""
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        sent = False
        self._asked[answer] = subject
        try:
            with self.heard(lambda message: None if answer.done() else answer.set_result(message)) as reply:
                async with asyncio.timeout(self.address.timeout):
                    await self.send(subject, payload, reply=reply, headers=headers)
                    sent = True
                    message = await answer
        except TimeoutError:
            await self.end()  # a server that is silent to one is not believed to be there for others
            raise self.address.silent(maybe_done=sent) from None
        finally:
            del self._asked[answer]
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # looked at, or the loop complains that nobody did
        if not message.data and status_of(message) == NOBODY_THERE:
            raise NobodyThere(subject)
        return message

    async def send(self, subject: str, payload: bytes, *, reply: str, headers: dict[str, str] | None = None) -> None:
        """Send a message whose answers, if there are any, are heard at `reply`."""
        if not self.open:
            raise self.address.broken()
        try:
            await self._client.publish(subject, payload, reply=reply, headers=headers)
        except errors.MaxPayloadError as error:
            raise CoordinationError(
                f"{self.address.title} takes {self._client.max_payload:,} bytes at once (max_payload), and "
                f"{len(payload):,} were to be sent. Keep less in one place, or raise max_payload."
            ) from error
        except (errors.Error, OSError) as error:
            self._over()
            raise self.address.broken() from error

    @asynccontextmanager
    async def listening(self, read: Read) -> AsyncIterator[str]:
        """Hear, for the block, everything that is sent to one word behind the subject that this gives, also what a
        stream sends there with a subject of its own. Raises `CoordinationUnavailable`."""
        subject = self._client.new_inbox()

        async def heard(message: Msg) -> None:
            read(message)

        try:
            subscription = await self._client.subscribe(f"{subject}.*", cb=heard)
        except (errors.Error, OSError) as error:
            raise self.address.broken() from error
        self._readers.add(read)
        try:
            yield subject
        finally:
            self._readers.discard(read)
            with suppress(errors.Error, OSError):
                await subscription.unsubscribe()

    @contextmanager
    def heard(self, hear: Hear) -> Iterator[str]:
        """Give a subject at which one answer is heard, for the block."""
        word = str(next(self._numbers))
        self._listening[word] = hear
        try:
            yield f"{self._inbox}.{word}"
        finally:
            del self._listening[word]

    async def end(self) -> None:
        """Close the line; whoever waits hears that what he asked may have been done."""
        self._over()
        if self._inbox:  # else it never was open
            await shut(self._client)

    async def _hear(self, message: Msg) -> None:
        hear = self._listening.get(message.subject.rpartition(".")[2])
        if hear is not None:
            hear(message)

    async def _closed(self) -> None:
        self._over()

    def _over(self) -> None:
        if not self.open:
            return
        self.open = False
        for read in self._readers:
            read(None)
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(self.address.broken(maybe_done=True))

    async def _report(self, error: Exception) -> None:
        """Take in what the server says beside its answers: that a subject is not allowed, above all."""
        said = str(error).removeprefix("nats: ")
        if "permissions violation" not in said.lower():
            return  # the line ends, or whoever asked is told
        for answer, subject in self._asked.items():
            about = subject.lower() in said.lower() or self._inbox.lower() in said.lower()
            if about and not answer.done():
                answer.set_exception(
                    CoordinationError(f"{self.address.title} does not allow this: {said}. Mend the rights of {LOGIN}.")
                )


def status_of(message: Msg) -> str:
    """Return the status of a message that is no message but a word of the server; empty for all others."""
    return (message.headers or {}).get("Status", "")
