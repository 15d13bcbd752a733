"""Laws of a queue in one value: order, hand-over, and who is passed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.coordination.nats.queue import NOBODY, REMEMBERED, Now, Place, Queue, Standing, read_queue
from engine.coordination.standing import Claim, Ending, SessionId, Token, Who

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
SESSIONS = [SessionId(name) for name in "abc"]


def now(*dead: SessionId, at: datetime = MOMENT) -> Now:
    return Now(at, lambda session: session not in dead, lambda session: Who(node=session, actor="", pid=1))


def place(session: SessionId, nonce: str = "1") -> Place:
    return Place(session=session, nonce=nonce)


def line(*sessions: SessionId) -> Queue:
    """A queue of these, the first of whom holds since message 1."""
    queue = Queue()
    for session in sessions:
        queue = queue.asked(place(session), now(), wait=True)
    return queue.written(1)


def order(queue: Queue) -> list[SessionId]:
    holding = [queue.holder.session] if queue.holder is not None else []
    return [*holding, *(waiter.session for waiter in queue.waiters)]


def test_the_first_who_asks_holds_and_others_wait_in_their_order() -> None:
    assert order(line(*SESSIONS)) == SESSIONS


def test_asking_again_changes_nothing() -> None:
    queue = line(*SESSIONS)
    for session in SESSIONS:
        assert queue.asked(place(session), now(), wait=True) is queue


def test_whoever_does_not_wait_stands_nowhere() -> None:
    queue = line(SESSIONS[0])
    assert queue.asked(place(SESSIONS[1]), now(), wait=False) is queue


def test_the_next_who_lives_is_served_in_the_same_step() -> None:
    queue = line(*SESSIONS).left(Claim(SESSIONS[0], "n", "1"), now(SESSIONS[1], at=MOMENT + timedelta(1)))
    assert order(queue) == [SESSIONS[2]]
    assert queue.holder is not None
    assert (queue.holder.token, queue.holder.granted) == (0, MOMENT + timedelta(1))
    assert queue.written(9).holder == msgspec.structs.replace(queue.holder, token=Token(9))
    assert [(hold.token, hold.ending, hold.who.node) for hold in queue.past] == [(1, Ending.RELEASED, "a")]


def test_leaving_what_one_never_had_changes_nothing() -> None:
    queue = line(*SESSIONS)
    assert queue.left(Claim(SESSIONS[0], "n", "another nonce"), now()) is queue


def test_an_old_token_takes_nothing_away() -> None:
    queue = line(*SESSIONS)
    assert queue.revoked(Token(2), now()) is queue
    assert queue.revoked(Token(1), now()).past[0].ending is Ending.REVOKED


def test_a_value_is_proclaimed_by_the_holder_alone_and_keeps_the_token() -> None:
    queue = line(*SESSIONS)
    assert queue.proclaimed(Claim(SESSIONS[1], "n", "1"), b"x") is queue
    proclaimed = queue.proclaimed(Claim(SESSIONS[0], "n", "1"), b"x").written(7)
    assert proclaimed.holder is not None
    assert (proclaimed.holder.value, proclaimed.holder.token) == (b"x", 1)


def test_a_queue_of_the_living_is_left_as_it_is() -> None:
    queue = line(*SESSIONS)
    assert queue.pruned(now()) is queue
    assert Queue().pruned(now()) == Queue()


def test_waiters_without_a_holder_are_served() -> None:
    orphaned = Queue(waiters=(place(SESSIONS[0]), place(SESSIONS[1])))
    assert order(orphaned.pruned(now(SESSIONS[0]))) == [SESSIONS[1]]


def test_a_grant_that_was_written_nowhere_is_no_past_hold() -> None:
    unwritten = line(*SESSIONS).pruned(now(SESSIONS[0]))
    again = unwritten.left(Claim(SESSIONS[1], "n", "1"), now(SESSIONS[0]))
    assert order(again) == [SESSIONS[2]]
    assert [hold.token for hold in again.past] == [1]


def test_only_the_last_holds_are_remembered() -> None:
    queue = Queue()
    for number in range(1, REMEMBERED + 4):
        queue = queue.asked(place(SESSIONS[0]), now(), wait=True).written(number)
        queue = queue.left(Claim(SESSIONS[0], "n", "1"), now())
    assert queue.free
    assert [hold.token for hold in queue.past] == list(range(REMEMBERED + 3, 3, -1))


def test_what_nobody_of_ours_wrote_is_an_empty_queue() -> None:
    for data in (b"", b"\xff", b"[]", b'{"holder": 7}'):
        assert read_queue(5, data) == Standing(5, Queue())
    assert NOBODY.number == 0


def test_fields_that_a_newer_node_writes_are_passed_over() -> None:
    data = b'{"holder": {"session": "a", "nonce": "1", "mood": "good"}, "music": true}'
    assert order(read_queue(5, data).queue) == [SESSIONS[0]]


steps = st.lists(
    st.tuples(st.sampled_from(["ask", "leave", "revoke"]), st.sampled_from(SESSIONS), st.sampled_from("12")),
    max_size=30,
)


@given(steps, st.sets(st.sampled_from(SESSIONS), max_size=2))
@settings(max_examples=200)
def test_a_queue_does_what_a_list_does_and_tokens_rise(
    acts: list[tuple[str, SessionId, str]], dead: set[SessionId]
) -> None:
    moment = now(*dead)
    queue, model, last = Queue(), list[tuple[SessionId, str]](), 0
    for number, (act, session, nonce) in enumerate(acts, start=1):
        claim, holder = Claim(session, "n", nonce), queue.holder
        if act == "ask" and session not in dead:
            queue = queue.asked(place(session, nonce), moment, wait=True)
            if (session, nonce) not in model:
                model.append((session, nonce))
        elif act == "leave":
            queue = queue.left(claim, moment)
            model = [each for each in model if each != (session, nonce)]
        elif holder is not None:
            queue = queue.revoked(holder.token, moment)
            del model[0]
        queue = read_queue(number, msgspec.json.encode(queue)).queue
        assert [(each, "") for each in order(queue)] == [(each, "") for each, _ in model]
        if queue.holder is not None:
            assert queue.holder.token >= last
            last = queue.holder.token
