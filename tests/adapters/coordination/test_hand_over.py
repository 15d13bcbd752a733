"""What a process knows of its own sessions, and what it makes of what it is told."""

from __future__ import annotations

import asyncio

import pytest

from adapters.coordination.hand_over import HandOver
from engine.coordination.standing import Claim, SessionId, Token
from engine.errors import CoordinationUnavailable, SessionLost

ANNA, BERTA = SessionId("anna"), SessionId("berta")
AWAY = CoordinationUnavailable("The backend is away.")


async def test_a_grant_wakes_the_one_it_names_alone() -> None:
    own = HandOver("Anything")
    with (
        own.waiting.place(Claim(ANNA, "a", "1"), b"") as first,
        own.waiting.place(Claim(ANNA, "a", "2"), b"") as second,
    ):
        own.heard(ANNA, "granted\n7\na\n2")
        assert await second == 7
        assert not first.done()


async def test_a_nonce_may_hold_anything() -> None:
    own = HandOver("Anything")
    claim = Claim(ANNA, "a", "one\ntwo three")
    with own.waiting.place(claim, b"") as granted:
        own.heard(ANNA, "granted\n7\na\none\ntwo three")
        assert await granted == 7


async def test_a_grant_that_nobody_waits_for_wakes_nobody() -> None:
    own = HandOver("Anything")
    own.heard(ANNA, "granted\n7\na\n1")
    assert len(own.waiting) == 0


async def test_who_waits_hears_that_the_session_is_over_and_others_do_not() -> None:
    own = HandOver("Anything")
    with own.waiting.place(Claim(ANNA, "a", "1"), b"") as hers, own.waiting.place(Claim(BERTA, "a", "1"), b"") as other:
        own.heard(ANNA, "over")
        with pytest.raises(SessionLost, match="lapsed, or was ended, at Anything"):
            await hers
        assert not other.done()


def test_a_keeper_hears_of_each_grant_that_goes_with_its_session() -> None:
    told: list[tuple[str, Token]] = []
    own = HandOver("Anything")
    own.grants.begun(ANNA, lambda name, token: told.append((name, token)))
    own.grants.granted(ANNA, "a", Token(1))
    own.grants.granted(ANNA, "b", Token(2))
    own.grants.given_back(ANNA, "b")
    own.heard(ANNA, "over")
    own.heard(ANNA, "over")
    assert told == [("a", 1)]


async def test_who_is_cut_off_gives_up_what_it_holds_and_remembers_to_give_it_back() -> None:
    told: list[tuple[str, Token]] = []
    own = HandOver("Anything")
    own.grants.begun(ANNA, lambda name, token: told.append((name, token)))
    own.grants.confirmed(ANNA, {}, [("a", Token(1))])
    with own.waiting.place(Claim(ANNA, "b", "1"), b"") as waiting:
        own.cut_off(AWAY)
        with pytest.raises(CoordinationUnavailable):
            await waiting
    assert told == [("a", 1)]
    assert list(own.surrendered) == [("a", 1)]


async def test_a_claim_that_is_repeated_has_the_place_of_the_repetition() -> None:
    own = HandOver("Anything")
    claim = Claim(ANNA, "a", "1")
    with own.waiting.place(claim, b""):
        with own.waiting.place(claim, b"") as again:
            own.heard(ANNA, "granted\n7\na\n1")
            assert again.result() == 7
        assert len(own.waiting) == 0
    await asyncio.sleep(0)


def test_what_came_and_went_while_a_renewal_was_under_way_is_not_forgotten() -> None:
    own = HandOver("Anything")
    own.grants.begun(ANNA, lambda name, token: None)
    for name, token in (("stays", 1), ("goes", 2), ("was lost unheard", 3)):
        own.grants.granted(ANNA, name, Token(token))
    before = own.grants.held(ANNA)
    own.grants.given_back(ANNA, "goes")
    own.grants.granted(ANNA, "comes", Token(4))
    own.grants.confirmed(ANNA, before, [("stays", Token(1)), ("goes", Token(2)), ("known there alone", Token(5))])
    assert own.grants.held(ANNA) == {"stays": 1, "comes": 4, "known there alone": 5}


async def test_who_is_asked_whether_it_is_there_answers_for_its_own_sessions_alone() -> None:
    asked: list[tuple[SessionId, SessionId]] = []
    own = HandOver("Anything")
    own.called = lambda session, asker: asked.append((session, asker))
    own.heard(ANNA, "there\nberta")
    own.grants.begun(ANNA, lambda name, token: None)
    own.heard(ANNA, "there\nberta")
    assert asked == [(ANNA, BERTA)]


async def test_an_answer_is_heard_by_all_who_asked_for_that_session() -> None:
    own = HandOver("Anything")
    with own.calling(BERTA) as one, own.calling(BERTA) as other, own.calling(ANNA) as another:
        own.heard(ANNA, "here\nberta")
        assert (one.done(), other.done(), another.done()) == (True, True, False)
    own.heard(ANNA, "here\nberta")


@pytest.mark.parametrize("message", ["", "granted", "granted\nx\na\n1", "revoked\n\na", "something newer"])
def test_what_is_not_understood_changes_nothing(message: str) -> None:
    told: list[tuple[str, Token]] = []
    own = HandOver("Anything")
    own.grants.begun(ANNA, lambda name, token: told.append((name, token)))
    own.grants.granted(ANNA, "a", Token(1))
    own.heard(ANNA, message)
    assert told == []
    assert own.grants.held(ANNA) == {"a": 1}
