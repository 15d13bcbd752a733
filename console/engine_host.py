"""The part of the App that holds the engine: opening it after the first frame, asking, ordering, handing out news."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from textual.app import App

from console.bridge import EngineThread, Opening, begin
from console.messages import Answer, EngineOpened, EngineShut, Failure, News, NewsWaiting

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.reconcile.results import RunResult

T = TypeVar("T")

NEWS_SECONDS = 0.1
"""Ten news a second at most: nobody reads faster, and drawing costs."""


class EngineHost(App[None]):
    """An App around an engine. `engine` is None until it is open, and again while settings are reloaded."""

    def __init__(self, opening: Opening, *, ansi_color: bool | None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.engine: Engine | None = None
        self.shut = False
        """The workspace could not be opened, and nobody tries to now."""
        self.orders: set[str] = set()
        self.results: dict[int, RunResult] = {}
        """How runs ordered here ended, target by target, by their number."""
        self._seen: int | None = None
        self._opening = opening
        self._thread = EngineThread(opening, self._tell)

    def open_engine(self) -> None:
        """Start the engine in the background; tells the screens when it is there, or why it is not."""
        self.shut = False
        self._thread.start()
        begin(self, partial(self._await_engine, self._thread), name="open the workspace")

    def open_again(self) -> None:
        """Try once more to open what could not be opened."""
        if self.shut:
            self.open_engine()

    async def reopen(self) -> None:
        """Close the engine and open it on the settings as they are on disk now."""
        self.engine = None
        await self._thread.close()
        self._renew()
        self.open_engine()

    async def ask(self, question: Callable[[Engine], Awaitable[T]]) -> T:
        """Ask the engine from a worker; screens rather use their own `ask`."""
        return await self._thread.ask(question)

    def order(
        self,
        what: str,
        order: Callable[[Engine], Awaitable[T]],
        then: Callable[[T], None] = lambda _: None,
        *,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Have the engine do something that goes on while people look elsewhere.

        `what` says it in words ("apply 3f2a91"); it stands in `orders` meanwhile. Without `failed` a failure is shown
        as a dialog, wherever people are by then.
        """

        async def work() -> None:
            try:
                value = await self.ask(order)
            except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
                complaint = error
                self.post_message(Answer(lambda: failed(complaint)) if failed else Failure(what, complaint))
            else:
                self.post_message(Answer(lambda: then(value)))
            finally:
                self.orders.discard(what)

        self.orders.add(what)
        begin(self, work, name=what, group="orders")

    def busy(self) -> str:
        """Return why the settings cannot be changed now, or nothing: the engine is opened anew on changed settings,
        which would interrupt what was ordered here."""
        if not self.orders:
            return ""
        return f"Under way here: {', '.join(sorted(self.orders))}. Change the settings when it has ended."

    def keep_result(self, result: RunResult) -> None:
        """Remember how a run ended, for its screen, which may be closed by now; then tell who is in front."""
        from engine.notices import Notice

        self.results[result.summary.run] = result
        self.heard(News([Notice(topic="run.ended", subject=str(result.summary.run), detail=result.summary)]))

    def on_answer(self, answer: Answer) -> None:
        answer.deliver()

    def on_news_waiting(self) -> None:
        self.set_timer(NEWS_SECONDS, self._hand_out)

    async def on_unmount(self) -> None:
        await self._thread.close()

    def heard(self, news: News) -> None:
        """Hand news to the screen in front; the others look again when they come back."""
        if self.screen_stack:  # none is left while the console closes
            self.screen.post_message(news)

    def opened(self) -> None:
        """Tell the screens of this mode that the engine can be asked."""
        for screen in self.screen_stack:
            screen.post_message(EngineOpened())

    async def _await_engine(self, thread: EngineThread) -> None:
        try:
            self.engine = await thread.opened()
        except Exception as error:  # noqa: BLE001  whatever failed is shown, never thrown at the app
            self._renew()
            self.shut = True
            for screen in self.screen_stack:
                screen.post_message(EngineShut())
            self.post_message(Failure("open the workspace", error, self.open_again))
        else:
            self.opened()

    def watch_log(self) -> None:
        """See whether the log grew: other consoles and commands on this workspace publish no notices here."""
        if self.engine is not None:
            begin(self, partial(self._see_others, self.engine), name="watch the log", group="log", exclusive=True)

    async def _see_others(self, engine: Engine) -> None:
        from engine.notices import Notice

        _, last = await asyncio.to_thread(engine.event_pages.bounds)
        before, self._seen = self._seen, last
        if before is not None and before != last and engine is self.engine:
            self.heard(News([Notice(topic="plan.elsewhere", subject="")]))

    def _renew(self) -> None:
        self._thread = EngineThread(self._opening, self._tell)

    def _tell(self) -> None:
        self.post_message(NewsWaiting())

    def _hand_out(self) -> None:
        if notices := self._thread.news():
            self.heard(News(notices))
