"""What is taken of what a peer sends, sentence by sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.errors import ReplicationRefused
from engine.events.chain import BEFORE_FIRST, hashed
from engine.events.event import Origin
from engine.events.limits import DEEPEST_NESTING, LARGEST_STAMP, MOST_PAYLOAD_BYTES
from engine.events.replicating import wire
from engine.events.replicating.admission import Admission, AdmissionLimits, admit
from engine.events.replicating.messages import Batch, Item, Skip
from engine.events.vector import LARGEST_SEQ, MOST_ORIGINS
from tests.doubles.replica_memory import Memory
from tests.engine.events.replicating.nodes import relinked

BERLIN, ROME = Origin("berlin~00000001"), Origin("rome~00000001")
OWN = Origin("desk~00000001")
NOW_MS = 1_772_442_000_000


def item(seq: int, origin: Origin = BERLIN, **changes: Any) -> Item:
    """Return an event, without a chain."""
    whole = Item(
        origin=origin,
        seq=seq,
        id=f"{origin}-{seq}",
        type="user.changed",
        aggregate=f"user:{seq}",
        data='{"name":"Zoë"}',
        metadata='{"actor":"anna"}',
        context="{}",
        hlc=(NOW_MS - 1_000 + seq) << 16,
        chain=b"",
    )
    return replace(whole, **changes)


def run(count: int, origin: Origin = BERLIN) -> list[Item]:
    """Return an origin's first events."""
    return relinked([item(seq, origin) for seq in range(1, count + 1)], BEFORE_FIRST)


def memory(*known: Item | Skip) -> Memory:
    """Return what a node knows that took these."""
    store = Memory(node="desk", own=OWN)
    take(store, Batch(items=known))
    return store


def ask(store: Memory, *items: Item | Skip, now_ms: int = NOW_MS) -> Admission:
    return admit(Batch(items=items), store, now_ms, AdmissionLimits())


def take(store: Memory, batch: Batch) -> Admission:
    """Admit, and keep the outcome as a store does."""
    admission = admit(batch, store, NOW_MS, AdmissionLimits())
    for span in admission.closed:
        store.reopen(span.origin, span.first, span.last)
    for part in admission.taken:
        store.put(part)
    store.standings.update(admission.heads)
    return admission


def kinds(admission: Admission) -> list[tuple[Origin, int, str]]:
    return [(refusal.origin, refusal.seq, refusal.kind) for refusal in admission.refusals]


def test_what_continues_a_history_is_taken_in_its_order() -> None:
    one, two, three = run(3)

    admission = ask(memory(one), two, three)

    assert admission.taken == (two, three)
    assert (admission.events, admission.refusals) == (2, ())
    assert admission.heads[BERLIN].seq == 3


def test_what_is_here_already_is_passed_over() -> None:
    one, two = run(2)

    admission = ask(memory(one, two), one, two)

    assert (admission.taken, admission.heads, admission.refusals) == ((), {}, ())


def test_a_gap_stops_its_origin_and_no_other() -> None:
    one, _, three = run(3)
    (rome,) = run(1, ROME)

    admission = ask(memory(one), three, rome)

    assert kinds(admission) == [(BERLIN, 3, "gap")]
    assert admission.taken == (rome,)


def test_an_event_whose_cause_is_left_out_is_left_out_too() -> None:
    (rome,) = relinked([item(1, ROME, context='{"berlin~00000001":2}')], BEFORE_FIRST)
    one, two = run(2)

    assert kinds(ask(memory(one), rome)) == [(ROME, 1, "cause_missing")]
    assert kinds(ask(memory(one), two, rome)) == []


def test_a_cause_that_comes_later_in_the_batch_is_no_cause_yet() -> None:
    (rome,) = relinked([item(1, ROME, context='{"berlin~00000001":1}')], BEFORE_FIRST)
    (berlin,) = run(1)

    admission = ask(memory(), rome, berlin)

    assert kinds(admission) == [(ROME, 1, "cause_missing")]
    assert admission.taken == (berlin,)


