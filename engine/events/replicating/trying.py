"""Try a connection, step by step, so that whoever set it up sees how far it goes. Nothing is exchanged."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import (
    RemoteRefused,
    ReplicationRefused,
    SecretUnavailable,
    SyncdeckError,
)
from engine.events.replicating.checked import CheckedRemote
from engine.events.replicating.means import Means
from engine.events.replicating.messages import PROTOCOL, Greeting, Hello
from engine.events.replicating.recovery import Diagnosis, diagnose, dots_to_look_at
from engine.events.replicating.rounds import vector_of
from engine.events.replicating.steps import Seen
from engine.events.vector import lacking
from engine.settings.replication import PeerSettings

Step = tuple[str, bool, str]
"""What was looked at, whether it is fine, and a sentence."""

STEPS = ("address", "TLS", "token", "protocol", "histories")


async def try_out(means: Means, settings: PeerSettings) -> Sequence[Step]:
    """Return the steps that were taken; after one that is not fine nothing more can be said."""
    replica = means.replica
    identity, told = await replica.identity(), await replica.heads()
    try:
        async with means.transports(settings).connect() as remote:
            greeting = await CheckedRemote(remote).greet(Hello(identity=identity, heads=dict(told)))
    except SyncdeckError as failure:
        return _failed(settings, failure)
    dots = dots_to_look_at(greeting, told)
    chains = dict(zip(dots, await replica.chains(dots), strict=True)) if dots else {}
    seen = Seen(identity=await replica.identity(), heads=await replica.heads(), chains=chains)
    if greeting.identity.protocol != PROTOCOL:
        words = f"It speaks protocol {greeting.identity.protocol}, this node {PROTOCOL}. Bring both to one version."
        return [*_passed(settings, "protocol"), ("protocol", False, words)]
    histories = _histories(diagnose(seen, told, greeting), seen, greeting)
    return [*_passed(settings, "protocol"), ("protocol", True, f"Both speak protocol {PROTOCOL}."), histories]


def _failed(settings: PeerSettings, failure: SyncdeckError) -> Sequence[Step]:
    """Return the steps up to the one that failed."""
    match failure:
        case SecretUnavailable():
            return [("token", False, str(failure))]
        case RemoteRefused() if failure.about in STEPS:
            step = failure.about
        case ReplicationRefused():
            step = "token" if failure.kind == "unauthorised" else "protocol"
        case _:
            step = "address"
    return [*_passed(settings, step), (step, False, str(failure))]


def _passed(settings: PeerSettings, upto: str) -> list[Step]:
    """Return the steps that must have been fine for it to come to this one."""
    steps: list[Step] = [
        ("address", True, f"{settings.url} answers."),
        (
            "TLS",
            True,
            "Its certificate is trusted." if settings.url.startswith("https:") else "None: the address is http.",
        ),
        ("token", True, "It is taken." if settings.token else "None is given, and none is asked for."),
    ]
    return steps[: STEPS.index(upto)]


def _histories(diagnosis: Diagnosis, seen: Seen, greeting: Greeting) -> Step:
    node = greeting.identity.node
    if diagnosis.itself:
        return ("histories", False, "The address leads to this node itself. Give it the address of another node.")
    if diagnosis.reason:
        words = f"{diagnosis.reason}. The first sync mends that: {'this node' if diagnosis.here else node} takes a new "
        return ("histories", True, words + "origin, then what was lost is fetched.")
    if diagnosis.forks:
        named = ", ".join(sorted(diagnosis.forks))
        return ("histories", False, f"They part for {named}: these origins will be left out of syncs with {node}.")
    mine, theirs = vector_of(seen.heads), vector_of(greeting.heads)
    here, there = lacking(theirs, mine), lacking(mine, theirs)
    return ("histories", True, f"{node} has {here:,} events that are not here, and lacks {there:,} that are.")
