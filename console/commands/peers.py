"""`syncdeck peers`: how other nodes stand, and sync, compare, test, pause and resume them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence

from console.commands.arguments import Subparsers, Verb, add_act, add_verb
from console.commands.completing import completed
from console.commands.peer_lines import compared, details, overview, synced
from console.commands.session import CHANGES, DONE, ERROR, Session
from engine.errors import NothingFound
from engine.events.replicating.standing import Connection, SyncResult
from engine.settings.replication import Direction
from engine.settings.spelling import did_you_mean

PARTIAL = 6


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "peers",
        peers,
        examples=(
            "syncdeck peers                        how every peer stands",
            "syncdeck peers show hamburg           one of them, with its vector",
            "syncdeck peers sync hamburg           exchange events now",
            "syncdeck peers sync --all --direction pull",
            "syncdeck peers compare hamburg        prove that both have the same",
        ),
    )
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    _add(acts, "show", show, "Show everything known of a peer: link, lag, last result, vectors.")
    syncing = add_act(
        acts,
        "sync",
        sync,
        "Exchange events with a peer now.",
        examples=("syncdeck peers sync hamburg", "syncdeck peers sync --all --json"),
        exits="0 nothing to exchange, 2 exchanged, 6 some origins were left out, 1 failed",
    )
    completed(syncing.add_argument("peer", nargs="?", default="", help="name of a peer"), "peers")
    syncing.add_argument("--all", action="store_true", help="all peers that are not paused, one after the other")
    syncing.add_argument(
        "--direction",
        type=Direction,
        choices=list(Direction),
        default=None,
        metavar="WAY",
        help="both, push or pull (default: as configured)",
    )
    comparing = "Prove that a peer has the same events and states, or say what differs. Changes nothing."
    _add(acts, "compare", compare, comparing, exits="0 equal, 2 differing, 1 the peer cannot be asked")
    testing = "Try the connection step by step: address, TLS, token, protocol, histories. Exchanges nothing."
    _add(acts, "test", test, testing, exits="0 all fine, 1 something is not")
    _add(acts, "pause", pause, "Do not sync with a peer any more, by hand or by itself, until it is resumed.")
    _add(acts, "resume", resume, "Sync with a paused peer again.")


def _add(acts: Subparsers, name: str, run: Verb, summary: str, exits: str = "") -> None:
    act = add_act(acts, name, run, summary, examples=(f"syncdeck peers {name} hamburg",), exits=exits)
    completed(act.add_argument("peer", help="name of a peer"), "peers")


async def peers(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        standing = await engine.replication.peers()
        now = engine.clock.now()
    for status in standing:
        session.emit(status)
    if standing:
        _say_all(session, overview(standing, now))
    else:
        session.say("No peer is configured yet. Add one in the console (syncdeck), or under peers in syncdeck.yaml.")
    return DONE


async def show(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        status = await engine.replication.peer(arguments.peer)
        mine = await engine.replication.vector()
        now = engine.clock.now()
    session.emit({"peer": status, "vector": mine})
    _say_all(session, details(status, mine, now))
    return DONE


async def sync(arguments: Namespace, session: Session) -> int:
    if bool(arguments.peer) == arguments.all:
        raise NothingFound("Say which peer: syncdeck peers sync NAME, or all of them: syncdeck peers sync --all.")
    async with session.open() as engine:
        replication = engine.replication
        if arguments.all and arguments.direction is None:
            results: Sequence[SyncResult] = await replication.sync_all()
        else:
            due = [each.name for each in await replication.peers() if each.connection is not Connection.PAUSED]
            names = due if arguments.all else [arguments.peer]
            results = [await replication.sync(name, arguments.direction) for name in names]
    for result in results:
        session.emit(result)
        _say_all(session, synced(result))
    if not results:
        session.say("There is no peer to sync with: none is configured, or all are paused.")
    return exit_code(results)


def exit_code(results: Sequence[SyncResult]) -> int:
    """Return what the command line says of some syncs: the worst of them."""
    if any(result.error for result in results):
        return ERROR
    if any(result.refusals for result in results):
        return PARTIAL
    return CHANGES if any(result.pulled or result.pushed for result in results) else DONE


async def compare(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        found = await engine.replication.compare(arguments.peer)
    session.emit(found)
    _say_all(session, compared(found))
    return DONE if found.order == "equal" and not found.forks and found.states_equal is not False else CHANGES


async def test(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        settings = engine.workspace.peers.get(arguments.peer)
        if settings is None:
            guess = did_you_mean(arguments.peer, dict.fromkeys(engine.workspace.peers, ""))
            raise NothingFound(f"There is no peer {arguments.peer}. {guess or 'Add it under peers in syncdeck.yaml.'}")
        steps = await engine.replication.test(settings)
    for step, fine, sentence in steps:
        session.emit({"step": step, "ok": fine, "sentence": sentence})
        mark = session.paint("ok  ", "green") if fine else session.paint("FAIL", "red")
        session.say(f"{mark}  {step:<10} {sentence}")
    return DONE if all(fine for _, fine, _ in steps) else ERROR


async def pause(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        await engine.replication.pause(arguments.peer)
    session.emit({"peer": arguments.peer, "paused": True})
    session.say(f"{arguments.peer} is paused. Go on with: syncdeck peers resume {arguments.peer}")
    return DONE


async def resume(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        await engine.replication.resume(arguments.peer)
    session.emit({"peer": arguments.peer, "paused": False})
    session.say(f"{arguments.peer} is synced with again.")
    return DONE


def _say_all(session: Session, lines: Iterable[str]) -> None:
    for line in lines:
        session.say(line)
