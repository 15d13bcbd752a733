"""Groups of a real OpenLDAP server, one of each class, behind a proxy that makes trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar, Self

import msgspec

from adapters.endpoints.ldap_group import LdapGroup
from engine.reconcile.ports import Target
from tests.contracts.sandbox import Circumstance, Member, Sandbox, Surroundings
from tests.servers.directory import Administrator
from tests.servers.ldap_proxy import LdapProxy, Trouble
from tests.servers.slapd import ADMIN, READER, SUFFIX, start_slapd

NOBODY = f"cn=nobody,{SUFFIX}"
BUSY, UNAVAILABLE, SIZE_LIMIT = 51, 52, 4
LACKS: dict[Circumstance, str] = {
    Circumstance.ATTRIBUTES: "Members of a group are bare; people are not changed through it.",
    Circumstance.COMPARISON: "Membership is a bare value: it is there or it is not.",
    Circumstance.RENAMES: "Members of a group are bare; people are not changed through it.",
    Circumstance.UNICODE: "mail is an IA5 string (RFC 4524): letters beyond ASCII cannot stand in it.",
    Circumstance.THROTTLED_WITH_PAUSE: "LDAP has no way to ask for a pause.",
    Circumstance.STALE_READ: "Reads and writes go to one server over one connection; there is no replica between.",
}


class GroupOfNames(Sandbox):
    """A groupOfNames that a placeholder keeps alive; members stand under names with commas in them."""

    label = "group_of_names"
    lacks: ClassVar[Mapping[Circumstance, str]] = LACKS
    several_pages = 2_500
    object_class = "groupOfNames"
    attribute = "member"
    keeps: ClassVar[tuple[str, ...]] = (NOBODY,)
    settings: ClassVar[dict[str, Any]] = {"placeholder": NOBODY}

    async def __aenter__(self) -> Self:
        self.server = self.servers.running(start_slapd)
        self.group = f"cn={self.label},ou=groups,{SUFFIX}"
        self._robot = f"cn=robot,ou=robots,{SUFFIX}"
        self._nested = f"cn=nested,ou=groups,{SUFFIX}"
        self._resources = ExitStack()
        self.proxy = self._resources.enter_context(LdapProxy(self.server.port).running())
        self.administrator = self._resources.enter_context(Administrator(self.server))
        self._make_group()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settle()
        self.administrator.delete(self.group)
        self._resources.close()

    def open(self) -> Target:
        wrong = self.trouble is Circumstance.WRONG_CREDENTIALS
        settings = msgspec.convert(
            {
                "url": f"ldap://127.0.0.1:{self.proxy.port}",
                "bind_dn": READER if self.trouble is Circumstance.NO_RIGHTS else ADMIN,
                "password": "env:WRONG" if wrong else "env:SANDBOX",
                "group": self.group,
                "timeout_seconds": 20,
                **self.settings,
            },
            LdapGroup.Settings,
        )
        return LdapGroup(settings, Surroundings(self.folder))

    async def fill(self, members: Sequence[Member]) -> None:
        await self.know([member.spelling for member in members])
        self._hold([*self.keeps, *(self._value(member.spelling) for member in members)])

    async def held(self) -> Sequence[Member]:
        names = {self._value(person.mail): person.mail for person in self.server.people.values()}
        return [Member(names[value]) for value in self._held() if value in names]

    async def know(self, spellings: Sequence[str]) -> None:
        for spelling in spellings:
            self.administrator.know(spelling)

    async def put(self, member: Member) -> None:
        await self.know([member.spelling])
        self._hold([*self._held(), self._value(member.spelling)])

    async def take(self, spelling: str) -> None:
        self._hold([value for value in self._held() if value != self._value(spelling)])

    async def carry(self) -> None:
        self._hold([*self._held(), *self._strangers()])

    async def carried(self) -> Sequence[str]:
        return sorted(value for value in self._held() if value in {*self.keeps, *self._strangers()})

    async def foreign(self) -> object:
        return self.administrator.values(self.group, "description"), self.administrator.values(SUFFIX, "o")

    async def provoke(self, trouble: Circumstance) -> None:
        self.trouble = trouble
        match trouble:
            case Circumstance.MISSING:
                self.administrator.delete(self.group)
            case Circumstance.WRONG_CREDENTIALS | Circumstance.NO_RIGHTS:
                pass  # `open` logs in accordingly
            case Circumstance.THROTTLED_WITHOUT_PAUSE:
                self.proxy.trouble = Trouble(code=BUSY)
            case Circumstance.SERVER_ERROR:
                self.proxy.trouble = Trouble(code=UNAVAILABLE)
            case Circumstance.ANSWER_LOST:
                self.proxy.trouble = Trouble(lose_modifications=1)
            case Circumstance.CUT_SHORT:
                self.proxy.trouble = Trouble(search_code=SIZE_LIMIT)
            case _:
                await super().provoke(trouble)

    async def settle(self) -> None:
        if self.trouble is Circumstance.MISSING:
            self._make_group()
        await super().settle()
        self.proxy.trouble = Trouble()

    def _make_group(self) -> None:
        fields = {"cn": self.label, "description": "kept", **({self.attribute: self.keeps} if self.keeps else {})}
        self.administrator.add(self.group, [self.object_class], fields)

    def _strangers(self) -> list[str]:
        """Return a robot and a nested group, neither of which has an address, and a name that leads nowhere."""
        self.administrator.add_if_new(self._robot, ["applicationProcess"], {"cn": "robot"})
        self.administrator.add_if_new(self._nested, ["groupOfNames"], {"cn": "nested", "member": NOBODY})
        return [self._robot, self._nested, f"uid=ghost,ou=people,{SUFFIX}"]

    def _hold(self, values: Sequence[str]) -> None:
        self.administrator.replace(self.group, self.attribute, values)

    def _held(self) -> list[str]:
        return self.administrator.values(self.group, self.attribute) or []

    def _value(self, spelling: str) -> str:
        return self.server.people[spelling.casefold()].dn


class GroupOfUniqueNames(GroupOfNames):
    """A groupOfUniqueNames without a placeholder: its last member cannot leave."""

    label = "group_of_unique_names"
    many = 2_000  # the groupOfNames beside it takes all ten thousand
    lacks: ClassVar[Mapping[Circumstance, str]] = {
        **LACKS,
        Circumstance.EMPTY: "The class demands a member (RFC 4519 §3.6), and no placeholder is set.",
    }
    object_class = "groupOfUniqueNames"
    attribute = "uniqueMember"
    keeps: ClassVar[tuple[str, ...]] = (f"cn=owner,ou=robots,{SUFFIX}",)
    settings: ClassVar[dict[str, Any]] = {}


class PosixGroup(GroupOfNames):
    """A posixGroup: members are login names, and there may be none."""

    label = "posix_group"
    many = 2_000
    object_class = "posixGroup"
    attribute = "memberUid"
    keeps: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[dict[str, Any]] = {}

    def _make_group(self) -> None:
        self.administrator.add(
            self.group, ["posixGroup"], {"cn": self.label, "description": "kept", "gidNumber": "5000"}
        )

    def _strangers(self) -> list[str]:
        return ["daemon", "nobody-knows-me"]

    def _value(self, spelling: str) -> str:
        return self.server.people[spelling.casefold()].uid


SANDBOXES: tuple[type[Sandbox], ...] = (GroupOfNames, GroupOfUniqueNames, PosixGroup)
