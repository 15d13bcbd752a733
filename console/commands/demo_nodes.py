"""The second half of the demo's story: nodes that exchange events, and a conflict that a person settles."""

from __future__ import annotations

from datetime import timedelta

from console.commands.session import Session
from console.commands.table import safe, table
from console.presentation.ages import count
from console.presentation.json_words import value_text
from engine.assembly import Engine
from engine.events.merging.queue import Choice, ConflictDetail, Take
from engine.events.replicating.standing import SyncResult

PATIENCE = timedelta(seconds=15)
"""How long the other offices may take to start."""

PAUSE = timedelta(seconds=0.1)


async def tell_of_nodes(engine: Engine, session: Session) -> None:
    """Exchange events with both offices, show what collided, settle one conflict, and prove everybody equal."""
    session.title("6. Three nodes exchange what they lack (syncdeck peers)")
    await _exchange(engine, session)
    session.title("7. Concurrent edits: rules settle what they can, the rest waits for a person (syncdeck conflicts)")
    queue = await engine.conflicts.queue()
    rows = [
        [conflict.id, safe(conflict.aggregate_id), ", ".join(map(".".join, conflict.fields)) or "the whole card"]
        for conflict in queue
    ]
    for line in table(["CONFLICT", "ABOUT", "FIELDS"], rows):
        session.say(f"  {line}")
    if queue:
        await _settle(queue[0].id, engine, session)
        await _exchange(engine, session)
    for peer in await engine.replication.peers():
        comparison = await engine.replication.compare(peer.name)
        verdict = "equal: vectors, chains and states" if comparison.equal else f"not equal yet ({comparison.order})"
        session.say(f"  berlin and {peer.name}: {verdict}")


async def _settle(conflict: str, engine: Engine, session: Session) -> None:
    """Show a conflict, and let the older side stand in every field that waits."""
    detail = await engine.conflicts.show(conflict)
    _show(session, detail)
    choices = {path: Choice(take=Take.CANDIDATE, candidate=0) for path in detail.summary.fields}
    resolved = await engine.conflicts.resolve(conflict, choices, comment="the older side stands")
    session.say(f"  settled by {resolved.event.metadata['actor']}: {safe(value_text(resolved.preview.patch, 100))}")


def _show(session: Session, detail: ConflictDetail) -> None:
    session.say(f"\n  {detail.summary.aggregate_id}")
    for verdict in detail.view.verdicts:
        contest = verdict.contest
        field = ".".join(contest.path) or "the whole card"
        session.say(f"    {field}: was {safe(value_text(contest.base, 40))}")
        for candidate in contest.candidates:
            who = candidate.event.metadata.get("actor", candidate.event.origin)
            session.say(f"      {safe(str(who)):<12} {safe(value_text(candidate.value, 40))}")
        rule = verdict.rule.name or verdict.rule.use
        session.say(f"      rule: {safe(rule)}")


async def _exchange(engine: Engine, session: Session) -> None:
    for peer in await engine.replication.peers():
        result = await _sync(engine, peer.name)
        said = result.error or f"{count(result.pulled, 'event')} from there, {result.pushed:,} from here"
        session.say(f"  {peer.name}: {safe(said)}")
        session.emit(result)


async def _sync(engine: Engine, peer: str) -> SyncResult:
    """Sync once the peer answers: it may just be starting."""
    until = engine.clock.now() + PATIENCE
    while True:
        result = await engine.replication.sync(peer)
        if result.error_kind != "unavailable" or engine.clock.now() > until:
            return result
        await engine.clock.sleep(PAUSE)
