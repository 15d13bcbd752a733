"""Groups on scim2-server, by index and by cursor paging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import ClassVar, Self

import msgspec

from adapters.endpoints.scim_group import ScimGroup
from engine.reconcile.ports import Target
from tests.contracts.sandbox import ASKED_PAUSE, SECRET, Circumstance, Member, Sandbox, Surroundings
from tests.servers.http import (
    Application,
    Asked,
    Given,
    LocalServer,
    Mischief,
    always,
    answer_lost,
    honest,
    json_answer,
)
from tests.servers.scim import Directory

BUSY = json_answer({"detail": "Too many requests"}, 429)


class ScimByIndex(Sandbox):
    """A group of a directory that pages by index; nested groups and a robot without address are members."""

    label = "index_paging"
    lacks: ClassVar[Mapping[Circumstance, str]] = {
        Circumstance.ATTRIBUTES: "Members of a group are bare; users are not changed through it.",
        Circumstance.COMPARISON: "Membership is a bare value: it is there or it is not.",
        Circumstance.RENAMES: "Members of a group are bare; users are not changed through it.",
    }
    several_pages = 450
    many = 300  # scim2-server takes some thirty milliseconds to look one up; test_scim_group reads ten thousand
    cursor = False

    async def __aenter__(self) -> Self:
        self.directory = Directory(cursor=self.cursor)
        self.server = LocalServer(self.directory)
        self.group = self.directory.create("Group", displayName="eng")
        self.other = self.directory.create("Group", displayName="ops")
        self._users: dict[str, str] = {}
        self._spellings: dict[str, str] = {}
        self._carried: list[str] = []
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
                "base_url": f"{self.server.url}/v2",
                "token": "env:WRONG" if wrong else "env:SANDBOX",
                "group": self.group,
                "batch": 1_000,
                "page_size": 200,
                "timeout_seconds": 30,
            },
            ScimGroup.Settings,
        )
        return ScimGroup(settings, Surroundings(self.folder))

    async def fill(self, members: Sequence[Member]) -> None:
        await self.know([member.spelling for member in members])
        self._hold([self._users[member.spelling.casefold()] for member in members])

    async def held(self) -> Sequence[Member]:
        names = {identity: self._spellings[folded] for folded, identity in self._users.items()}
        return [Member(names[identity]) for identity in self.directory.members(self.group) if identity in names]

    async def know(self, spellings: Sequence[str]) -> None:
        for spelling in spellings:
            folded = spelling.casefold()
            if folded not in self._users:
                self._users[folded] = self.directory.create("User", userName=spelling)
            elif self._spellings[folded] != spelling:
                self.directory.rename(self._users[folded], spelling)
            self._spellings[folded] = spelling

    async def put(self, member: Member) -> None:
        await self.know([member.spelling])
        self._hold([*self.directory.members(self.group), self._users[member.spelling.casefold()]])

    async def take(self, spelling: str) -> None:
        self._hold([each for each in self.directory.members(self.group) if each != self._users[spelling.casefold()]])

    async def carry(self) -> None:
        nested = self.directory.create("Group", displayName="nested")
        self._carried = [nested, "an-id-that-nobody-knows"]
        self._hold([*self.directory.members(self.group), *self._carried])

    async def carried(self) -> Sequence[str]:
        return [each for each in self.directory.members(self.group) if each in self._carried]

    async def foreign(self) -> object:
        return self.directory.fields(self.group, "displayName"), self.directory.fields(self.other, "displayName")

    async def provoke(self, trouble: Circumstance) -> None:
        self.trouble = trouble
        match trouble:
            case Circumstance.MISSING:
                self.server.mischief = _without(f"/v2/Groups/{self.group}")
            case Circumstance.WRONG_CREDENTIALS:
                self.directory.accept("another")
            case Circumstance.NO_RIGHTS:
                self.server.mischief = _read_only
            case Circumstance.THROTTLED_WITH_PAUSE:
                pause = {**BUSY.headers, "retry-after": f"{ASKED_PAUSE.total_seconds():.0f}"}
                self.server.mischief = always(Given(429, BUSY.body, pause))
            case Circumstance.THROTTLED_WITHOUT_PAUSE:
                self.server.mischief = always(BUSY)
            case Circumstance.SERVER_ERROR:
                self.server.mischief = always(json_answer({"detail": "out of order"}, 500))
            case Circumstance.ANSWER_LOST:
                self.server.mischief = answer_lost()
            case Circumstance.STALE_READ:
                self.server.mischief = self._stale()
            case Circumstance.CUT_SHORT:
                self.server.mischief = _forgetful
            case _:
                await super().provoke(trouble)

    async def settle(self) -> None:
        await super().settle()
        self.server.mischief = honest
        self.directory.accept(SECRET)

    def _hold(self, identities: Sequence[str]) -> None:
        self.directory.set_members(self.group, identities)

    def _stale(self) -> Mischief:
        """Answer reads of the group from a copy; writes go through, and the copy stays."""
        path = f"/v2/Groups/{self.group}"
        token = {"authorization": f"Bearer {SECRET}"}
        copy = self.directory(Asked("GET", path, token, b""))
        return lambda asked, application: copy if asked.method == "GET" and asked.path == path else application(asked)


class ScimByCursor(ScimByIndex):
    """The same group where the service announces cursors (RFC 9865)."""

    label = "cursor_paging"
    cursor = True


def _without(path: str) -> Mischief:
    gone = json_answer({"detail": "not found", "status": "404"}, 404)
    nobody = json_answer({"totalResults": 0, "Resources": []})

    def answer(asked: Asked, application: Application) -> Given:
        if asked.path == path:
            return gone
        return nobody if asked.path == "/v2/Groups" else application(asked)

    return answer


def _read_only(asked: Asked, application: Application) -> Given:
    return json_answer({"detail": "read only token"}, 403) if asked.writes else application(asked)


def _forgetful(asked: Asked, application: Application) -> Given:
    """Forget the users of every page but the first, though the total counts them."""
    given = application(asked)
    if asked.path != "/v2/Users" or asked.query.get("startIndex") == "1" or asked.query.get("cursor") == "":
        return given
    told = msgspec.json.decode(given.body)
    return json_answer({**{name: told[name] for name in told if name != "nextCursor"}, "Resources": []})


SANDBOXES: tuple[type[Sandbox], ...] = (ScimByIndex, ScimByCursor)
