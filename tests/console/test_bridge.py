"""The bridge: the engine lives on its own thread, answers come back, nothing is left over."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from console.bridge import EngineThread
from engine.assembly import Engine
from engine.errors import NothingFound, StorageError
from engine.notices import Notice
from tests.doubles.engine import ScriptedEngine


class Watched:
    """An opening that tells which thread it runs on, and whether it was closed again."""

    def __init__(self) -> None:
        self.scripted = ScriptedEngine()
        self.thread: threading.Thread | None = None
        self.closed = threading.Event()
        self.told = 0

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[Engine]:
        self.thread = threading.current_thread()
        async with self.scripted.opening() as engine:
            yield engine
        self.closed.set()

    def tell(self) -> None:
        self.told += 1


@pytest.fixture
async def watched() -> Watched:
    return Watched()


@pytest.fixture
async def bridge(watched: Watched) -> AsyncIterator[EngineThread]:
    bridge = EngineThread(watched.opening, watched.tell)
    bridge.start()
    yield bridge
    await bridge.close()


async def test_the_engine_is_asked_on_its_own_thread_and_the_answer_comes_back(
    bridge: EngineThread, watched: Watched
) -> None:
    async def where(_: Engine) -> threading.Thread:
        return threading.current_thread()

    assert await bridge.ask(where) is watched.thread
    assert watched.thread is not threading.current_thread()


async def test_a_busy_engine_does_not_hold_the_console_up(bridge: EngineThread) -> None:
    go_on = threading.Event()

    async def busy(_: Engine) -> str:
        go_on.wait()
        return "done"

    async with asyncio.TaskGroup() as group:
        answer = group.create_task(bridge.ask(busy))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not answer.done()
        go_on.set()
    assert answer.result() == "done"


async def test_an_error_of_the_engine_is_raised_where_it_was_asked(bridge: EngineThread) -> None:
    with pytest.raises(NothingFound, match="There is no plan abc"):
        await bridge.ask(lambda engine: engine.reconcile.load("abc"))


async def test_an_error_leaves_the_engine_open_for_the_next_question(bridge: EngineThread) -> None:
    with pytest.raises(NothingFound):
        await bridge.ask(lambda engine: engine.reconcile.load("abc"))
    assert await bridge.ask(lambda engine: engine.reconcile.plans()) == []


async def test_a_withdrawn_question_is_cancelled_in_the_engine(bridge: EngineThread) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def endless(_: Engine) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with asyncio.TaskGroup() as group:
        question = group.create_task(bridge.ask(endless))
        await asyncio.to_thread(begun.wait, 5)
        question.cancel()
    assert await asyncio.to_thread(cancelled.wait, 5)


async def test_closing_ends_questions_and_closes_the_engine(watched: Watched) -> None:
    bridge = EngineThread(watched.opening, watched.tell)
    bridge.start()
    begun = threading.Event()

    async def endless(_: Engine) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def asking() -> None:
        with pytest.raises(asyncio.CancelledError):
            await bridge.ask(endless)

    async with asyncio.TaskGroup() as group:
        group.create_task(asking())
        await asyncio.to_thread(begun.wait, 5)
        await bridge.close()
    assert watched.closed.is_set()
    assert watched.thread is not None
    assert not watched.thread.is_alive()


async def test_an_engine_that_cannot_be_opened_says_why_to_everybody_who_asks() -> None:
    begun = threading.Event()

    @asynccontextmanager
    async def broken() -> AsyncIterator[Engine]:
        if not begun.is_set():
            raise StorageError("The state file is newer than this program.")
        yield ScriptedEngine()  # type: ignore[misc]

    bridge = EngineThread(broken, lambda: None)
    bridge.start()
    for _ in range(2):
        with pytest.raises(StorageError, match="newer than this program"):
            await bridge.opened()
    await bridge.close()


async def test_an_engine_that_is_still_opening_does_not_hold_up_leaving() -> None:
    begun = threading.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[Engine]:
        begun.set()
        await asyncio.Event().wait()
        yield None  # type: ignore[misc]

    bridge = EngineThread(slow, lambda: None)
    bridge.start()
    await asyncio.to_thread(begun.wait, 5)
    await asyncio.wait_for(bridge.close(), 5)


async def test_closing_what_was_never_opened_is_no_error(watched: Watched) -> None:
    await EngineThread(watched.opening, watched.tell).close()


async def test_news_are_the_newest_notice_of_each_subject_and_are_announced_once(
    bridge: EngineThread, watched: Watched
) -> None:
    async def publish(engine: Engine) -> None:
        for number in range(1_000):
            engine.notices.publish(Notice(topic="run.progress", subject="7", detail=number))
        engine.notices.publish(Notice(topic="run.ended", subject="7"))
        await asyncio.sleep(0)

    await bridge.ask(publish)
    await bridge.ask(lambda engine: engine.reconcile.plans())
    news = bridge.news()
    assert [(notice.topic, notice.detail) for notice in news] == [("run.progress", 999), ("run.ended", None)]
    assert watched.told == 1
    assert bridge.news() == []