def test_another_event_at_a_known_dot_is_a_fork() -> None:
    one, two = run(2)
    other = relinked([replace(one, data='{"name":"Ann"}'), item(2)], BEFORE_FIRST)

    admission = ask(memory(one), *other)

    assert kinds(admission) == [(BERLIN, 1, "fork")]
    assert admission.taken == ()
    assert ask(memory(one), two).events == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"data": '{"name":"Zoe"}'},
        {"metadata": '{"actor":"bob"}'},
        {"id": "another"},
        {"type": "user.removed"},
        {"aggregate": "user:3"},
        {"hlc": (NOW_MS + 5) << 16},
        {"chain": bytes(32)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_is_changed_in_an_event_breaks_the_chain(changes: dict[str, Any]) -> None:
    one, two = run(2)

    admission = ask(memory(one), replace(two, **changes))

    assert kinds(admission) == [(BERLIN, 2, "chain_broken")]


def test_a_clock_too_far_ahead_makes_the_origin_wait() -> None:
    ahead = relinked([item(1, hlc=(NOW_MS + 60_001) << 16)], BEFORE_FIRST)
    just_so = relinked([item(1, hlc=((NOW_MS + 60_000) << 16) + 65_535)], BEFORE_FIRST)

    early = ask(memory(), *ahead)

    assert kinds(early) == [(BERLIN, 1, "clock_ahead")]
    assert "60 s ahead of this node's clock" in early.refusals[0].sentence
    assert ask(memory(), *just_so).events == 1
    assert ask(memory(), *ahead, now_ms=NOW_MS + 1).events == 1


def test_times_of_an_origin_ascend() -> None:
    one = item(1)
    both = relinked([one, item(2, hlc=one.hlc)], BEFORE_FIRST)

    assert kinds(ask(memory(), *both)) == [(BERLIN, 2, "malformed")]


def test_new_events_of_this_nodes_own_origin_are_never_taken() -> None:
    (forged,) = run(1, OWN)
    (rome,) = run(1, ROME)

    admission = ask(memory(), forged, rome)

    assert kinds(admission) == [(OWN, 1, "fork")]
    assert admission.taken == (rome,)


def test_a_redacted_event_is_verified_by_its_hashes() -> None:
    one, two = run(2)
    hashes = hashed(two.data.encode()) + hashed(two.metadata.encode())
    gone = replace(two, data="", metadata="", hashes=hashes)

    assert ask(memory(one), gone).taken == (gone,)
    assert kinds(ask(memory(one), replace(gone, hashes=bytes(64)))) == [(BERLIN, 2, "chain_broken")]


HONEST = item(2)
MALFORMED: dict[str, Callable[[], Item | Skip]] = {
    "a seq of 0": lambda: replace(HONEST, seq=0),
    "a negative seq": lambda: replace(HONEST, seq=-1),
    "a seq beyond 63 bits": lambda: replace(HONEST, seq=LARGEST_SEQ + 1),
    "no origin": lambda: replace(HONEST, origin=Origin("")),
    "a long origin": lambda: replace(HONEST, origin=Origin("x" * 129)),
    "no id": lambda: replace(HONEST, id=""),
    "a long id": lambda: replace(HONEST, id="x" * 129),
    "no type": lambda: replace(HONEST, type=""),
    "no aggregate": lambda: replace(HONEST, aggregate=""),
    "a long aggregate": lambda: replace(HONEST, aggregate="x" * 1_025),
    "a negative time": lambda: replace(HONEST, hlc=-1),
    "a time beyond 63 bits": lambda: replace(HONEST, hlc=LARGEST_STAMP + 1),
    "a short chain": lambda: replace(HONEST, chain=bytes(31)),
    "data that is no JSON": lambda: replace(HONEST, data="{"),
    "data with half a character": lambda: replace(HONEST, data='"\\ud800"'),
    "no data": lambda: replace(HONEST, data=""),
    "metadata that is no object": lambda: replace(HONEST, metadata="[]"),
    "deeply nested data": lambda: replace(HONEST, data="[" * (DEEPEST_NESTING + 1) + "]" * (DEEPEST_NESTING + 1)),
    "a stack overflow": lambda: replace(HONEST, data="[" * 100_000),
    "half a redaction": lambda: replace(HONEST, hashes=bytes(64)),
    "short hashes": lambda: replace(HONEST, data="", metadata="", hashes=bytes(63)),
    "a context of words": lambda: replace(HONEST, context='{"a":"b"}'),
    "a context that is no object": lambda: replace(HONEST, context="[]"),
    "an empty context in another spelling": lambda: replace(HONEST, context="{ }"),
    "a context with a zero": lambda: replace(HONEST, context='{"rome~00000001":0}'),
    "a context with a name twice": lambda: replace(HONEST, context='{"a":1,"a":2}'),
    "a context that knows the event itself": lambda: replace(HONEST, context='{"berlin~00000001":2}'),
    "a context from the future": lambda: replace(HONEST, context='{"berlin~00000001":9}'),
    "a mark that ends before it begins": lambda: Skip(BERLIN, 3, 2, bytes(32)),
    "a mark from 0": lambda: Skip(BERLIN, 0, 2, bytes(32)),
    "a mark without a chain": lambda: Skip(BERLIN, 1, 2, b""),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_what_no_honest_peer_sends_refuses_the_whole_batch(fault: str) -> None:
    one = run(1)[0]
    wrong = MALFORMED[fault]()
    if isinstance(wrong, Item) and len(wrong.chain) == 0:
        wrong = replace(wrong, chain=bytes(32))

    with pytest.raises(ReplicationRefused, match="Nothing was stored") as refused:
        ask(memory(), one, wrong)

    assert refused.value.kind == "malformed"


@pytest.mark.parametrize(
    "batch",
    [
        Batch(items=tuple(run(3))),
        Batch(items=tuple(relinked([item(1, data='"' + "x" * 3_000 + '"')], BEFORE_FIRST))),
        Batch(vector={Origin(f"o{number}"): 1 for number in range(MOST_ORIGINS + 1)}),
    ],
    ids=["items", "bytes", "origins"],
)
def test_what_is_too_large_is_refused_whole(batch: Batch) -> None:
    with pytest.raises(ReplicationRefused) as refused:
        admit(batch, memory(), NOW_MS, AdmissionLimits(items=2, bytes=2_000))

    assert refused.value.kind == "too_large"


def test_an_event_beyond_the_limit_of_every_node_is_refused() -> None:
    (large,) = relinked([item(1, data='"' + "x" * MOST_PAYLOAD_BYTES + '"')], BEFORE_FIRST)

    with pytest.raises(ReplicationRefused, match="bytes of data and metadata"):
        ask(memory(), large)


def test_left_out_events_make_the_history_go_on_after_them() -> None:
    one, two, three, four = run(4)

    admission = ask(memory(one), Skip(BERLIN, 2, 3, three.chain), four)

    assert admission.taken == (Skip(BERLIN, 2, 3, three.chain), four)
    assert admission.events == 1
    assert two not in admission.taken


def test_a_mark_that_overlaps_what_is_known_is_cut() -> None:
    one, two, three = run(3)

    admission = ask(memory(one, two), Skip(BERLIN, 1, 3, three.chain))

    assert admission.taken == (Skip(BERLIN, 3, 3, three.chain),)


def test_a_gap_is_filled_link_by_link() -> None:
    one, two, three, four, five = run(5)
    store = memory(one, Skip(BERLIN, 2, 4, four.chain), five)

    admission = take(store, Batch(items=(two, three, four)))

    assert (admission.events, admission.heads, admission.refusals) == (3, {}, ())
    assert store.runs[BERLIN] == [one, two, three, four, five]


def test_a_gap_is_filled_in_parts_and_its_rest_stays() -> None:
    one, two, three, four, five = run(5)
    store = memory(one, Skip(BERLIN, 2, 4, four.chain), five)

    take(store, Batch(items=(two,)))
    assert store.runs[BERLIN] == [one, two, Skip(BERLIN, 3, 4, four.chain), five]
    take(store, Batch(items=(Skip(BERLIN, 3, 3, three.chain), four)))

    assert store.runs[BERLIN] == [one, two, Skip(BERLIN, 3, 3, three.chain), four, five]


def test_what_leads_to_another_end_of_a_gap_is_a_fork_and_leaves_it_as_it_was() -> None:
    one, two, three, four = run(4)
    store = memory(one, Skip(BERLIN, 2, 3, three.chain), four)
    forged = relinked([replace(two, data='{"name":"Eve"}'), replace(three, data='{"name":"Eve"}')], one.chain)

    admission = take(store, Batch(items=tuple(forged)))

    assert kinds(admission) == [(BERLIN, 3, "fork")]
    assert store.runs[BERLIN] == [one, Skip(BERLIN, 2, 3, three.chain), four]


def test_what_does_not_continue_a_gap_leaves_it_as_it_was() -> None:
    one, two, three, four = run(4)
    store = memory(one, Skip(BERLIN, 2, 3, three.chain), four)

    admission = take(store, Batch(items=(two, replace(three, data='{"name":"Eve"}'))))

    assert kinds(admission) == [(BERLIN, 3, "chain_broken")]
    assert store.runs[BERLIN] == [one, Skip(BERLIN, 2, 3, three.chain), four]


def test_marks_alone_open_no_gap() -> None:
    one, _, three, four = run(4)
    store = memory(one, Skip(BERLIN, 2, 3, three.chain), four)

    admission = take(store, Batch(items=(Skip(BERLIN, 2, 3, three.chain),)))

    assert (admission.taken, admission.closed) == ((), ())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_pieces_in_any_order_again_and_again_end_in_the_one_history(data: st.DataObject) -> None:
    whole = run(8) + run(5, ROME)
    store = memory()
    for _ in range(data.draw(st.integers(0, 6))):
        pieces = data.draw(st.lists(st.sampled_from(whole), max_size=8))
        before = dict(store.log)
        take(store, Batch(items=tuple(pieces)))
        assert before.items() <= store.log.items()
        for origin, run_of in store.runs.items():
            assert [each.seq for each in run_of if isinstance(each, Item)] == list(range(1, len(run_of) + 1))
            assert store.standings[origin].seq == len(run_of)
    take(store, Batch(items=tuple(whole)))

    assert [*store.runs[BERLIN], *store.runs[ROME]] == whole


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_batch_damaged_on_its_way_is_refused_or_changes_no_history(data: st.DataObject) -> None:
    honest = run(6)
    frame = bytearray(wire.encode(Batch(items=tuple(honest[2:]))))
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    store = memory(*honest[:2])
    try:
        take(store, wire.decode(bytes(frame), Batch))
    except ReplicationRefused:
        assert store.runs[BERLIN] == honest[:2]

    assert store.runs[BERLIN] == honest[: len(store.runs[BERLIN])]
