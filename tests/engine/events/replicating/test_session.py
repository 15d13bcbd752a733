"""Sessions between nodes in memory: what goes where, in which order, and that every session ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.errors import RemoteRefused, RemoteUnavailable, ReplicationRefused
from engine.events.event import Origin
from engine.events.replicating.messages import Batch, Receipt, Refusal, Selection
from engine.events.replicating.patience import Patience
from engine.events.replicating.rounds import PAGE_OF_GAPS
from engine.events.replicating.session import TABLE, Session, State, Terms
from engine.events.replicating.steps import Look
from engine.settings.replication import Direction
from tests.doubles.remote import Faults
from tests.engine.events.replicating.nodes import Node


async def test_both_have_everything_after_one_session() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(5)
    await there.write_many(7, "order:{}")

    result = await here.sync(there)

    assert (result.pulled, result.pushed, result.error, result.refusals) == (7, 5, "", ())
    assert here.vector() == there.vector() == {here.own: 5, there.own: 7}


async def test_push_selects_by_what_the_peer_lacks_not_by_a_number() -> None:
    """Three events there and two here: a single "latest" number would push nothing."""
    here, there = Node("here"), Node("there")
    await there.write_many(3)
    await here.write_many(2)

    result = await here.sync(there, Direction.PUSH)

    assert result.pushed == 2
    assert there.vector()[here.own] == 2


async def test_pull_asks_for_what_is_lacking_not_from_its_own_count() -> None:
    """Two events here: pulling "from 2 on" would never fetch the peer's first two."""
    here, there = Node("here"), Node("there")
    await here.write_many(2)
    await there.write_many(3)

    result = await here.sync(there, Direction.PULL)

    assert result.pulled == 3
    assert here.vector() == {here.own: 2, there.own: 3}


async def test_who_was_told_that_there_is_more_has_it_before_anybody_is_greeted() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(2)
    await there.write_many(3)

    result = await here.sync(there, known=here.vector())

    assert there.remote.calls[:2] == ["pull", "greet"]
    assert (result.pulled, result.pushed, result.error, result.refusals) == (3, 2, "", ())
    assert here.vector() == there.vector()


async def test_haste_sends_nothing_and_takes_nothing_of_its_own_before_a_restored_backup_is_noticed() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(2)
    backup = here.memory.copy()
    await here.write_many(2, "order:{}")
    await here.sync(there)
    restored = here.restored(backup)
    lost = restored.own
    await restored.write("user:9")

    result = await restored.sync(there, known=restored.vector())

    assert (result.error, bool(result.recovered), restored.own != lost) == ("", True, True)
    assert restored.vector() == there.vector()
    assert there.vector()[lost] == 4, "what was lost came back, and what was written since is under the new origin"


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 4), st.booleans()), max_size=12),
    st.integers(1, 5),
)
@settings(max_examples=40, deadline=None)
async def test_any_order_of_syncs_in_haste_or_not_brings_all_nodes_to_the_same(
    meetings: list[tuple[int, int, int, bool]], items: int
) -> None:
    nodes = [Node("a"), Node("b"), Node("c")]
    for caller, callee, written, haste in meetings:
        before = nodes[caller].vector()  # what it was told is a little old
        await nodes[caller].write_many(written)
        if caller != callee:
            await nodes[caller].sync(nodes[callee], items=items, known=before if haste else None)
    for caller, callee in [(0, 1), (1, 2), (2, 0), (0, 1)]:
        result = await nodes[caller].sync(nodes[callee], items=items)
        assert (result.error, result.refusals) == ("", ())

    assert nodes[0].ids() == nodes[1].ids() == nodes[2].ids()
    assert nodes[0].vector() == nodes[1].vector() == nodes[2].vector()


async def test_a_backlog_goes_over_in_batches_and_none_is_read_whole() -> None:
    here, there = Node("here"), Node("there")
    await there.write_many(50)

    result = await here.sync(there, Direction.PULL, items=10)

    assert (result.pulled, result.batches) == (50, 5)
    assert all(len(answer.items) <= 10 for answer in there.remote.answers if isinstance(answer, Batch))


