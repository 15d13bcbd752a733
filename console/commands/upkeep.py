"""`syncdeck release` and `syncdeck adopt`: let a target out of quarantine, take members into Syncdeck's care."""

from __future__ import annotations

from argparse import Namespace

from console.commands.arguments import Subparsers, add_verb
from console.commands.completing import completed
from console.commands.session import DONE, Session
from engine.errors import NothingFound
from engine.reconcile.records import fold, keep_case
from engine.settings.spelling import did_you_mean


def add_parser(verbs: Subparsers) -> None:
    release = add_verb(
        verbs,
        "release",
        let_out,
        examples=("syncdeck release engineering wiki",),
    )
    completed(release.add_argument("sync", help="name of a sync"), "syncs")
    completed(release.add_argument("target", help="the quarantined target"), "adapters")
    adoption = add_verb(
        verbs,
        "adopt",
        adopt,
        examples=(
            "syncdeck adopt wiki ann@acme.example bea@acme.example",
            "members of a managed_only sync that were there before Syncdeck came",
        ),
    )
    completed(adoption.add_argument("target", help="an adapter that is a target"), "adapters")
    adoption.add_argument("key", nargs="+", help="keys of its members")


async def let_out(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        await engine.reconcile.release(arguments.sync, arguments.target)
    session.emit({"sync": arguments.sync, "target": arguments.target, "released": True})
    session.say(f"{arguments.target} of {arguments.sync} is out of quarantine: automatic runs include it again.")
    return DONE


async def adopt(arguments: Namespace, session: Session) -> int:
    async with session.open() as engine:
        writers = [sync for sync in engine.workspace.syncs.values() if arguments.target in sync.targets]
        if not writers:
            targets = {target: "" for sync in engine.workspace.syncs.values() for target in sync.targets}
            guess = did_you_mean(arguments.target, targets)
            raise NothingFound(f"{arguments.target} is not the target of any sync. {guess}")
        folding = keep_case if any(sync.case_sensitive for sync in writers) else fold
        keys = [folding(key) for key in arguments.key]
        await engine.reconcile.adopt(arguments.target, keys)
    session.emit({"target": arguments.target, "adopted": keys})
    session.say(f"{len(keys):,} members of {arguments.target} are Syncdeck's now: a managed_only sync may remove them.")
    return DONE
