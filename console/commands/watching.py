"""`--watch`: a list that is printed again whenever something of it changes, by push. Stopped by Ctrl-C."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from console.commands.session import DONE, Session
from engine.coordination.standing import Change
from engine.errors import CoordinationUnavailable

T = TypeVar("T")

CLEAR = "\x1b[H\x1b[2J\x1b[3J"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """What is listed: how it is looked up, how a row is named, and how it reads for people and for scripts."""

    look: Callable[[], Awaitable[Sequence[T]]]
    named: Callable[[T], str]
    row: Callable[[T], object]
    lines: Callable[[Sequence[T]], Iterable[str]]


async def show(session: Session, listing: Listing[T]) -> int:
    """Print what there is."""
    rows = await listing.look()
    for row in rows:
        session.emit(listing.row(row))
    for line in listing.lines(rows):
        session.say(line)
    return DONE


async def watch(session: Session, listing: Listing[T], changes: AsyncIterator[Change]) -> int:
    """Print what there is, and again whenever it changes, until the command is stopped.

    With --json a row is printed when it is new or differs from what was printed, and {"gone": NAME} when it is no more.
    """
    before: dict[str, object] = {}
    async for _ in changes:
        try:
            rows = await listing.look()
        except CoordinationUnavailable as error:  # its end is a change as well
            session.warn(str(error))
            continue
        now = {listing.named(row): listing.row(row) for row in rows}
        if now == before and before:
            continue
        if session.json:
            _differences(session, before, now)
        else:
            session.say((CLEAR if session.colour else "") + "\n".join(listing.lines(rows)))
        before = now
    return DONE


def _differences(session: Session, before: dict[str, object], now: dict[str, object]) -> None:
    for name in before.keys() - now.keys():
        session.emit({"gone": name})
    for name, row in now.items():
        if before.get(name) != row:
            session.emit(row)
