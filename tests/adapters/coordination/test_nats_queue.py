"""Laws of a queue that is put together from what each session wrote down of itself: order, hand-over, and the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.coordination.nats.queue import (
    EMPTY,
    NOTHING,
    REMEMBERED,
    UNKNOWN,
    Part,
    Place,
    Queue,
    Standing,
    latest_of,
    read_part,
)
from engine.coordination.standing import Ending, PastHolder, SessionId, Token, Who

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
SESSIONS = [SessionId(name) for name in "abc"]
SOMEBODY = Who(node="n", actor="", pid=1)


def everybody(session: SessionId) -> bool:
    return True


def line(*sessions: SessionId) -> Queue:
    """A queue of these, who asked with the messages from 1 on."""
    queue = EMPTY
    for number, session in enumerate(sessions, start=1):
        part = queue.standing(session).part.asked(Place(nonce=str(number), asked=MOMENT))
        queue = queue.with_part(session, Standing(number, part.written(number)), everybody)
    return queue


def order(queue: Queue) -> list[SessionId]:
    return [seat.session for seat in queue.seats]


def hold(token: int) -> PastHolder:
    return PastHolder(who=SOMEBODY, token=Token(token), since=MOMENT, until=MOMENT, ending=Ending.RELEASED)


def test_places_are_in_the_order_in_which_they_were_asked_for_whoever_they_belong_to() -> None:
    a, b, c = SESSIONS
    assert order(line(b, a, b, c, a)) == [b, a, b, c, a]


def test_a_place_keeps_its_number_while_others_come_and_go() -> None:
    part = Part().asked(Place(nonce="1")).written(5).asked(Place(nonce="2")).written(8)
    assert [(place.nonce, place.token) for place in part.places] == [("1", 5), ("2", 8)]
    assert [place.token for place in part.left("1").written(9).places] == [8]
    assert [place.token for place in part.proclaimed("2", b"x").written(9).places] == [5, 8]


def test_asking_again_changes_nothing() -> None:
    part = Part().asked(Place(nonce="1")).written(5)
    assert part.asked(Place(nonce="1", value=b"other")) is part


def test_leaving_what_one_never_had_changes_nothing() -> None:
    part = Part().asked(Place(nonce="1")).written(5)
    assert part.left("2") is part
    assert part.revoked(Token(4)) is part
    assert part.proclaimed("2", b"x") is part
    assert part.lasting("2", MOMENT, ()) is part


def test_a_token_takes_its_own_place_away_alone() -> None:
    part = Part().asked(Place(nonce="1")).written(5).asked(Place(nonce="2")).written(8)
    assert [place.nonce for place in part.revoked(Token(5)).places] == ["2"]


def test_a_hold_begins_when_the_one_before_was_done() -> None:
    a, b, _ = SESSIONS
    queue = line(a, b)
    first, second = queue.seats
    past = queue.after(first, SOMEBODY, Ending.RELEASED, MOMENT + timedelta(hours=1))
    assert [(each.token, each.since, each.until) for each in past] == [(1, MOMENT, MOMENT + timedelta(hours=1))]
    queue = queue.with_part(a, Standing(3, queue.standing(a).part.left("1", past)), everybody)
    assert queue.seats == [second]
    assert queue.since(second) == MOMENT + timedelta(hours=1)


def test_what_a_lasting_hold_wrote_down_is_true_when_nobody_else_remembers() -> None:
    (a, *_), later = SESSIONS, MOMENT + timedelta(hours=1)
    part = Part().asked(Place(nonce="1", asked=MOMENT)).written(5).lasting("1", later, (hold(3),))
    queue = EMPTY.with_part(a, Standing(6, part), everybody)
    assert queue.since(queue.seats[0]) == later
    assert [each.token for each in queue.past] == [3]
    assert part.places[0].token == 5


def test_a_hold_ends_no_earlier_than_it_began_whatever_the_clocks_say() -> None:
    queue = line(*SESSIONS)
    (over,) = queue.after(queue.seats[0], SOMEBODY, Ending.LAPSED, MOMENT - timedelta(hours=1))
    assert over.since == over.until == MOMENT


def test_parts_without_places_are_kept_of_those_who_live() -> None:
    a, b, c = SESSIONS
    queue = line(a, b)
    for session in (a, b):
        queue = queue.with_part(session, Standing(9, Part()), lambda session: session == b)
    assert queue.free
    assert set(queue.parts) == {b}
    assert queue.standing(c) == NOTHING


def test_only_the_last_holds_are_remembered_and_each_once() -> None:
    holds = latest_of([hold(token) for token in (*range(1, REMEMBERED + 4), 2, REMEMBERED)])
    assert [each.token for each in holds] == list(range(REMEMBERED + 3, 3, -1))


def test_what_nobody_of_ours_wrote_has_no_places() -> None:
    for data in (b"", b"\xff", b"[]", b'{"places": 7}'):
        assert read_part(5, data) == Standing(5, Part())
    assert NOTHING.number == 0


def test_fields_that_a_newer_node_writes_are_passed_over() -> None:
    data = b'{"places": [{"nonce": "1", "mood": "good"}], "music": true}'
    assert [place.token for place in read_part(5, data).part.places] == [5]


steps = st.lists(
    st.tuples(st.sampled_from(["ask", "leave", "revoke"]), st.sampled_from(SESSIONS), st.sampled_from("12")),
    max_size=30,
)


@given(steps)
@settings(max_examples=200)
def test_a_queue_does_what_a_list_does_and_tokens_rise(acts: list[tuple[str, SessionId, str]]) -> None:
    queue, model, last = EMPTY, list[tuple[SessionId, str]](), UNKNOWN
    for number, (act, whose, nonce) in enumerate(acts, start=1):
        first, author = next(iter(queue.seats), None), whose
        if act == "revoke" and first is not None:
            author, _ = model.pop(0)
            part = queue.standing(author).part.revoked(first.token)
        elif act == "ask":
            part = queue.standing(author).part.asked(Place(nonce=nonce))
            model += [(author, nonce)] if (author, nonce) not in model else []
        else:
            part = queue.standing(author).part.left(nonce)
            model = [each for each in model if each != (author, nonce)]
        queue = queue.with_part(author, read_part(number, msgspec.json.encode(part)), everybody)
        assert [(seat.session, seat.place.nonce) for seat in queue.seats] == model
        for seat in queue.seats[:1]:
            assert seat.token >= last
            last = seat.token