async def test_the_next_batch_is_fetched_while_one_is_stored() -> None:
    here, there = Node("here"), Node("there")
    await there.write_many(30)
    order: list[str] = []

    async def fetching(name: str, message: object) -> None:
        order.append(name)

    async def storing(step: str) -> None:
        if step == "received":
            order.append("stored")

    there.remote.faults.before = fetching
    here.replica.pause = storing
    result = await here.sync(there, Direction.PULL, items=10)

    assert result.pulled == 30
    assert order == ["greet", "pull", "pull", "stored", "pull", "stored", "stored"]
    assert result.attempts == 4


async def test_push_only_brings_nothing_here_and_pull_only_nothing_there() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(2)
    await there.write_many(2)

    await here.sync(there, Direction.PUSH)
    assert there.own not in here.vector()
    await here.write()
    await here.sync(there, Direction.PULL)

    assert here.vector()[there.own] == 2
    assert there.vector()[here.own] == 2


async def test_nothing_to_do_is_two_calls_and_no_change() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(3)
    await here.sync(there)
    there.remote.calls.clear()

    result = await here.sync(there)

    assert there.remote.calls == ["greet"]
    assert (result.pulled, result.pushed, result.batches) == (0, 0, 0)


@pytest.mark.parametrize("faults", [Faults(lost_requests=2), Faults(lost_answers=2), Faults(twice=True)])
async def test_lost_and_doubled_messages_change_nothing_in_the_end(faults: Faults) -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(25)
    await there.write_many(25)
    there.remote.faults = faults

    result = await here.sync(there, items=10)

    assert result.error == ""
    assert here.vector() == there.vector() == {here.own: 25, there.own: 25}
    assert result.pulled == 25


async def test_a_failed_pull_is_an_error_and_nothing_is_pushed_after_it() -> None:
    here, there = Node("here"), Node("there")
    await here.write()
    await there.write()

    async def no_pull(name: str, message: object) -> None:
        if name == "pull":
            raise RemoteUnavailable("The line is cut.")

    there.remote.faults.before = no_pull
    result = await here.sync(there)

    assert (result.error, result.error_kind) == ("The line is cut.", "unavailable")
    assert here.own not in there.vector()


async def test_calls_are_tried_again_with_growing_pauses_until_the_budget_is_spent() -> None:
    here, there = Node("here"), Node("there")
    there.remote.faults.lost_requests = 100

    result = await here.sync(there, patience=Patience(at_first=4))

    assert there.remote.calls == ["greet"] * 5
    assert (result.attempts, result.error_kind) == (5, "unavailable")
    assert len(here.clock.slept) == 4


async def test_a_refusal_is_not_tried_again() -> None:
    here, there = Node("here"), Node("there")
    there.remote.faults.refuse = RemoteRefused("The token is not known there.")

    result = await here.sync(there)

    assert there.remote.calls == ["greet"]
    assert (result.error_kind, result.error) == ("refused", "The token is not known there.")


async def test_a_batch_that_the_peer_finds_too_large_is_halved_until_it_fits() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(20)
    there.remote.faults.most_items = 3

    result = await here.sync(there)

    assert (result.pushed, result.error) == (20, "")
    assert max(len(sent.items) for sent in there.remote.sent if isinstance(sent, Batch)) == 20


async def test_one_event_too_large_for_the_peer_is_named_and_other_origins_go_on() -> None:
    here, there, third = Node("here"), Node("there"), Node("third")
    await third.write_many(3)
    await here.sync(third)
    await here.write("user:9")

    async def too_large(name: str, message: object) -> None:
        if isinstance(message, Batch) and any(item.origin == here.own for item in message.items):
            raise ReplicationRefused("That is more than is taken.", kind="too_large")

    there.remote.faults.before = too_large
    result = await here.sync(there)

    assert [(refusal.origin, refusal.kind) for refusal in result.refusals] == [(here.own, "too_large")]
    assert there.vector() == {third.own: 3}


