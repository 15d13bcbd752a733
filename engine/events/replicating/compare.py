"""Are two nodes equal? Vectors first, then chains, then what both make of the events; changes nothing anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from engine.events.event import Dot, Origin
from engine.events.own import REDACTED, is_own
from engine.events.replicating.messages import (
    ChainQuestion,
    Digest,
    DigestQuestion,
    GapQuestion,
    Greeting,
    Head,
    Hello,
    Item,
    Limits,
    Pull,
    Selection,
    Skip,
)
from engine.events.replicating.ports import Remote, Replica
from engine.events.replicating.recovery import Bisection, dots_to_look_at
from engine.events.replicating.rounds import vector_of
from engine.events.replicating.standing import Comparison, Differing
from engine.events.vector import Order, Vector, lacking
from engine.events.vector import compare as compare_vectors

LOOKS = 3
"""Times to look again when somebody wrote in between: equal vectors are what makes states comparable."""

MOST_DIFFERING = 1_000
MOST_RECORDS = 1_000


async def compare(peer: str, remote: Remote, replica: Replica, now: datetime, wanted: Selection) -> Comparison:
    """Compare with a peer, drilling down to the aggregates that differ (at most `MOST_DIFFERING`).

    Where a filter leaves events out, only the aggregates that it wants whole are compared. Raises what `Remote` does.
    """
    compared = await _look(peer, remote, replica, now, wanted)
    for _ in range(LOOKS - 1):
        if compared.order == Order.EQUAL.value and (compared.states_equal is not None or compared.forks):
            break
        compared = await _look(peer, remote, replica, now, wanted)
    return compared


async def _look(peer: str, remote: Remote, replica: Replica, now: datetime, wanted: Selection) -> Comparison:
    heads = await replica.heads()
    greeting = await remote.greet(Hello(identity=await replica.identity(), heads=dict(heads)))
    mine, theirs = vector_of(heads), vector_of(greeting.heads)
    forks = await _forks(remote, replica, heads, greeting)
    order, here, there = compare_vectors(mine, theirs), lacking(mine, theirs), lacking(theirs, mine)
    compared = Comparison(peer=peer, at=now, order=order.value, lacking_here=there, lacking_there=here, forks=forks)
    if forks:
        return compared
    if order is not Order.EQUAL:
        if not await _records_alone(remote, replica, mine, theirs):
            return compared
        compared = replace(
            compared, order=Order.EQUAL.value, lacking_here=0, lacking_there=0, records_here=here, records_there=there
        )
    left_out = bool(greeting.gaps or (await replica.gaps(GapQuestion(limit=0))).digest)
    if left_out and wanted.types:
        note = (
            "The states were not compared: a filter by type leaves out a part of the aggregates' events. Their "
            "histories are equal, left out events included."
        )
        return replace(compared, note=note)
    patterns = wanted.aggregates if left_out else ()
    found = await _differing(remote, replica, (mine, theirs), patterns)
    if found is None:
        return compared
    note = f"Looked at: {', '.join(patterns)}. The filter leaves out events of all others." if patterns else ""
    return replace(compared, states_equal=not found, differing=found, note=note)


async def _records_alone(remote: Remote, replica: Replica, mine: Vector, theirs: Vector) -> bool:
    """Tell whether all that one side lacks are records of what nodes did: a sync leaves one behind on each side."""
    if lacking(mine, theirs) + lacking(theirs, mine) > MOST_RECORDS:
        return False
    limits = Limits(items=MOST_RECORDS)
    here = await replica.lacking(theirs, limits, Selection())
    there = await remote.pull(Pull(vector=dict(mine), limits=limits))
    return not (here.more or there.more) and all(_is_record(item) for item in (*here.items, *there.items))


def _is_record(part: Item | Skip) -> bool:
    """Tell whether an event changes nobody's state: a redaction, although Syncdeck's own, does."""
    return isinstance(part, Item) and is_own(part.aggregate) and part.type != REDACTED


async def _forks(
    remote: Remote, replica: Replica, heads: Mapping[Origin, Head], greeting: Greeting
) -> dict[Origin, int]:
    """Return the origins whose histories part, with the first seq that differs as far as both know the chains."""
    dots = dots_to_look_at(greeting, heads)
    chains = await replica.chains(dots) if dots else ()
    forks = dict(greeting.forks)
    for dot, chain in zip(dots, chains, strict=True):
        if chain and chain != greeting.heads[dot.origin].chain:
            forks[dot.origin] = dot.seq
    for origin, seq in list(forks.items()):
        bisection = Bisection(Dot(origin, seq))
        while not bisection.done:
            probes = bisection.probes()
            there = await remote.chains(ChainQuestion(dots=probes))
            bisection.learn(await replica.chains(probes), there.chains)
        forks[origin] = bisection.differs
    return forks


async def _differing(
    remote: Remote, replica: Replica, vectors: tuple[Vector, Vector], patterns: tuple[str, ...]
) -> tuple[Differing, ...] | None:
    """Return the aggregates whose states differ; None when one side went on meanwhile, so that nothing is proven."""
    question = DigestQuestion()
    here, there = await replica.digest(question), await remote.digest(question)
    if (here.vector, there.vector) != vectors:
        return None
    buckets = [bucket for bucket, (one, other) in enumerate(zip(here.sums, there.sums, strict=True)) if one != other]
    found: list[Differing] = []
    for bucket in buckets:
        question = DigestQuestion(buckets=(bucket,))
        here, there = await replica.digest(question), await remote.digest(question)
        if (here.vector, there.vector) != vectors:
            return None
        found += _in_bucket(here, there, patterns)
        if len(found) >= MOST_DIFFERING:
            break
    return tuple(sorted(found, key=lambda each: each.aggregate_id)[:MOST_DIFFERING])


def _in_bucket(here: Digest, there: Digest, patterns: tuple[str, ...]) -> list[Differing]:
    return [
        Differing(aggregate_id=name, here=here.aggregates.get(name, ""), there=there.aggregates.get(name, ""))
        for name in here.aggregates.keys() | there.aggregates.keys()
        if here.aggregates.get(name) != there.aggregates.get(name)
        and (not patterns or any(_fits(pattern, name) for pattern in patterns))
    ]


def _fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
