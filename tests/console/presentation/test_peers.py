"""Peers as lines at any width, and a way out for everything that keeps them apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from console.presentation import equality, peer_detail, peers
from console.presentation.peer_words import LEFT_OUT, WAYS_OUT, advice, concluded, got, refused
from console.presentation.spans import Line, plain, width_of
from engine.events.event import Origin, node_of
from engine.events.replicating.messages import Identity, Refusal
from engine.events.replicating.standing import Comparison, Connection, Differing, PeerStatus, SyncResult
from engine.settings.replication import Direction, PeerSettings
from tests.doubles.clock import ManualClock
from tests.doubles.replication import OWN, status

NOW = ManualClock().now()
BEFORE = NOW - timedelta(seconds=12)
HAMBURG = Origin("hamburg~0000000a")
WIDTHS = (40, 76, 116, 196)


def result(**changes: object) -> SyncResult:
    return SyncResult(peer="hamburg", direction=Direction.BOTH, started_at=BEFORE, ended_at=NOW, **changes)  # type: ignore[arg-type]


def failed(kind: str, connection: Connection = Connection.LOST) -> PeerStatus:
    last = result(error="It did not work.", error_kind=kind)
    return status("hamburg", connection, error=last.error, last=last, failures=3)


def text(lines: Sequence[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


EVERY = (
    status("hamburg", met_at=BEFORE, last=result(pulled=12_345, pushed=6), to_push=1_234_567, lag_seconds=90_000.0),
    status("東京-1", Connection.NEVER, direction=Direction.PULL),
    failed("unavailable"),
    failed("fork", Connection.REFUSED),
    status("rostock", Connection.PAUSED, paused=True),
    status(
        "kiel",
        last=result(refusals=(Refusal(origin=HAMBURG, seq=4, kind="clock_ahead", sentence="59 m ahead of us."),)),
    ),
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("peer", EVERY, ids=lambda peer: peer.name)
def test_every_line_keeps_to_its_width(peer: PeerStatus, width: int) -> None:
    columns = peers.Columns.of(max(width, 76), [each.name for each in EVERY])
    settings = PeerSettings(name=peer.name, url=peer.url)
    lines = [
        *peers.problem_lines(peer, width),
        *peer_detail.facts(peer, settings, NOW, width),
        *peer_detail.history_lines(peer, (), NOW, width),
        *peer_detail.known_lines(peer, NOW, width),
    ]
    assert [plain(line) for line in lines if width_of(line) > width] == []
    assert width_of(peers.peer_line(peer, columns, NOW)) <= max(width, 76)


def test_titles_stand_over_their_columns() -> None:
    columns = peers.Columns.of(76, ["hamburg"])
    titles = plain(peers.titles(columns))
    line = plain(peers.peer_line(EVERY[0], columns, NOW))
    assert titles.index("STATE") == line.index("●")
    assert titles.index("LAST SYNC") == line.index("✓")
    assert titles.index("TO PUSH") + len("TO PUSH") == line.index("1.2 M") + len("1.2 M")


@pytest.mark.parametrize("kind", [*WAYS_OUT, "something new"])
@pytest.mark.parametrize("connection", [Connection.LOST, Connection.REFUSED])
def test_whatever_went_wrong_there_is_a_way_out(kind: str, connection: Connection) -> None:
    (_, sentence), (_, way) = advice(failed(kind, connection))
    assert sentence == "It did not work. (3 attempts failed in a row)"
    assert way.endswith((".", ")"))
    assert len(way) > 40


@pytest.mark.parametrize("kind", [*LEFT_OUT, "something new"])
def test_whatever_was_left_out_its_fate_is_told(kind: str) -> None:
    sentence = refused(Refusal(origin=HAMBURG, seq=1_234, kind=kind, sentence="It is so."))
    assert sentence.startswith(f"Events of {HAMBURG} from 1,234 on ")
    assert sentence.endswith("It is so.")


def test_a_node_that_found_itself_restored_says_so() -> None:
    peer = status("hamburg", last=result(recovered="This state file is a restored backup: a new origin was begun."))
    assert ("warn", "This state file is a restored backup: a new origin was begun.") in list(advice(peer))


ENDS = {
    "all went over": (result(pulled=3, pushed=5), "hamburg is in step: 3 pulled, 5 pushed."),
    "there was nothing": (result(), "hamburg is in step: nothing new."),
    "conflicts came": (
        result(pulled=1, conflicts=2),
        "hamburg is in step: 1 pulled, 2 aggregates edited on both sides.",
    ),
    "another process was at it": (
        result(error="Another process syncs.", error_kind="busy"),
        "Another process syncs.",
    ),
    "it broke off": (result(pulled=40, error="It hung up."), "It hung up. Before that: 40 pulled."),
    "something was left out": (
        result(pulled=1, refusals=(Refusal(origin=HAMBURG, seq=1, kind="gap", sentence=""),)),
        "hamburg: 1 pulled, 1 history left out.",
    ),
}


@pytest.mark.parametrize(("ended", "sentence"), ENDS.values(), ids=ENDS)
def test_how_a_sync_ended_is_one_sentence(ended: SyncResult, sentence: str) -> None:
    assert concluded(ended) == sentence


def test_a_narrow_column_has_shorter_words() -> None:
    assert got(result(pulled=3, pushed=5), short=True) == "3 in 5 out"


def test_vectors_are_paired_and_everybody_named() -> None:
    old = Origin("desk~000000ff")
    peer = status("hamburg", met_at=BEFORE, vector={OWN: 3, HAMBURG: 9})
    rows = peer_detail.rows_of(OWN, {OWN: 5, old: 7, HAMBURG: 8}, peer)
    assert [(row.origin, row.here, row.there, row.note) for row in rows] == [
        (OWN, 5, 3, "this node"),
        (HAMBURG, 8, 9, "hamburg"),
        (old, 7, 0, "earlier incarnation"),
    ]
    assert [plain(peer_detail.origin_line(row, 76)).split()[-2:] for row in rows] == [
        ["to", "push"],
        ["to", "pull"],
        ["to", "push"],
    ]


@pytest.mark.parametrize(("direction", "words"), [(Direction.PULL, "2 stay here"), (Direction.BOTH, "2 to push")])
def test_what_a_direction_keeps_here_is_no_backlog(direction: Direction, words: str) -> None:
    peer = status("hamburg", met_at=BEFORE, direction=direction, vector={OWN: 3, HAMBURG: 1})
    own, *_ = peer_detail.rows_of(OWN, {OWN: 5, HAMBURG: 1}, peer)
    assert plain(peer_detail.origin_line(own, 76)).endswith(words)


def test_this_node_s_lines_say_whether_anybody_syncs() -> None:
    me = peers.Ourselves(identity=Identity(node="desk", origin=OWN), vector={OWN: 5, HAMBURG: 2}, as_of=NOW)
    often = {"hamburg": PeerSettings(name="hamburg", url="http://h", every=timedelta(seconds=30))}
    by_hand = {"hamburg": PeerSettings(name="hamburg", url="http://h", every=None)}

    def said(peer: PeerStatus, settings: dict[str, PeerSettings]) -> str:
        return text(peers.own_lines(me, [peer], settings, NOW, 100))

    assert "knows 7 events of 2 nodes" in said(status("hamburg"), often)
    assert "✓ in time" in said(status("hamburg", tried_at=BEFORE), often)
    assert "runs in this process" in said(status("hamburg", tried_at=BEFORE, next_at=NOW), often)
    assert "‖ no sync for 5 m" in said(status("hamburg", tried_at=NOW - timedelta(minutes=5)), often)
    assert "nobody syncs by itself yet" in said(status("hamburg"), often)
    assert "no peer is synced by itself" in said(status("hamburg"), by_hand)


def comparison(**changes: object) -> Comparison:
    return Comparison(peer="hamburg", at=NOW, **{"order": "equal", **changes})  # type: ignore[arg-type]


VERDICTS = {
    "equal": (comparison(states_equal=True), "✓ Equal with hamburg"),
    "behind": (comparison(order="before", lacking_here=3), "≠ Not in step with hamburg yet"),
    "forked": (comparison(forks={HAMBURG: 7}), "✗ hamburg holds other events under the same numbers"),
    "other states": (
        comparison(states_equal=False, differing=(Differing(aggregate_id="user:ann", here="aa", there="bb"),)),
        "✗ hamburg has the same events, and 1 other state",
    ),
    "not compared": (comparison(note="Filters leave some events out."), "✓ The same events as hamburg"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("found", "words"), VERDICTS.values(), ids=VERDICTS)
def test_a_comparison_ends_in_one_of_five_verdicts(found: Comparison, words: str, width: int) -> None:
    lines = equality.verdict_lines(found, NOW, width)
    assert plain(lines[0]).startswith(words[: width - 1])
    assert [plain(line) for line in lines if width_of(line) > width] == []


def test_an_origin_is_read_as_its_node() -> None:
    assert [node_of(each) for each in ("hamburg~0000000a", "a~b~0000000a", "odd")] == ["hamburg", "a~b", "odd"]
