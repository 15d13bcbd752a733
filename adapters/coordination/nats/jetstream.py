"""What is asked of JetStream, as values: messages put and got, streams made and looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec
from msgspec import Struct

from adapters.coordination.nats.line import Line, NobodyThere
from engine.errors import CoordinationError, CoordinationUnavailable, NotSupported

API = "$JS.API"

WRONG_LAST = {10071, 10164}
"""Another message is the last one of its subject, or of its stream."""
NO_STREAM = 10059
NO_MESSAGE = 10037
NO_JETSTREAM = {10076, 10039}
IN_USE = 10058
NO_ROOM = {10002, 10023, 10028, 10047}
"""Of the account, or of the server; of the bucket it is said in words."""
BUCKET_FULL = "maximum bytes exceeded"

EXPECTED_OF_SUBJECT = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_OF_STREAM = "Nats-Expected-Last-Sequence"
LIVES = "Nats-TTL"
MARKER = {"KV-Operation": "DEL", "Nats-Marker-Reason": "Remove"}
"""Of a message that says that there is nothing; the second keeps the server from marking its end in turn."""

A = TypeVar("A", bound="Answer")


class Fault(Struct, frozen=True):
    """Why JetStream did not do something."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class Answer(Struct, frozen=True):
    """What all answers have."""

    error: Fault | None = None


class Ack(Answer, frozen=True):
    """A message is kept."""

    seq: int = 0


class Config(Struct, frozen=True):
    """Of a stream, as far as it matters here."""

    name: str = ""
    max_msgs_per_subject: int = -1
    storage: str = ""
    num_replicas: int = 1
    max_age: int = 0
    allow_direct: bool = False
    allow_msg_ttl: bool = False
    subject_delete_marker_ttl: int = 0
    metadata: dict[str, str] = {}


class State(Struct, frozen=True):
    """Of a stream."""

    messages: int = 0
    last_seq: int = 0
    subjects: dict[str, int] = {}


class Info(Answer, frozen=True):
    """A stream."""

    config: Config = Config()
    state: State = State()
    total: int = 0
    """Subjects, where they were asked for."""


class Listed(Answer, frozen=True):
    """Streams, a page of them."""

    total: int = 0
    streams: tuple[Info, ...] = ()


class Purged(Answer, frozen=True):
    """Messages were removed."""

    purged: int = 0


class Stored(Struct, frozen=True):
    """A message as an answer has it."""

    subject: str
    seq: int
    time: datetime
    hdrs: bytes = b""
    data: bytes = b""


class Got(Answer, frozen=True):
    message: Stored | None = None


class Kept(NamedTuple):
    """A message of a stream."""

    subject: str
    number: int
    data: bytes
    headers: Mapping[str, str]
    at: datetime
    """By the server's clock."""

    @property
    def gone(self) -> bool:
        """Whether it says that there is nothing: it was taken away, or its time was over."""
        return "Nats-Marker-Reason" in self.headers or self.headers.get("KV-Operation") in {"DEL", "PURGE"}

    def left(self, now: datetime) -> timedelta | None:
        """Return until when it lives unless it is written again, as far as the two clocks agree."""
        ttl = self.headers.get(LIVES, "")
        if not ttl.isdigit():
            return None
        whole = timedelta(seconds=int(ttl))
        return min(whole, max(timedelta(0), self.at + whole - now))


