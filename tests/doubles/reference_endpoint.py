"""A small service with pages, identities and every kind of trouble, and an endpoint that treats it right.

The endpoint keeps the whole contract; the variants of it that break one promise show that the contract's suite barks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import ClassVar, Self

from engine.errors import IncompleteRead, RemoteRefused, RemoteUnavailable
from engine.reconcile.plan import Action, Change
from engine.reconcile.ports import Found, Limits, Miss, Outcome, Result, Target
from engine.reconcile.records import Batch, Carried, Value, text_of
from tests.contracts.sandbox import ASKED_PAUSE, Circumstance, Member, Sandbox

DONE, ALREADY = Outcome(result=Result.DONE), Outcome(result=Result.ALREADY)


@dataclass(slots=True)
class Entry:
    """A member at the service: bots and guests have no spelling."""

    native_id: str
    spelling: str | None
    fields: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class Service:
    """What the service holds, and what is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)
    trouble: Circumstance | None = None
    before: list[Entry] | None = None
    """What a stale replica still shows."""

    def know(self, spelling: str) -> str:
        return self.identities.setdefault(spelling, f"id-{len(self.identities) + 1}")

    def entry(self, native_id: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.native_id == native_id), None)

    def answer(self) -> None:
        """Fail as the trouble wants it, before anything is done."""
        match self.trouble:
            case Circumstance.MISSING:
                raise RemoteRefused("The service has no such group. Mend the group's name.")
            case Circumstance.WRONG_CREDENTIALS:
                raise RemoteRefused("The service does not know this token. Make a new one.")
            case Circumstance.THROTTLED_WITH_PAUSE:
                raise RemoteUnavailable("The service asks for a pause of 7 seconds.", retry_after=ASKED_PAUSE)
            case Circumstance.THROTTLED_WITHOUT_PAUSE | Circumstance.SERVER_ERROR:
                raise RemoteUnavailable("The service is too busy to answer now.")


class ReferenceEndpoint(Target):
    """Keeps every promise of `Target`, in the plainest way."""

    page = 100

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def read(self) -> AsyncIterator[Batch]:
        entries = self.visible()
        for start in range(0, len(entries) or 1, self.page):
            self.service.answer()
            if start and self.service.trouble is Circumstance.CUT_SHORT:
                raise IncompleteRead("The service said that more pages follow and sent none.")
            last = start + self.page >= len(entries)
            yield self.batch(entries[start : start + self.page], "no next page" if last else "")

    def visible(self) -> list[Entry]:
        stale = self.service.trouble is Circumstance.STALE_READ and self.service.before is not None
        return list(self.service.before or []) if stale else list(self.service.entries)

    def batch(self, entries: Sequence[Entry], proof: str) -> Batch:
        keyed = [entry for entry in entries if entry.spelling is not None]
        return Batch(
            spellings=[str(entry.spelling) for entry in keyed],
            names=("name", "role"),
            rows=[(entry.fields.get("name"), entry.fields.get("role")) for entry in keyed],
            native_ids=[entry.native_id for entry in keyed],
            carried=[
                Carried(label=text_of(entry.fields.get("name")), kind="bot", native_id=entry.native_id)
                for entry in entries
                if entry.spelling is None
            ],
            proof=proof,
        )

    @property
    def limits(self) -> Limits:
        return Limits(actions=frozenset(Action), batch_size=50)

    async def resolve(self, spellings: Sequence[str]) -> Mapping[str, Found | Miss]:
        self.service.answer()
        known = self.service.identities
        return {
            spelling: Found(native_id=known[spelling])
            if spelling in known
            else Miss(reason=f"Nobody is called {spelling}.")
            for spelling in spellings
        }

    async def write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self.service.answer()
        if self.service.trouble is Circumstance.NO_RIGHTS:
            raise RemoteRefused("This token may only read the group. Grant it the right to write.")
        outcomes = [self.carry_out(change) for change in changes]
        if self.service.trouble is Circumstance.ANSWER_LOST:
            self.service.trouble = None
            raise RemoteUnavailable("The service's answer got lost on its way.", maybe_done=True)
        return outcomes

    def carry_out(self, change: Change) -> Outcome:
        held = self.service.entry(change.native_id)
        if held and self.meddled(change, held):
            return Outcome(result=Result.REFUSED, reason=f"Somebody changed it to {list(held.fields.values())}.")
        match change.action:
            case Action.ADD:
                return ALREADY if held else self.add(change)
            case Action.REMOVE:
                return self.remove(change, held) if held else ALREADY
            case _:
                return (
                    self.alter(change, held)
                    if held
                    else Outcome(result=Result.REFUSED, reason="Not a member any more.")
                )

    def add(self, change: Change) -> Outcome:
        self.service.entries.append(Entry(change.native_id, change.spelling, {"since": 2020, **(change.after or {})}))
        return DONE

    def remove(self, change: Change, held: Entry) -> Outcome:
        self.service.entries.remove(held)
        return DONE

    def meddled(self, change: Change, held: Entry) -> bool:
        wanted = change.action is Action.UPDATE and (change.after or {}).items() <= held.fields.items()
        return not wanted and any(held.fields.get(name) != value for name, value in (change.before or {}).items())

    def alter(self, change: Change, held: Entry) -> Outcome:
        wanted = change.renamed_to or held.spelling
        if wanted == held.spelling and (change.after or {}).items() <= held.fields.items():
            return ALREADY
        held.spelling = wanted
        held.fields.update(change.after or {})
        return DONE


class ReferenceSandbox(Sandbox):
    """The service, where everything that the contract speaks of can happen."""

    label = "reference"
    attributes = ("name", "role")
    several_pages = 301
    many = 301
    endpoint: ClassVar[type[ReferenceEndpoint]] = ReferenceEndpoint

    async def __aenter__(self) -> Self:
        self.service = Service()
        return self

    def open(self) -> Target:
        return self.endpoint(self.service)

    async def fill(self, members: Sequence[Member]) -> None:
        self.service.entries = [
            Entry(self.service.know(member.spelling), member.spelling, {"since": 2020, **member.attributes})
            for member in members
        ]

    async def put(self, member: Member) -> None:
        self.service.entries.append(Entry(self.service.know(member.spelling), member.spelling, dict(member.attributes)))

    async def take(self, spelling: str) -> None:
        self.service.entries = [entry for entry in self.service.entries if entry.spelling != spelling]

    async def held(self) -> Sequence[Member]:
        return [
            Member(entry.spelling, {name: entry.fields[name] for name in self.attributes if name in entry.fields})
            for entry in self.service.entries
            if entry.spelling is not None
        ]

    async def know(self, spellings: Sequence[str]) -> None:
        for spelling in spellings:
            self.service.know(spelling)

    async def carry(self) -> None:
        self.service.entries += [Entry("bot-1", None, {"name": "Printer"}), Entry("bot-2", None, {"name": "Door"})]

    async def carried(self) -> Sequence[str]:
        return [entry.native_id for entry in self.service.entries if entry.spelling is None]

    async def foreign(self) -> object:
        return [entry.fields.get("since") for entry in self.service.entries if str(entry.spelling).startswith("ann")]

    async def provoke(self, trouble: Circumstance) -> None:
        self.service.before = list(self.service.entries)
        self.service.trouble = trouble

    async def settle(self) -> None:
        self.service.trouble = None
