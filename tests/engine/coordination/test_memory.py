"""The backend in memory against a model that is simpler still: whatever is done, both say the same."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from engine.coordination.memory.backend import MemoryBackend, MemoryStore
from engine.coordination.standing import ABSENT, Claim, Fence, Revision, SessionId, Token, Who
from engine.errors import KeyChanged, LeaseLost, SessionLost
from tests.doubles.clock import ManualClock

T = TypeVar("T")

WHO = Who(node="n", actor="a@h", pid=1)
NAMES = st.sampled_from(["a", "b"])
KEYS = st.sampled_from(["a", "b/c", "b"])
TTLS = st.sampled_from([2, 5, 1_000])


def now(work: Coroutine[Any, Any, T]) -> T | None:
    """Return what a call comes to that has to wait for nothing; None for one that would wait."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    return None


class Against(RuleBasedStateMachine):
    """Sessions with deadlines, queues as lists, keys in a dict; tokens and revisions only have to rise."""

    sessions = Bundle("sessions")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.store = MemoryStore(MemoryBackend(self.clock))
        self.loop = asyncio.new_event_loop()
        asyncio._set_running_loop(self.loop)
        self.living: dict[SessionId, tuple[float, float]] = {}
        self.queues: dict[str, list[Claim]] = {"a": [], "b": []}
        self.tokens: dict[Claim, Token] = {}
        self.newest = Token(0)
        self.values: dict[str, tuple[bytes, Revision, float | None]] = {}
        self.last = Revision(0)
        self.nonces = 0

    def teardown(self) -> None:
        asyncio._set_running_loop(None)
        self.loop.close()

    @rule(target=sessions, ttl=TTLS)
    def begin(self, ttl: int) -> SessionId:
        session = now(self.store.begin(WHO, timedelta(seconds=ttl), lambda name, token: None))
        assert session is not None
        self.living[session] = (ttl, self.clock.monotonic() + ttl)
        return session

    @rule(session=sessions)
    def renew(self, session: SessionId) -> None:
        if session not in self.living:
            self._is_over(self.store.renew(session))
            return
        granted = now(self.store.renew(session))
        self.living[session] = (self.living[session][0], self.clock.monotonic() + self.living[session][0])
        heads = {queue[0] for queue in self.queues.values() if queue and queue[0].session == session}
        assert set(granted or ()) == {(claim.name, self.tokens[claim]) for claim in heads}

    @rule(session=consumes(sessions))
    def end(self, session: SessionId) -> None:
        now(self.store.end(session))
        self._gone({session} & self.living.keys())

    @rule(target=claims, session=sessions, name=NAMES, wait=st.booleans())
    def claim(self, session: SessionId, name: str, wait: bool) -> Claim:
        self.nonces += 1
        claim = Claim(session, name, str(self.nonces))
        if session not in self.living:
            self._is_over(self.store.claim(claim, wait=wait))
        elif wait or not self.queues[name]:
            free = not self.queues[name]
            self.queues[name].append(claim)
            assert (now(self.store.claim(claim, wait=wait)) is not None) == free
        else:
            assert now(self.store.claim(claim, wait=False)) is None
        return claim

    @rule(claim=claims)
    def repeat(self, claim: Claim) -> None:
        if claim in self.queues[claim.name]:
            assert now(self.store.claim(claim)) == self.tokens.get(claim)

    @rule(claim=claims)
    def release(self, claim: Claim) -> None:
        held = self.queues[claim.name][:1] == [claim]
        assert now(self.store.release(claim)) is held
        if claim in self.queues[claim.name]:
            self.queues[claim.name].remove(claim)

    @rule(name=NAMES, other=st.integers(-1, 1))
    def revoke(self, name: str, other: int) -> None:
        head = self.queues[name][:1]
        token = Token(self.tokens[head[0]] + other) if head else Token(self.newest + other)
        right = bool(head) and other == 0
        assert now(self.store.revoke(name, token)) is right
        if right:
            self.queues[name].pop(0)

    @rule(key=KEYS, expected=st.sampled_from(["any", "right", "absent", "wrong"]), expires=st.none() | TTLS)
    def put(self, key: str, expected: str, expires: int | None) -> None:
        there = self.values[key][1] if key in self.values else ABSENT
        wanted = {"any": None, "right": there, "absent": ABSENT, "wrong": Revision(self.last + 7)}[expected]
        time = None if expires is None else timedelta(seconds=expires)
        writing = self.store.put(key, b"v%d" % self.last, expected=wanted, expires=time)
        if wanted not in {None, there}:
            with pytest.raises(KeyChanged) as told:
                now(writing)
            assert told.value.revision == there
            return
        revision = now(writing)
        assert revision is not None
        assert revision > self.last
        deadline = None if expires is None else self.clock.monotonic() + expires
        self.values[key] = (b"v%d" % self.last, revision, deadline)
        self.last = revision

    @rule(key=KEYS, claim=claims)
    def put_fenced(self, key: str, claim: Claim) -> None:
        writing = self.store.put(key, b"fenced", fence=Fence(claim.name, self.tokens.get(claim, Token(0))))
        if self.queues[claim.name][:1] != [claim]:
            with pytest.raises(LeaseLost):
                now(writing)
            return
        revision = now(writing)
        assert revision is not None
        self.values[key] = (b"fenced", revision, None)
        self.last = revision

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert now(self.store.delete(key)) is (key in self.values)
        self.values.pop(key, None)

    @rule(seconds=st.sampled_from([0.5, 1, 3, 10]))
    def time_passes(self, seconds: float) -> None:
        self.clock.jump(timedelta(seconds=seconds))
        moment = self.clock.monotonic()
        self._gone({session for session, (_, deadline) in self.living.items() if deadline <= moment})
        late = {key for key, (_, _, deadline) in self.values.items() if deadline is not None and deadline <= moment}
        for key in late:
            del self.values[key]

    @invariant()
    def the_store_shows_what_the_model_has(self) -> None:
        listed = now(self.store.claims())
        assert listed is not None
        shown = {claim.name: claim for claim in listed}
        for name, queue in self.queues.items():
            claim = shown.get(name)
            if not queue:
                assert claim is None or claim.holder is None
                continue
            assert claim is not None
            assert claim.holder is not None
            assert [claim.holder.session, *(waiter.session for waiter in claim.waiters)] == [
                place.session for place in queue
            ]
            if queue[0] not in self.tokens:
                assert claim.holder.token > self.newest, "tokens rise"
                self.newest = self.tokens[queue[0]] = claim.holder.token
            assert claim.holder.token == self.tokens[queue[0]]
        sessions = now(self.store.sessions())
        assert sessions is not None
        assert [session.id for session in sessions] == sorted(self.living)

    @invariant()
    def the_keys_are_those_of_the_model(self) -> None:
        entries = now(self.store.entries())
        assert entries is not None
        assert [(entry.key, entry.value, entry.revision) for entry in entries] == [
            (key, value, revision) for key, (value, revision, _) in sorted(self.values.items())
        ]

    def _gone(self, sessions: set[SessionId]) -> None:
        for session in sessions:
            del self.living[session]
        for name, queue in self.queues.items():
            self.queues[name] = [claim for claim in queue if claim.session not in sessions]

    def _is_over(self, work: Coroutine[Any, Any, object]) -> None:
        with pytest.raises(SessionLost):
            now(work)


Against.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestMemoryAgainstAModel = Against.TestCase
