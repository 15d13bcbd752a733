"""The tab of streams: what there is, and the stream under the cursor as it grows."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace
from textual.pilot import Pilot

from engine.coordination.promises import Feature
from engine.coordination.stream import Message, Offset
from tests.console.coordinating import detail, lines, pane, words
from tests.console.scripted import scripted_console
from tests.console.settling import until
from tests.console.workbench import press
from tests.doubles.coordination import ScriptedStream
from tests.doubles.engine import ScriptedEngine


def message(engine: ScriptedEngine, number: int) -> Message:
    at = engine.clock.now() - timedelta(seconds=5)
    return Message(offset=Offset(number), data=b"message %d" % number, at=at)


def with_streams(**lengths: int) -> ScriptedEngine:
    engine = ScriptedEngine()
    engine.coordination.kept_streams = {
        name: ScriptedStream([message(engine, number) for number in range(1, length + 1)])
        for name, length in lengths.items()
    }
    return engine


async def open_streams(pilot: Pilot[None]) -> None:
    await press(pilot, "9", "m")


async def test_the_last_messages_of_the_stream_under_the_cursor_are_told_newest_first() -> None:
    async with scripted_console(with_streams(orders=120, parcels=1), (160, 50)) as pilot:
        await open_streams(pilot)
        assert [line.split() for line in lines(pilot)] == [["orders", "120", "120"], ["parcels", "1", "1"]]
        await until(pilot, lambda: "message 120" in detail(pilot))
        assert detail(pilot).index("message 120") < detail(pilot).index("message 71")
        assert "message 70" not in detail(pilot)
        await press(pilot, "j")
        await until(pilot, lambda: "message 1" in detail(pilot) and "message 120" not in detail(pilot))


async def test_a_message_is_shown_as_it_is_appended_and_the_list_is_not_asked_for() -> None:
    engine = with_streams(orders=3)
    async with scripted_console(engine, (160, 50)) as pilot:
        await open_streams(pilot)
        await until(pilot, lambda: "message 3" in detail(pilot))
        before = engine.coordination.wire.count("streams")
        engine.coordination.kept_streams["orders"].append(message(engine, 4))
        await until(pilot, lambda: "message 4" in detail(pilot))
        assert lines(pilot)[0].split() == ["orders", "4", "4"]
        assert engine.coordination.wire.count("streams") == before


async def test_of_a_storm_the_last_message_is_shown() -> None:
    engine = with_streams(orders=1)
    async with scripted_console(engine, (160, 50)) as pilot:
        await open_streams(pilot)
        await until(pilot, lambda: "message 1" in detail(pilot))
        for number in range(2, 1_001):
            engine.coordination.kept_streams["orders"].append(message(engine, number))
        await until(pilot, lambda: "message 1000" in detail(pilot))
        assert lines(pilot)[0].split() == ["orders", "1,000", "1,000"]


async def test_nothing_is_followed_for_a_tab_or_a_screen_that_is_not_in_front() -> None:
    engine = with_streams(orders=1)
    stream = engine.coordination.kept_streams["orders"]
    async with scripted_console(engine) as pilot:
        for elsewhere in ("l", "1"):
            await open_streams(pilot)
            await until(pilot, lambda: len(stream.followers) == 1)
            await press(pilot, elsewhere)
            await until(pilot, lambda: not stream.followers)


async def test_another_stream_under_the_cursor_is_followed_instead() -> None:
    engine = with_streams(orders=1, parcels=1)
    streams = engine.coordination.kept_streams
    async with scripted_console(engine) as pilot:
        await open_streams(pilot)
        await until(pilot, lambda: bool(streams["orders"].followers))
        await press(pilot, "j")
        await until(pilot, lambda: bool(streams["parcels"].followers) and not streams["orders"].followers)


async def test_a_stream_that_is_new_is_found_by_itself_and_says_when_it_is_empty() -> None:
    engine = with_streams()
    async with scripted_console(engine, (160, 50)) as pilot:
        await open_streams(pilot)
        assert "syncdeck streams append NAME DATA" in words(pilot)
        engine.coordination.kept_streams["orders"] = ScriptedStream()
        engine.clock.jump(timedelta(seconds=3))
        await until(pilot, lambda: len(lines(pilot)) == 1)
        await until(pilot, lambda: "It holds no message." in detail(pilot))


async def test_what_was_known_stays_when_the_backend_is_gone_and_is_followed_again_when_it_is_back() -> None:
    engine = with_streams(orders=1)
    async with scripted_console(engine, (160, 50)) as pilot:
        await open_streams(pilot)
        await until(pilot, lambda: "message 1" in detail(pilot))
        engine.coordination.lose()
        await until(pilot, lambda: pane(pilot).lost_at is not None)
        assert "message 1" in detail(pilot)
        engine.coordination.mend()
        await until(pilot, lambda: pane(pilot).lost_at is None)
        engine.coordination.kept_streams["orders"].append(message(engine, 2))
        await until(pilot, lambda: "message 2" in detail(pilot))


async def test_a_backend_without_streams_says_so_in_the_tab() -> None:
    engine = ScriptedEngine()
    wire = engine.coordination.wire
    wire.promises = replace(wire.promises, refusals={Feature.STREAM: "It keeps no streams."})
    async with scripted_console(engine, (160, 50)) as pilot:
        await open_streams(pilot)
        assert "It keeps no streams." in words(pilot)