async def test_a_peer_that_never_takes_anything_ends_the_session() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(5)

    def take_nothing(answer: object) -> object:
        return Receipt(vector={}) if isinstance(answer, Receipt) else answer

    there.remote.faults.answered = take_nothing
    result = await here.sync(there, items=2)

    assert there.remote.calls.count("push") == 1
    assert result.pushed == 0


async def test_a_peer_that_refuses_another_invented_origin_each_time_ends_the_session() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(6)

    def refuse(answer: object) -> object:
        if not isinstance(answer, Receipt):
            return answer
        invented = Origin(f"invented-{len(there.remote.calls)}")
        return Receipt(vector={}, refusals=(Refusal(origin=invented, seq=1, kind="gap", sentence="No."),))

    there.remote.faults.answered = refuse
    await here.sync(there, Direction.PUSH, items=2)

    assert there.remote.calls.count("push") == 1


async def test_a_peer_that_always_promises_more_ends_the_session() -> None:
    here, there = Node("here"), Node("there")
    await there.write_many(5)
    first = await there.everything()

    def the_same_again(answer: object) -> object:
        return Batch(items=first.items, vector=first.vector, more=True) if isinstance(answer, Batch) else answer

    there.remote.faults.answered = the_same_again
    result = await here.sync(there, Direction.PULL)

    assert result.pulled == 5
    assert there.remote.calls.count("pull") <= 2


async def test_a_writer_that_never_stops_keeps_nobody_for_ever() -> None:
    here, there = Node("here"), Node("there")
    await there.write_many(4)

    async def write_more(name: str, message: object) -> None:
        await there.write_many(4)

    there.remote.faults.before = write_more
    result = await here.sync(there, items=2)

    assert result.error == ""
    assert 4 <= result.pulled < 16


async def test_an_origin_whose_clock_is_ahead_waits_and_all_others_go_on() -> None:
    here, there, fast = Node("here"), Node("there"), Node("fast")
    fast.clock.jump(timedelta(hours=1))
    there.clock.jump(timedelta(hours=1))
    await fast.write("user:1")
    await there.sync(fast)
    there.memory.stamp, there.clock = 0, here.clock  # it was put right, and wrote nothing since it met the fast one
    there.replica.clock = here.clock
    await there.write("user:2")

    early = await here.sync(there)
    here.clock.jump(timedelta(hours=1))
    late = await here.sync(there)

    assert [(refusal.origin, refusal.kind) for refusal in early.refusals] == [(fast.own, "clock_ahead")]
    assert "s ahead of this node's clock" in early.refusals[0].sentence
    assert (early.pulled, late.pulled, late.refusals) == (1, 1, ())


async def test_a_gap_that_the_peer_cannot_fill_keeps_nothing_else_back() -> None:
    here, there, third = Node("here"), Node("there"), Node("third")
    await third.write("order:1", kind="order.placed")
    await here.sync(third, wanted=Selection(types=("user.*",)))
    await there.write_many(9)

    result = await here.sync(there, Direction.PULL, items=2)

    assert "gaps" not in there.remote.calls[:-1]
    assert result.pulled == 9


async def test_an_origin_that_is_refused_does_not_stand_in_the_way_of_those_behind_it() -> None:
    """Its events fill whole batches: they must not be sent again and again while others are never sent."""
    here, there, damaged = Node("here"), Node("there"), Node("damaged")
    await damaged.write_many(10)
    await there.sync(damaged)
    there.clock.jump(timedelta(seconds=1))
    await there.write_many(3, "late:{}")

    def damage(answer: object) -> object:
        if not isinstance(answer, Batch):
            return answer
        items = [replace(each, data='{"n":0}') if each.origin == damaged.own else each for each in answer.items]
        return replace(answer, items=tuple(items))

    there.remote.faults.answered = damage
    result = await here.sync(there, Direction.PULL, items=2)

    assert [(refusal.origin, refusal.seq, refusal.kind) for refusal in result.refusals] == [
        (damaged.own, 1, "chain_broken")
    ]
    assert here.vector() == {there.own: 3}


