"""The one way from the console to the engine.

The engine lives on a thread with an event loop of its own: planning a million records never delays a key. Screens
ask with a coroutine function of the engine; its answer comes back to them as a message on their own loop. A question
ends with the screen that asked it; an order (an apply) belongs to the app and goes on while people look elsewhere.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.worker import WorkType

    from engine.assembly import Engine
    from engine.notices import Notice

T = TypeVar("T")

Opening = Callable[[], "AbstractAsyncContextManager[Engine]"]
"""Opens the workspace as it is on disk now; called again after its settings were saved."""


def begin(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], *, name: str, group: str = "", exclusive: bool = False
) -> None:
    """Let a node do something in the background until it is removed; its errors never end the app."""
    node.run_worker(cast("WorkType[None]", work), name=name, group=group, exclusive=exclusive, exit_on_error=False)


class EngineThread:
    """A running engine on its own thread, from `start` to `close`. `told` is called there when news wait."""

    def __init__(self, opening: Opening, told: Callable[[], None]) -> None:
        self.ready: Future[Engine] = Future()
        self._opening = opening
        self._told = told
        self._loop: asyncio.AbstractEventLoop | None = None
        self._left: asyncio.Event | None = None
        self._life: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._asked: set[asyncio.Task[None]] = set()
        self._news: dict[tuple[str, str], Notice] = {}
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)

    def start(self) -> None:
        """Open the engine in the background; `ready` holds it, or why it could not be opened."""
        self._thread.start()

    async def opened(self) -> Engine:
        """Wait until the engine is open. Raises what kept it from opening."""
        return await asyncio.shield(asyncio.wrap_future(self.ready))

    async def ask(self, question: Callable[[Engine], Awaitable[T]]) -> T:
        """Put a question once the engine is open, and wait for the answer. Cancelling this cancels the question."""
        await self.opened()
        answer: Future[T] = Future()
        loop = self._loop
        if loop is None or loop.is_closed():
            raise asyncio.CancelledError
        loop.call_soon_threadsafe(self._begin, question, answer)
        return await asyncio.wrap_future(answer)

    def news(self) -> list[Notice]:
        """Return the newest notice of each topic and subject since the last call, oldest first."""
        with self._guard:
            notices, self._news = list(self._news.values()), {}
        return notices

    async def close(self) -> None:
        """End every question, close the engine and wait until it is closed."""
        if self._thread.ident is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._leave)
        await asyncio.to_thread(self._thread.join)

    def _leave(self) -> None:
        """End the life of the thread, also while it is still opening the engine."""
        if self.ready.done() and self._left is not None:
            self._left.set()
        elif self._life is not None:
            self._life.cancel()

    def _live(self) -> None:
        try:
            asyncio.run(self._serve())
        except asyncio.CancelledError:
            self.ready.cancel()
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            if not self.ready.done():
                self.ready.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._left, self._life = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()
        async with self._opening() as engine, asyncio.TaskGroup() as self._tasks:
            behind = {self._tasks.create_task(work) for work in (self._watch(engine), engine.log_care.run())}
            self.ready.set_result(engine)
            await self._left.wait()
            for task in behind | self._asked:
                task.cancel()

    async def _watch(self, engine: Engine) -> None:
        with engine.notices.subscribe() as subscription:
            async for notice in subscription:
                with self._guard:
                    first = not self._news
                    self._news.pop((notice.topic, notice.subject), None)
                    self._news[notice.topic, notice.subject] = notice
                if first:
                    self._told()

    def _begin(self, question: Callable[[Engine], Awaitable[T]], answer: Future[T]) -> None:
        if self._tasks is None or self._left is None or self._left.is_set():
            answer.cancel()
            return
        task = self._tasks.create_task(self._answer(question, answer))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        answer.add_done_callback(lambda done: self._withdraw(task) if done.cancelled() else None)

    def _withdraw(self, task: asyncio.Task[None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(task.cancel)

    async def _answer(self, question: Callable[[Engine], Awaitable[T]], answer: Future[T]) -> None:
        """Settle the future whatever happens; nothing escapes into the task group, which would end the engine."""
        try:
            value = await question(self.ready.result())
        except asyncio.CancelledError:
            answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)
        else:
            if answer.set_running_or_notify_cancel():
                answer.set_result(value)
