"""Who led a group, as the leaders wrote it down: the last terms, under one key a group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from engine.coordination.holding.lease import Lease
from engine.coordination.line import Line
from engine.coordination.means import Means
from engine.coordination.naming import ELECTION, LEADER
from engine.coordination.overview import LeaderStanding, Term
from engine.coordination.promises import Feature
from engine.coordination.standing import ABSENT, UNREADABLE, ClaimStanding, Ending, Entry, PastHolder, Token
from engine.errors import CoordinationError, KeyChanged

KEPT = 20
LONGEST_VALUE = 200
"""Letters of what a leader proclaimed that are kept."""

WRITING = timedelta(seconds=1)
"""How long a leader spends on the history at most: leading matters more."""

TRIES = 5


class PastTerms(msgspec.Struct, frozen=True):
    """What stands under the key, newest first."""

    terms: tuple[Term, ...] = ()


class Chronicle:
    """The history of one group. It is for people: what cannot be written is left out, and stops no leader."""

    def __init__(self, group: str, line: Line, means: Means) -> None:
        self._group = group
        self._line = line
        self._means = means

    async def terms(self) -> Sequence[Term]:
        """Return the last terms, newest first."""
        return past_terms_of(await self._line.get(LEADER + self._group))

    async def begun(self, lease: Lease, value: str) -> None:
        """Note that a leader began, and how the one before ended if that is not known yet."""
        term = Term(token=lease.token, who=self._means.who, since=lease.since, value=value[:LONGEST_VALUE])
        past = await self._past()
        await self._write(lease, lambda terms: (term, *(_closed(each, term.since, past) for each in terms)))

    async def ended(self, lease: Lease) -> None:
        """Note that a leader is about to leave. One that was lost cannot write any more."""
        if lease.held and (Feature.FENCED_WRITE not in self._line.promises.refusals or await self._leads(lease)):
            until = self._means.clock.now()
            await self._write(lease, lambda terms: tuple(_left(each, lease.token, until) for each in terms))

    async def _write(self, lease: Lease, change: Callable[[tuple[Term, ...]], tuple[Term, ...]]) -> None:
        fence = None if Feature.FENCED_WRITE in self._line.promises.refusals else lease.fence
        key = LEADER + self._group
        with suppress(CoordinationError, TimeoutError):
            async with asyncio.timeout(WRITING.total_seconds()):
                for _ in range(TRIES):
                    entry = await self._line.get(key)
                    value = msgspec.json.encode(PastTerms(change(past_terms_of(entry))[:KEPT]))
                    with suppress(KeyChanged):
                        await self._line.put(key, value, expected=entry.revision if entry else ABSENT, fence=fence)
                        return

    async def _leads(self, lease: Lease) -> bool:
        """Whether a leader still leads, where no write can look at that by itself: it may not have heard yet."""
        with suppress(CoordinationError, TimeoutError):
            async with asyncio.timeout(WRITING.total_seconds()):
                holder = (await standing_of(self._line, self._group)).holder
                return holder is not None and holder.token == lease.token
        return False

    async def _past(self) -> Mapping[Token, PastHolder]:
        with suppress(CoordinationError, TimeoutError):
            async with asyncio.timeout(WRITING.total_seconds()):
                claim = await standing_of(self._line, self._group)
                return {past.token: past for past in claim.past}
        return {}


async def standing_of(line: Line, group: str) -> ClaimStanding:
    """Return a group's queue, named as the group is."""
    for claim in await line.claims(ELECTION + group):
        if claim.name == ELECTION + group:
            return replace(claim, name=group)
    return ClaimStanding(name=group, holder=None)


async def leaders(line: Line) -> Sequence[LeaderStanding]:
    """Return every group that has or had a leader, by name."""
    claims = {claim.name.removeprefix(ELECTION): claim for claim in await line.claims(ELECTION)}
    terms: dict[str, tuple[Term, ...]] = {}
    if Feature.LIST not in line.promises.refusals:
        terms = {entry.key.removeprefix(LEADER): past_terms_of(entry) for entry in await _entries(line)}
    return [
        LeaderStanding(
            group=group,
            claim=replace(claims.get(group, ClaimStanding(name=group, holder=None)), name=group),
            terms=terms.get(group, ()),
        )
        for group in sorted(claims.keys() | terms.keys())
    ]


async def _entries(line: Line) -> Sequence[Entry]:
    """Return the histories of all groups, page by page."""
    found: list[Entry] = []
    page = await line.entries(LEADER)
    while page:
        found += page
        page = await line.entries(LEADER, after=page[-1].key)
    return found


def past_terms_of(entry: Entry | None) -> tuple[Term, ...]:
    """Return what a key holds; nothing if that is not a history."""
    if entry is None:
        return ()
    try:
        return msgspec.json.decode(entry.value, type=PastTerms).terms
    except UNREADABLE:
        return ()


def _closed(term: Term, now: datetime, past: Mapping[Token, PastHolder]) -> Term:
    """Return a term with its end: as the backend remembers it, else as one that was noticed only now."""
    if term.until is not None:
        return term
    known = past.get(term.token)
    return replace(term, until=known.until if known else now, ending=known.ending if known else Ending.LAPSED)


def _left(term: Term, token: Token, until: datetime) -> Term:
    return replace(term, until=until, ending=Ending.RELEASED) if term.token == token else term
