"""Up to where everybody knows a log: nobody who may still write is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.events.event import Origin
from engine.events.replicating.known_to_all import SILENT, frontier
from engine.events.replicating.standing import PeerMemory

A, B = Origin("berlin~1"), Origin("hamburg~1")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
HERE = {A: 10, B: 5}


def knowing(node: str, vector: dict[Origin, int], ago: timedelta = timedelta(0)) -> PeerMemory:
    return PeerMemory(node=node, vector=vector, met_at=NOW - ago)


def test_alone_everything_is_known_to_all() -> None:
    assert frontier(HERE, {}, (), (), NOW).vector == HERE


def test_the_least_that_any_peer_knows_counts_of_each_origin() -> None:
    peers = {"hamburg": knowing("hamburg", {A: 7, B: 5}), "kiel": knowing("kiel", {A: 9, B: 2})}
    known = frontier(HERE, peers, ("hamburg",), (), NOW)

    assert known.vector == {A: 7, B: 2}
    assert [(each.name, each.lacks) for each in known.witnesses] == [("hamburg", 3), ("kiel", 4)]


def test_what_a_peer_knows_beyond_this_log_does_not_count() -> None:
    assert frontier(HERE, {"kiel": knowing("kiel", {A: 99, B: 99, Origin("x~1"): 9})}, (), (), NOW).vector == HERE


def test_a_peer_that_was_never_met_knows_nothing() -> None:
    known = frontier(HERE, {"kiel": PeerMemory()}, (), (), NOW)

    assert known.vector == {}
    assert "never met" in known.witnesses[0].advice


def test_a_writer_who_is_no_peer_may_know_nothing() -> None:
    known = frontier(HERE, {"kiel": knowing("kiel", HERE)}, ("hamburg", "kiel"), (), NOW)

    assert known.vector == {}
    assert [each.name for each in known.witnesses if each.advice] == ["hamburg"]


def test_whoever_is_retired_no_longer_counts_by_either_name() -> None:
    peers = {"north": knowing("hamburg", {})}

    assert frontier(HERE, peers, ("hamburg", "ulm"), ("north", "ulm"), NOW).vector == HERE
    assert frontier(HERE, peers, ("hamburg",), ("hamburg",), NOW).vector == HERE


def test_only_who_is_silent_and_behind_is_pointed_out() -> None:
    long_ago = SILENT + timedelta(days=1)
    peers = {"behind": knowing("behind", {A: 1}, long_ago), "level": knowing("level", HERE, long_ago)}
    advices = [each.advice for each in frontier(HERE, peers, (), (), NOW).witnesses]

    assert "not met for 31 days: --retire behind" in advices[0]
    assert advices[1] == ""


vectors = st.dictionaries(st.sampled_from([A, B]), st.integers(1, 9))


@given(vectors, st.dictionaries(st.sampled_from("xyz"), vectors, max_size=3))
def test_nobody_lacks_anything_before_the_frontier(
    here: dict[Origin, int], peers: dict[str, dict[Origin, int]]
) -> None:
    known = frontier(here, {name: knowing(name, vector) for name, vector in peers.items()}, (), (), NOW).vector

    for vector in (here, *peers.values()):
        assert all(vector.get(origin, 0) >= seq for origin, seq in known.items())
