"""`syncdeck locks` and `syncdeck leaders`: who holds what and who leads, now or live; take one away by its token."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial

from console.commands.arguments import Subparsers, add_act, add_verb
from console.commands.coordination_lines import leader, leaders, lock, locks
from console.commands.coordination_rows import claim
from console.commands.coordination_rows import leader as leader_row
from console.commands.session import CHANGES, DONE, Session
from console.commands.watching import Listing, show, watch
from engine.coordinating import Coordinating
from engine.coordination.naming import ELECTION, LOCK
from engine.coordination.overview import LeaderStanding
from engine.coordination.standing import ClaimStanding, Token
from engine.errors import NothingFound
from engine.settings.spelling import did_you_mean

FORCE = "0 it was over already, 2 taken away, 1 it could not be asked for"


def add_parser(verbs: Subparsers) -> None:
    _add_locks(verbs)
    _add_leaders(verbs)


def _add_locks(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "locks",
        list_locks,
        examples=(
            "syncdeck locks                        who holds what, and who waits",
            "syncdeck locks --watch                the same, live",
            "syncdeck locks show deploy            one of them: queue and last holders",
            'syncdeck locks release deploy --token 412 --reason "its host is gone"',
        ),
    )
    parser.add_argument("--watch", action="store_true", help="print it again whenever it changes")
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    showing = add_act(
        acts, "show", show_lock, "Show one lock: holder, queue, last holders.", examples=("syncdeck locks show deploy",)
    )
    showing.add_argument("name", help="the lock")
    releasing = add_act(
        acts,
        "release",
        release,
        "Take a lock away from the holder with this token, and from nobody else. The next in line gets it at once.",
        examples=('syncdeck locks release deploy --token 412 --reason "its host is gone"',),
        exits=FORCE,
    )
    releasing.add_argument("name", help="the lock")
    _add_force(releasing, "holder's token, as `syncdeck locks` shows it")


def _add_leaders(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "leaders",
        list_leaders,
        examples=(
            "syncdeck leaders                      who leads which group",
            "syncdeck leaders --watch              the same, live",
            "syncdeck leaders show cron            one group: candidates and past terms",
            'syncdeck leaders resign cron --term 7 --reason "going down for an upgrade"',
        ),
    )
    parser.add_argument("--watch", action="store_true", help="print it again whenever it changes")
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    showing = add_act(
        acts,
        "show",
        show_leader,
        "Show one group: leader, candidates, terms.",
        examples=("syncdeck leaders show cron",),
    )
    showing.add_argument("group", help="the group")
    resigning = add_act(
        acts,
        "resign",
        resign,
        "End the term with this number, and no other. The next candidate leads at once.",
        examples=('syncdeck leaders resign cron --term 7 --reason "going down for an upgrade"',),
        exits=FORCE,
    )
    resigning.add_argument("group", help="the group")
    _add_force(resigning, "the term, as `syncdeck leaders` shows it", "--term")


def _add_force(act: ArgumentParser, meaning: str, *also: str) -> None:
    act.add_argument("--token", *also, dest="token", type=int, required=True, metavar="N", help=meaning)
    act.add_argument("--reason", required=True, help="why; it is kept in the event log")


async def list_locks(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        coordination = here.coordination
        listing = Listing(
            look=coordination.locks,
            named=lambda each: each.name,
            row=claim,
            lines=lambda rows: locks(rows, here.clock.now()),
        )
        if arguments.watch:
            return await watch(session, listing, coordination.changes(LOCK, sessions=True))
        return await show(session, listing)


async def show_lock(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        found = _named(await here.coordination.locks(arguments.name), arguments.name)
        now = here.clock.now()
    session.emit(claim(found))
    for line in lock(found, now):
        session.say(line)
    return DONE


def _named(standing: Sequence[ClaimStanding], name: str) -> ClaimStanding:
    for each in standing:
        if each.name == name:
            return each
    raise NothingFound(f"Nobody holds or waits for the lock {name}. Say `syncdeck locks` to see those there are.")


async def release(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        release = partial(here.coordination.force_release, arguments.name, Token(arguments.token))
        done = await release(reason=arguments.reason)
        now_held = await _holder(here, arguments.name)
    session.emit({"lock": arguments.name, "token": arguments.token, "released": done, "holder": now_held})
    if done:
        session.say(
            f"{arguments.name} was taken away; token {arguments.token} is outdated. Now: {now_held or 'nobody'}."
        )
    else:
        session.say(f"Token {arguments.token} of {arguments.name} was over already. Now: {now_held or 'nobody'}.")
    return CHANGES if done else DONE


async def _holder(here: Coordinating, name: str) -> str:
    found = next((each for each in await here.coordination.locks(name) if each.name == name), None)
    holder = found.holder if found else None
    return f"{holder.who.actor} pid {holder.who.pid}, token {holder.token}" if holder else ""


async def list_leaders(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        coordination = here.coordination
        listing: Listing[LeaderStanding] = Listing(
            look=coordination.leaders,
            named=lambda each: each.group,
            row=leader_row,
            lines=lambda rows: leaders(rows, here.clock.now()),
        )
        if arguments.watch:
            return await watch(session, listing, coordination.changes(ELECTION, sessions=True))
        return await show(session, listing)


async def show_leader(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        groups = {each.group: each for each in await here.coordination.leaders()}
        now = here.clock.now()
    if arguments.group not in groups:
        raise NothingFound(f"There is no group {arguments.group}. {did_you_mean(arguments.group, groups)}")
    session.emit(leader_row(groups[arguments.group]))
    for line in leader(groups[arguments.group], now):
        session.say(line)
    return DONE


async def resign(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        done = await here.coordination.resign(arguments.group, Token(arguments.token), reason=arguments.reason)
    session.emit({"group": arguments.group, "term": arguments.token, "resigned": done})
    over = "is over: the next candidate leads" if done else "was over already; nothing was done"
    session.say(f"Term {arguments.token} of {arguments.group} {over}.")
    return CHANGES if done else DONE
