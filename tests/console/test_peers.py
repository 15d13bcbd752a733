"""Peers: how each stands, syncing, pausing, proving equal. On a scripted replication, through the real app."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from console.dialogs.confirm import Confirm
from console.screens.aggregate import AggregateScreen
from console.screens.comparison import ComparisonScreen
from console.screens.events import EventsScreen
from console.screens.peer import PeerScreen
from console.screens.peers import FRESH_SECONDS, PeersScreen
from console.widgets.filter_bar import FilterBar
from console.widgets.record_list import RecordList
from engine.errors import StorageError
from engine.events.event import Origin
from engine.events.replicating.standing import Comparison, Connection, Differing, PeerStatus, SyncResult
from engine.notices import Notice
from engine.settings.replication import Direction, PeerSettings
from tests.console.scripted import open_thing, scripted_console
from tests.console.settling import settled, until
from tests.console.workbench import SIZES, deck, press, rows_of, said, screen_text
from tests.doubles.engine import ScriptedEngine
from tests.doubles.event_pages import event
from tests.doubles.replication import OWN, status

HAMBURG = Origin("hamburg~0000000a")
at_both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x50"])


def result(engine: ScriptedEngine, peer: str = "hamburg", **changes: object) -> SyncResult:
    """Return a sync that ended twelve seconds ago."""
    ended = engine.clock.now() - timedelta(seconds=12)
    started = ended - timedelta(milliseconds=140)
    return SyncResult(peer=peer, direction=Direction.BOTH, started_at=started, ended_at=ended, **changes)  # type: ignore[arg-type]


def with_peers(*peers: PeerStatus, engine: ScriptedEngine | None = None) -> ScriptedEngine:
    """Return an engine with these peers in its settings, too."""
    engine = engine or ScriptedEngine()
    engine.replication.add(*peers)
    settings = {peer.name: PeerSettings(name=peer.name, url=peer.url) for peer in peers}
    engine.workspace = replace(engine.workspace, peers=settings)
    return engine


def in_step() -> ScriptedEngine:
    """Return an engine whose one peer lacks four events and has two more."""
    engine = ScriptedEngine()
    met = engine.clock.now() - timedelta(seconds=12)
    engine.replication.known = {OWN: 1_204, HAMBURG: 903}
    hamburg = status(
        "hamburg", met_at=met, tried_at=met, vector={OWN: 1_200, HAMBURG: 905},
        last=result(engine, pulled=3, pushed=5, conflicts=1), to_push=4, to_pull=2, lag_seconds=35.0,
    )  # fmt: skip
    return with_peers(hamburg, engine=engine)


def lines(pilot: Pilot[None]) -> list[str]:
    return rows_of(pilot.app.screen.query_one(RecordList))


async def open_peer(pilot: Pilot[None]) -> None:
    await press(pilot, "8", "enter")
    await until(pilot, lambda: "ORIGIN" in screen_text(pilot))
    await settled(pilot)


# -- the list ----------------------------------------------------------------------------------------------------------


@at_both_sizes
async def test_the_list_tells_state_lag_and_the_last_sync(size: tuple[int, int]) -> None:
    async with scripted_console(in_step(), size) as pilot:
        await press(pilot, "8")
        (hamburg,) = lines(pilot)
        assert hamburg.split()[:7] == ["hamburg", "●", "connected", "both", "4", "2", "35"]
        assert "✓ 12 s ago" in hamburg
        assert "3" in hamburg.partition("ago")[2]


@at_both_sizes
async def test_this_node_stands_on_top_with_what_it_knows(size: tuple[int, int]) -> None:
    async with scripted_console(in_step(), size) as pilot:
        await press(pilot, "8")
        text = screen_text(pilot)
        assert f"desk  {OWN}" in text
        assert "knows 2,107 events of 2 nodes" in text
        assert "as of just now" in text


STATES = {
    Connection.CONNECTED: "● connected",
    Connection.LOST: "✗ lost",
    Connection.REFUSED: "⊘ refused",
    Connection.PAUSED: "‖ paused",
    Connection.NEVER: "○ never met",
}


@pytest.mark.parametrize("connection", Connection)
async def test_every_state_has_a_glyph_and_a_word(connection: Connection) -> None:
    async with scripted_console(with_peers(status("hamburg", connection))) as pilot:
        await press(pilot, "8")
        assert STATES[connection] in lines(pilot)[0]


async def test_what_is_wrong_stands_under_the_peer_with_the_way_out() -> None:
    engine = ScriptedEngine()
    last = result(engine, error="hamburg refused our token.", error_kind="refused")
    with_peers(status("hamburg", Connection.REFUSED, error=last.error, last=last), engine=engine)
    async with scripted_console(engine) as pilot:
        await press(pilot, "8")
        text = " ".join(screen_text(pilot).split())
        assert "✗ hamburg refused our token." in text
        assert "The token must be one of the peer's server.tokens." in text


async def test_without_peers_the_screen_says_what_one_is_and_how_to_begin() -> None:
    async with scripted_console(ScriptedEngine()) as pilot:
        await press(pilot, "8")
        assert "This workspace has no peers yet." in screen_text(pilot)
        await press(pilot, "s")
        assert "There is no peer here yet: a adds one." in said(pilot)


async def test_whether_somebody_syncs_by_himself_is_read_from_what_all_processes_share() -> None:
    engine = in_step()
    async with scripted_console(engine, (160, 50)) as pilot:
        await press(pilot, "8")
        assert "✓ in time, last sync of any peer 12 s ago" in screen_text(pilot)
        engine.clock.jump(timedelta(minutes=10))
        await press(pilot, "R")
        assert "‖ no sync for 10 m, although every 30 s: start syncdeck serve" in screen_text(pilot)


async def test_a_change_that_another_process_made_is_seen_at_the_next_heart_beat() -> None:
    engine = in_step()
    async with scripted_console(engine) as pilot:
        await press(pilot, "8")
        engine.replication.standing["hamburg"] = replace(engine.replication.standing["hamburg"], to_pull=77)
        screen = pilot.app.screen
        assert isinstance(screen, PeersScreen)
        assert FRESH_SECONDS <= 5
        screen.look_if_shown()
        await until(pilot, lambda: " 77 " in lines(pilot)[0])


async def test_a_notice_shows_at_once() -> None:
    engine = in_step()
    async with scripted_console(engine) as pilot:
        await press(pilot, "8")

        async def lose(_: object) -> None:
            lost = replace(engine.replication.standing["hamburg"], connection=Connection.LOST)
            engine.replication.standing["hamburg"] = lost
            engine.notices.publish(Notice(topic="peer.changed", subject="hamburg", detail=lost))

        await deck(pilot).ask(lose)
        await until(pilot, lambda: "✗ lost" in lines(pilot)[0])


# -- syncing -----------------------------------------------------------------------------------------------------------


@at_both_sizes
async def test_s_syncs_now_asks_nothing_and_tells_the_result(size: tuple[int, int]) -> None:
    async with scripted_console(in_step(), size) as pilot:
        await press(pilot, "8", "s")
        await until(pilot, lambda: "hamburg is in step: 2 pulled, 4 pushed." in said(pilot))
        await until(pilot, lambda: lines(pilot)[0].split()[4:6] == ["0", "0"])


async def test_a_sync_goes_on_while_people_look_elsewhere_and_is_seen_meanwhile() -> None:
    engine = in_step()
    engine.replication.hold = asyncio.Event()
    async with scripted_console(engine) as pilot:
        await pilot.press("8")
        await settled(pilot)
        await pilot.press("s")
        await until(pilot, lambda: "… syncing" in screen_text(pilot))
        await pilot.press("s")
        await until(pilot, lambda: "is under way: c stops it" in said(pilot))
        await pilot.press("1")
        await until(pilot, lambda: not isinstance(pilot.app.screen, PeersScreen))

        async def go_on(_: object) -> None:
            assert engine.replication.hold is not None
            engine.replication.hold.set()

        await deck(pilot).ask(go_on)
        await until(pilot, lambda: "hamburg is in step" in said(pilot))


async def test_c_stops_a_sync_under_way() -> None:
    engine = in_step()
    engine.replication.hold = asyncio.Event()
    async with scripted_console(engine) as pilot:
        await pilot.press("8")
        await settled(pilot)
        await pilot.press("s")
        await until(pilot, lambda: "… syncing" in screen_text(pilot))
        await pilot.press("c")
        await until(pilot, lambda: "… syncing" not in screen_text(pilot))
        assert "stopped. What was exchanged stays" in said(pilot)
        assert deck(pilot).orders == set()


async def test_a_sync_that_failed_says_why() -> None:
    engine = in_step()
    engine.replication.results = [result(engine, pulled=40, error="hamburg hung up.", error_kind="unavailable")]
    async with scripted_console(engine) as pilot:
        await press(pilot, "8", "s")
        await until(pilot, lambda: "hamburg hung up. Before that: 40 pulled." in said(pilot))
        await until(pilot, lambda: "✗ lost" in lines(pilot)[0])


async def test_all_peers_are_synced_with_one_key_but_the_paused() -> None:
    paused = status("rostock", Connection.PAUSED, paused=True)
    engine = with_peers(status("hamburg"), paused, status("kiel", Connection.NEVER))
    async with scripted_console(engine) as pilot:
        await press(pilot, "8", "asterisk")
        await until(pilot, lambda: "kiel is in step" in said(pilot))
        assert [asked for asked in engine.replication.asked if asked[0] == "sync"] == [
            ("sync", "hamburg"),
            ("sync", "kiel"),
        ]


@pytest.mark.parametrize("key", ["s", "asterisk", "S", "D"])
async def test_a_read_only_console_exchanges_and_changes_nothing(key: str) -> None:
    engine = in_step()
    async with scripted_console(engine, read_only=True) as pilot:
        await press(pilot, "8", key)
        assert "may only look" in said(pilot)
        assert {asked[0] for asked in engine.replication.asked} == {"peers"}


# -- pausing -----------------------------------------------------------------------------------------------------------


async def test_a_peer_is_paused_after_a_question_and_goes_on_after_another() -> None:
    engine = in_step()
    async with scripted_console(engine) as pilot:
        await press(pilot, "8", "S")
        assert isinstance(pilot.app.screen, Confirm)
        await press(pilot, "enter")
        assert not engine.replication.standing["hamburg"].memory.paused, "Enter presses the harmless button"
        await press(pilot, "S", "y")
        await until(pilot, lambda: "‖ paused" in lines(pilot)[0])
        await press(pilot, "s")
        assert "hamburg is paused: S lets it go on first." in said(pilot)
        await press(pilot, "S", "y")
        await until(pilot, lambda: "● connected" in lines(pilot)[0])


async def test_a_peer_that_the_file_pauses_is_let_go_on_there() -> None:
    engine = with_peers(status("hamburg", Connection.PAUSED))
    paused = {"hamburg": replace(engine.workspace.peers["hamburg"], paused=True)}
    engine.workspace = replace(engine.workspace, peers=paused)
    async with scripted_console(engine) as pilot:
        await press(pilot, "8", "S")
        assert "paused in the settings file" in said(pilot)


# -- one peer ----------------------------------------------------------------------------------------------------------


@at_both_sizes
async def test_both_vectors_stand_side_by_side(size: tuple[int, int]) -> None:
    async with scripted_console(in_step(), size) as pilot:
        await open_peer(pilot)
        own, theirs = lines(pilot)
        assert own.split() == [OWN, "this", "node", "1,204", "1,200", "4", "to", "push"]
        assert theirs.split() == [HAMBURG, "hamburg", "903", "905", "2", "to", "pull"]
        assert "the oldest 35 s old" in screen_text(pilot)


async def test_enter_on_an_origin_shows_what_it_wrote() -> None:
    async with scripted_console(in_step()) as pilot:
        await open_peer(pilot)
        await press(pilot, "j", "enter")
        assert isinstance(pilot.app.screen, EventsScreen)
        assert pilot.app.screen.query_one(FilterBar).text == f"origin:{HAMBURG}"


async def test_what_happened_with_it_is_told_and_what_another_node_tells_of_its_own_is_not() -> None:
    engine = in_step()
    synced = {"pulled": 3, "pushed": 5, "error": ""}
    engine.pages.add(
        event(1, "peer.synced", "peer:hamburg", synced),
        event(2, "peer.synced", "peer:hamburg", {**synced, "pulled": 4_321}, origin="bremen~00000001"),
    )
    async with scripted_console(engine, (160, 50)) as pilot:
        await open_peer(pilot)
        text = screen_text(pilot)
        assert "3 pulled, 5 pushed" in text
        assert "4,321" not in text


async def test_a_peer_that_was_never_met_hides_nothing_it_does_not_know() -> None:
    async with scripted_console(with_peers(status("hamburg", Connection.NEVER))) as pilot:
        await open_peer(pilot)
        assert lines(pilot)[0].split() == [OWN, "this", "node", "12", "?", "not", "known"]
        assert "There was none yet." in screen_text(pilot)


async def test_a_failure_to_read_is_said_and_tried_again() -> None:
    engine = in_step()
    async with scripted_console(engine) as pilot:
        engine.replication.fail["peers"] = StorageError("The state file is locked.")
        await press(pilot, "8")
        await until(pilot, lambda: "The state file is locked." in screen_text(pilot))
        await press(pilot, "r")
        await until(pilot, lambda: len(lines(pilot)) == 1)


# -- proving equal -----------------------------------------------------------------------------------------------------


def comparison(engine: ScriptedEngine, **changes: object) -> Comparison:
    return Comparison(peer="hamburg", at=engine.clock.now(), **{"order": "equal", **changes})  # type: ignore[arg-type]


@at_both_sizes
async def test_equal_is_proved_in_three_steps(size: tuple[int, int]) -> None:
    engine = in_step()
    engine.replication.comparisons = [comparison(engine, states_equal=True)]
    async with scripted_console(engine, size) as pilot:
        await press(pilot, "8", "equals_sign")
        text = screen_text(pilot)
        assert "✓ Equal with hamburg" in text
        assert [word in text for word in ("✓ vectors", "✓ chains", "✓ states")] == [True] * 3


async def test_a_differing_aggregate_leads_to_its_history() -> None:
    engine = in_step()
    engine.pages.add(event(1, "user.changed", "user:ann", {"title": "Lead"}))
    differing = (Differing(aggregate_id="user:ann", here="aa" * 16, there=""),)
    engine.replication.comparisons = [comparison(engine, states_equal=False, differing=differing)]
    async with scripted_console(engine) as pilot:
        await press(pilot, "8", "equals_sign")
        assert "1 other state" in screen_text(pilot)
        assert "not there" in lines(pilot)[0]
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, AggregateScreen)


async def test_parted_histories_are_named_with_where_they_part_and_the_way_out() -> None:
    engine = in_step()
    engine.replication.comparisons = [comparison(engine, forks={HAMBURG: 904})]
    async with scripted_console(engine) as pilot:
        await press(pilot, "8", "equals_sign")
        text = " ".join(screen_text(pilot).split())
        assert "other events under the same numbers" in text
        assert f"{HAMBURG} from event 904 on" in text
        assert "restored from a backup" in text


async def test_what_is_not_in_step_is_counted_and_synced_from_here() -> None:
    engine = in_step()
    engine.replication.comparisons = [comparison(engine, order="concurrent", lacking_here=2, lacking_there=4)]
    async with scripted_console(engine) as pilot:
        await press(pilot, "8", "equals_sign")
        text = " ".join(screen_text(pilot).split())
        assert "2 events there are not here and 4 events here are not there" in text
        await press(pilot, "s")
        await until(pilot, lambda: "hamburg is in step" in said(pilot))
        await press(pilot, "equals_sign")
        await until(pilot, lambda: "✓ Equal with hamburg" in screen_text(pilot))


async def test_escape_stops_a_comparison_first() -> None:
    engine = in_step()
    engine.replication.hold = asyncio.Event()
    async with scripted_console(engine) as pilot:
        await pilot.press("8")
        await settled(pilot)
        await pilot.press("equals_sign")
        await until(pilot, lambda: "… comparing" in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing was found out. = compares again." in screen_text(pilot))
        assert isinstance(pilot.app.screen, ComparisonScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, PeersScreen))


async def test_a_peer_is_opened_by_name_from_anywhere() -> None:
    async with scripted_console(in_step()) as pilot:
        await open_thing(pilot, "peer", "hamburg")
        assert isinstance(pilot.app.screen, PeerScreen)
