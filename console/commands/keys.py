"""`syncdeck keys`: get, put, delete, list, watch values that all nodes of the namespace share."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial

from console.commands.arguments import Subparsers, add_act, add_verb
from console.commands.coordination_rows import entry, text
from console.commands.session import CHANGES, DONE, ERROR, Session
from console.commands.standard_input import whole
from console.commands.typed import length
from console.commands.watching import Listing, show
from console.commands.watching import watch as watch_list
from console.commands.work_lines import keys as key_table
from engine.coordination.naming import KEY
from engine.coordination.standing import Entry, Revision
from engine.errors import NothingFound

GONE = "there is none"
WATCH = "print it again whenever it changes"
MOST = 1_000


def add_parser(verbs: Subparsers) -> None:
    parser = add_verb(
        verbs,
        "keys",
        list_keys,
        examples=(
            "syncdeck keys                         all of them",
            "syncdeck keys --watch                 the same, live",
            "syncdeck keys get release             the value, as it is",
            "syncdeck keys put release 42 --expected 0    only if there is none yet",
            "syncdeck keys put session 1 --expires 30m",
            "syncdeck keys watch deploy/           changes as they happen",
        ),
    )
    parser.add_argument("--watch", action="store_true", help=WATCH)
    parser.set_defaults(prefix="", limit=MOST)
    acts = parser.add_subparsers(title="more", metavar="ACT", dest="act")
    _add_reading(acts)
    _add_writing(acts)


def _add_reading(acts: Subparsers) -> None:
    listing = add_act(acts, "list", list_keys, "List keys with their values.", examples=("syncdeck keys list deploy/",))
    listing.add_argument("prefix", nargs="?", default="", help="only keys that begin so")
    listing.add_argument("--limit", type=int, default=MOST, metavar="N", help=f"at most so many (default {MOST})")
    listing.add_argument("--watch", action="store_true", default=SUPPRESS, help=WATCH)
    getting = add_act(
        acts,
        "get",
        get,
        "Print the value of a key, as it is.",
        examples=("syncdeck keys get release", "syncdeck keys get release --json"),
        exits=f"0 printed, 1 {GONE}",
    )
    getting.add_argument("key")
    watching = add_act(
        acts,
        "watch",
        watch,
        "Print keys, and every change of them as it happens.",
        examples=("syncdeck keys watch deploy/",),
    )
    watching.add_argument("prefix", nargs="?", default="", help="only keys that begin so")


def _add_writing(acts: Subparsers) -> None:
    putting = add_act(
        acts,
        "put",
        put,
        "Write a key and print its new revision.",
        examples=(
            "syncdeck keys put release 42",
            "syncdeck keys put release 43 --expected 17     only if nobody wrote since",
            "syncdeck keys put config - < config.json       from standard input",
        ),
        exits="2 written, 4 somebody else wrote it meanwhile",
    )
    putting.add_argument("key")
    putting.add_argument("value", help="the value; - reads standard input")
    putting.add_argument("--expires", type=length, default=None, metavar="TIME", help="it vanishes after so long")
    _add_expected(putting)
    deleting = add_act(
        acts,
        "delete",
        delete,
        "Remove a key.",
        examples=("syncdeck keys delete release --expected 17",),
        exits=f"2 removed, 0 {GONE}, 4 somebody else wrote it meanwhile",
    )
    deleting.add_argument("key")
    _add_expected(deleting)


def _add_expected(act: ArgumentParser) -> None:
    act.add_argument(
        "--expected",
        type=int,
        default=None,
        metavar="REVISION",
        help="only if it has this revision; 0: only if there is none",
    )


async def list_keys(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        coordination = here.coordination
        listing = Listing(
            look=partial(coordination.keys.list, arguments.prefix, limit=arguments.limit),
            named=lambda each: each.key,
            row=entry,
            lines=lambda rows: [*key_table(rows), *_more(rows, arguments.limit)],
        )
        if arguments.watch:
            return await watch_list(session, listing, coordination.changes(KEY + arguments.prefix))
        return await show(session, listing)


def _more(rows: Sequence[Entry], limit: int) -> Sequence[str]:
    return [] if len(rows) < limit else [f"Only the first {limit:,}; there may be more. See them with --limit N."]


async def get(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        found = await here.coordination.keys.get(arguments.key)
    if found is None:
        raise NothingFound(f"There is no key {arguments.key}.")
    session.emit(entry(found))
    if not session.json:
        sys.stdout.buffer.write(found.value)
        if sys.stdout.isatty() and not found.value.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()
    return DONE


async def put(arguments: Namespace, session: Session) -> int:
    value = whole() if arguments.value == "-" else arguments.value.encode("utf-8", "surrogateescape")
    async with session.coordinate() as here:
        revision = await here.coordination.keys.put(
            arguments.key, value, expected=_expected(arguments), expires=arguments.expires
        )
    session.emit({"key": arguments.key, "revision": revision})
    session.say(f"{arguments.key} has revision {revision}.")
    return CHANGES


async def delete(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        done = await here.coordination.keys.delete(arguments.key, expected=_expected(arguments))
    session.emit({"key": arguments.key, "deleted": done})
    session.say(f"{arguments.key} is gone." if done else f"There is no key {arguments.key}.")
    return CHANGES if done else DONE


def _expected(arguments: Namespace) -> Revision | None:
    return None if arguments.expected is None else Revision(arguments.expected)


async def watch(arguments: Namespace, session: Session) -> int:
    async with session.coordinate() as here:
        async for change in here.coordination.keys.watch(arguments.prefix):
            if change.synced:
                session.emit({"synced": True})
            elif change.entry is None:
                session.emit({"gone": change.key})
                session.say(f"{change.key}  is gone")
            else:
                session.emit(entry(change.entry))
                session.say(f"{change.key}  {change.entry.revision}  {text(change.entry.value)}")
            sys.stdout.flush()
    return ERROR