class Conflict(Exception):
    """Somebody else wrote first; nothing was written. `last` is the number of what he wrote, 0 if that is not told."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        number = said.rpartition(" ")[2]
        self.last = int(number) if number.isdigit() else 0


def lives(ttl: timedelta) -> dict[str, str]:
    """Return the header of a message that vanishes: NATS counts whole seconds."""
    return {LIVES: str(ceil(ttl.total_seconds()))}


class JetStream:
    """One line's JetStream. Every method raises `CoordinationError`."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def put(self, subject: str, data: bytes, headers: Mapping[str, str], *, expected: int | None = None) -> int:
        """Return the number of a message once it is kept. Raises `Conflict` unless `expected` is that of the last one
        of its subject (0: there is none), `NobodyThere` if no stream takes it."""
        condition = {} if expected is None else {EXPECTED_OF_SUBJECT: str(expected)}
        message = await self.line.ask(subject, data, {**headers, **condition})
        answer = self._read(message.data, Ack)
        if answer.error is not None:
            if answer.error.err_code in WRONG_LAST:
                raise Conflict(answer.error.description)
            self._refuse(answer.error)
        return answer.seq

    async def last(self, stream: str, subject: str) -> Kept | None:
        """Return the last message of a subject."""
        answer = await self._call(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject}, Got, none=NO_MESSAGE)
        if answer is None or answer.message is None:
            return None
        found = answer.message
        return Kept(found.subject, found.seq, found.data, _headers(found.hdrs), found.time)

    async def info(self, stream: str) -> Info | None:
        """Return how a stream is, None if there is none."""
        return await self._call(f"STREAM.INFO.{stream}", {}, Info, none=NO_STREAM)

    async def subjects(self, stream: str, under: str) -> Sequence[str]:
        """Return all subjects with messages that a filter lets through."""
        found: dict[str, int] = {}
        while True:
            body = {"subjects_filter": under, "offset": len(found)}
            answer = await self._call(f"STREAM.INFO.{stream}", body, Info, none=NO_STREAM)
            page = answer.state.subjects if answer is not None else {}
            found |= page
            if answer is None or not page or len(found) >= answer.total:
                return list(found)

    async def make(self, config: Mapping[str, Any]) -> Info:
        """Make a stream, unless it is there already; return how it is."""
        body = dict(config)
        answer = await self._call(f"STREAM.CREATE.{config['name']}", body, Info, none=IN_USE)
        return answer or await self.info(str(config["name"])) or Info()

    async def streams(self, subject: str) -> Sequence[Info]:
        """Return all streams that take messages of a subject."""
        found: list[Info] = []
        while True:
            answer = await self._call("STREAM.LIST", {"subject": subject, "offset": len(found)}, Listed)
            page = answer.streams if answer is not None else ()
            found += page
            if answer is None or not page or len(found) >= answer.total:
                return found

    async def purge(self, stream: str, before: int) -> int:
        """Remove all messages of a stream with smaller numbers; return how many."""
        answer = await self._call(f"STREAM.PURGE.{stream}", {"seq": before}, Purged, none=NO_STREAM)
        return answer.purged if answer is not None else 0

    async def call(self, what: str, body: Mapping[str, Any]) -> None:
        """Ask for something whose answer says no more than that it was done."""
        await self._call(what, body, Answer)

    async def _call(self, what: str, body: Mapping[str, Any], kind: type[A], *, none: int = 0) -> A | None:
        """Return an answer, None if it is that error."""
        try:
            message = await self.line.ask(f"{API}.{what}", msgspec.json.encode(body) if body else b"")
        except NobodyThere:
            if what == "INFO":
                raise NotSupported(self._without_jetstream()) from None
            raise self.line.address.away() from None
        answer = self._read(message.data, kind)
        if answer.error is not None:
            if answer.error.err_code == none:
                return None
            self._refuse(answer.error)
        return answer

    async def check(self) -> None:
        """Raise `NotSupported` for a server without JetStream, or where the account has none."""
        await self._call("INFO", {}, Answer)

    def _read(self, data: bytes, kind: type[A]) -> A:
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.DecodeError as error:
            raise CoordinationUnavailable(
                f"{self.line.address.title} answered what JetStream never says. Check coordination.url.",
                maybe_done=True,
            ) from error

    def _refuse(self, fault: Fault) -> NoReturn:
        title = self.line.address.title
        if fault.err_code in NO_JETSTREAM:
            raise NotSupported(self._without_jetstream())
        if fault.err_code in NO_ROOM or BUCKET_FULL in fault.description:
            raise CoordinationUnavailable(
                f"{title} has no room left ({fault.description}): nothing was written, what is there stays, and locks "
                "cannot be renewed. Raise max_file_store of the server, or the limits of its account or bucket."
            )
        if fault.code == 503:
            raise CoordinationUnavailable(f"{title} cannot do it now ({fault.description}). Try again.")
        raise CoordinationError(f"{title} refuses: {fault.description} (error {fault.err_code}).")

    def _without_jetstream(self) -> str:
        return (
            f"{self.line.address.title} has no JetStream, and keeps nothing without it. Start it with jetstream, or "
            "enable it for the account."
        )


def _headers(data: bytes) -> Mapping[str, str]:
    """Return the headers of a message as JetStream gives them: a line with the version, then one each."""
    lines = data.decode(errors="replace").split("\r\n")[1:]
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