async def test_a_filter_that_leaves_events_out_wedges_nothing() -> None:
    """The seed's pull failed for ever after a filter had skipped one event."""
    here, there = Node("here"), Node("there")
    only_users = Selection(types=("user.*",))
    for _ in range(3):
        await there.write("user:1", kind="user.changed")
        await there.write("order:1", kind="order.placed")
        result = await here.sync(there, wanted=only_users)
        assert (result.error, result.refusals, result.pulled) == ("", (), 1)

    assert here.vector() == there.vector() == {there.own: 6}
    assert {item.type for item in here.memory.log.values()} == {"user.changed"}


async def test_a_wider_filter_fetches_what_was_left_out() -> None:
    here, there = Node("here"), Node("there")
    await there.write_many(4, kind="user.changed")
    await there.write_many(4, kind="order.placed")
    await there.write_many(4, kind="user.changed")
    narrow = await here.sync(there, wanted=Selection(types=("user.*",)), items=3)

    wide = await here.sync(there, filled=narrow.filled, items=3)
    again = await here.sync(there, filled=wide.filled)

    assert (narrow.pulled, wide.pulled, again.pulled) == (8, 4, 0)
    assert here.ids() == there.ids()
    assert again.filled == wide.filled


async def test_many_gaps_are_filled_page_by_page() -> None:
    here, there = Node("here"), Node("there")
    for number in range(PAGE_OF_GAPS + 30):
        await there.write(f"user:{number}", kind="user.changed")
        await there.write(f"order:{number}", kind="order.placed")
    narrow = await here.sync(there, wanted=Selection(types=("user.*",)))

    wide = await here.sync(there, filled=narrow.filled, items=400)

    assert wide.pulled == PAGE_OF_GAPS + 30
    assert here.memory.gaps() == []


async def test_gaps_are_not_asked_for_again_while_nothing_changed() -> None:
    here, there = Node("here"), Node("there")
    await there.write("order:1", kind="order.placed")
    users = Selection(types=("user.*",))
    first = await here.sync(there, wanted=users)
    there.remote.calls.clear()

    await here.sync(there, wanted=users, filled=first.filled)

    assert there.remote.calls == ["greet"]


async def test_what_one_peer_left_out_a_second_peer_brings() -> None:
    here, strict, open_handed = Node("here"), Node("strict"), Node("open")
    await strict.write("user:1", kind="user.changed")
    await strict.write("order:1", kind="order.placed")
    await open_handed.sync(strict)
    await here.sync(strict, wanted=Selection(types=("user.*",)))

    result = await here.sync(open_handed)

    assert result.pulled == 1
    assert here.ids() == strict.ids()


async def test_a_wider_filter_pushes_what_was_left_out() -> None:
    here, there = Node("here"), Node("there")
    await here.write_many(3, kind="user.changed")
    await here.write_many(3, kind="order.placed")
    narrow = await here.sync(there, Direction.PUSH, wanted=Selection(types=("user.*",)))

    wide = await here.sync(there, Direction.PUSH, filled=narrow.filled)

    assert (narrow.pushed, wide.pushed) == (3, 3)
    assert here.ids() == there.ids()


def test_the_table_says_what_may_come_in_every_state_but_the_last() -> None:
    assert {state for state, _ in TABLE} == set(State) - {State.OVER}


def test_an_answer_that_may_not_come_now_ends_the_session_in_words() -> None:
    session = Session(Terms(peer="hamburg"))
    assert session.begin() == Look()

    with pytest.raises(ReplicationRefused, match="A Receipt came while the session was meeting"):
        session.answer(Receipt(vector={}))
