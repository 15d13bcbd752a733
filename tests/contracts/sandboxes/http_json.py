"""REST collections on a real local server, in two shapes: one call a change with cursors, and batches with links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar, Self

import msgspec

from adapters.endpoints.http_json import HttpJson
from engine.reconcile.ports import Target
from tests.contracts.sandbox import ASKED_PAUSE, SECRET, Circumstance, Member, Sandbox, Surroundings
from tests.servers.collection import Collection, Item
from tests.servers.http import Given, LocalServer, always, answer_lost, honest, json_answer

LIST: dict[str, Any] = {
    "path": "/teams/eng/members",
    "items": "items",
    "key": "email",
    "id": "id",
    "attributes": {"name": "name", "title": "title"},
    "total": "total",
    "kind": "kind",
    "label": "name",
}
LOOKUP = {"path": "/people", "query": {"q": "{key}"}, "items": "people", "key": "email", "aliases": "aliases"}
UPDATE = {
    "method": "PATCH",
    "path": "/teams/eng/members/{id}",
    "body": {"name": "{name}", "title": "{title}"},
}
BUSY = json_answer({"message": "slow down"}, 429)


class RestCollection(Sandbox):
    """A team behind an API that knows people, keeps a note beside each member, and has bots in it."""

    label = "one_by_one"
    lacks: ClassVar[Mapping[Circumstance, str]] = {
        Circumstance.RENAMES: "The settings have no call that changes a member's key.",
        Circumstance.COMPARISON: "The settings have no calls that hold only for a member's version (If-Match).",
    }
    attributes = ("name", "title")
    several_pages = 250
    many = 1_000  # a call for each: the batches beside it take all ten thousand
    style = "cursor"
    shape: ClassVar[dict[str, Any]] = {
        "lookup": LOOKUP,
        "add": {"path": "/teams/eng/members", "body": {"email": "{key}", "name": "{name}", "title": "{title}"}},
        "remove": {"method": "DELETE", "path": "/teams/eng/members/{id}"},
    }

    async def __aenter__(self) -> Self:
        self.collection = Collection(self.style, page_size=100)
        self.server = LocalServer(self.collection)
        self._running = ExitStack()
        self._running.enter_context(self.server.running())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settle()
        self._running.close()

    def open(self) -> Target:
        wrong = self.trouble is Circumstance.WRONG_CREDENTIALS
        settings = msgspec.convert(
            {
                "base_url": self.server.url,
                "auth": {"kind": "bearer", "token": "env:WRONG" if wrong else "env:SANDBOX"},
                "list": {**LIST, "page": {"style": self.style}},
                "update": UPDATE,
                "timeout_seconds": 5,
                **self.shape,
            },
            HttpJson.Settings,
        )
        return HttpJson(settings, Surroundings(self.folder))

    async def fill(self, members: Sequence[Member]) -> None:
        await self.know([member.spelling for member in members])
        self.collection.members = []
        for member in members:
            self.collection.put(self._item(member))

    async def held(self) -> Sequence[Member]:
        return [
            Member(item["email"], {name: item.get(name) for name in self.attributes})
            for item in self.collection.members
            if item.get("email")
        ]

    async def know(self, spellings: Sequence[str]) -> None:
        for spelling in spellings:
            self.collection.people[spelling.casefold()] = {"email": spelling}

    async def put(self, member: Member) -> None:
        await self.know([member.spelling])
        self.collection.put(self._item(member))

    async def take(self, spelling: str) -> None:
        gone = [item["id"] for item in self.collection.members if item.get("email") == spelling]
        self.collection.take(*gone)

    async def carry(self) -> None:
        for number in range(2):
            self.collection.put({"id": f"bot-{number}", "name": f"Bot {number}", "kind": "bot", "note": "!"})

    async def carried(self) -> Sequence[str]:
        return [item["id"] for item in self.collection.members if not item.get("email")]

    async def foreign(self) -> object:
        return sorted({item["note"] for item in self.collection.members}) or "nobody is here"

    async def provoke(self, trouble: Circumstance) -> None:
        self.trouble = trouble
        match trouble:
            case Circumstance.MISSING:
                self.collection.there = False
            case Circumstance.WRONG_CREDENTIALS:
                self.collection.token = "another"
            case Circumstance.NO_RIGHTS:
                self.collection.writable = False
            case Circumstance.THROTTLED_WITH_PAUSE:
                pause = {**BUSY.headers, "retry-after": f"{ASKED_PAUSE.total_seconds():.0f}"}
                self.server.mischief = always(Given(429, BUSY.body, pause))
            case Circumstance.THROTTLED_WITHOUT_PAUSE:
                self.server.mischief = always(BUSY)
            case Circumstance.SERVER_ERROR:
                self.server.mischief = always(json_answer({"message": "out of order"}, 500))
            case Circumstance.ANSWER_LOST:
                self.server.mischief = answer_lost()
            case Circumstance.STALE_READ:
                self.collection.stale = [dict(item) for item in self.collection.members]
            case Circumstance.CUT_SHORT:
                self.collection.cut_short = True
            case _:
                await super().provoke(trouble)

    async def settle(self) -> None:
        await super().settle()
        self.server.mischief = honest
        self.collection.token = SECRET
        self.collection.there = self.collection.writable = True
        self.collection.stale = None
        self.collection.cut_short = False

    def _item(self, member: Member) -> Item:
        return {"email": member.spelling, "note": "kept", **member.attributes}


class RestBatches(RestCollection):
    """The same team where many change in one call, which fails as a whole for one culprit."""

    label = "batches"
    lacks: ClassVar[Mapping[Circumstance, str]] = {
        **RestCollection.lacks,
        Circumstance.UNKNOWN_IDENTITY: "No look-up is configured; the service itself refuses unknown people.",
    }
    many = 10_000
    style = "link"
    shape: ClassVar[dict[str, Any]] = {
        "batch": 200,
        "add": {
            "path": "/teams/eng/members/batch",
            "body": {"members": {"$each": {"email": "{key}", "name": "{name}", "title": "{title}"}}},
            "results": {"items": "results", "key": "email", "failed": "error"},
        },
        "remove": {
            "path": "/teams/eng/members/leave",
            "body": {"ids": "{ids}"},
            "absent": [404],
            "absent_when": "is not a member",
        },
        "update": {
            "method": "PATCH",
            "path": "/teams/eng/members",
            "body": {"members": {"$each": {"id": "{id}", "name": "{name}", "title": "{title}"}}},
        },
    }


SANDBOXES: tuple[type[Sandbox], ...] = (RestCollection, RestBatches)
