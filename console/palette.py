"""Every command by name: screens, keys of the screen in front, syncs, adapters, peers, plans, runs, conflicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from console import screens
from console.keymap import key_of
from console.messages import Open
from console.presentation.coordination import TABS
from console.presentation.keys import key_name
from console.screens.frame import SyncdeckScreen

if TYPE_CHECKING:
    from console.app import SyncdeckApp
    from engine.assembly import Engine

RECENT = 20


@dataclass(frozen=True, slots=True)
class Command:
    """One line of the palette. `refusal` says why it is impossible now; choosing it then only says so again."""

    name: str
    run: Callable[[], object]
    about: str = ""
    refusal: str = ""


@dataclass(slots=True)
class Known:
    """Names fetched from the engine when the palette opens."""

    plans: list[tuple[str, str]] = field(default_factory=list)
    runs: list[tuple[str, str]] = field(default_factory=list)
    conflicts: list[tuple[str, str]] = field(default_factory=list)


class SyncdeckCommands(Provider):
    """Textual's palette asks this provider; matching is fuzzy."""

    async def startup(self) -> None:
        self.known = Known()
        if self._deck.engine is not None:
            self.known = await self._deck.ask(_recent)

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(command.name, self._chosen(command), help=command.refusal or command.about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(command.name)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(command.name),
                    self._chosen(command),
                    help=command.refusal or command.about,
                )

    @property
    def _deck(self) -> SyncdeckApp:
        return cast("SyncdeckApp", self.app)

    def _chosen(self, command: Command) -> Callable[[], object]:
        if command.refusal:
            return lambda: self._deck.say(command.refusal, severity="warning")
        return command.run

    def _commands(self) -> Iterator[Command]:
        yield from self._modes()
        yield from self._keys()
        yield from self._things()
        yield Command("Light or dark theme", self._deck.action_toggle_theme, "f2")
        yield Command("Messages shown so far", self._deck.action_messages, "@")
        yield Command("Leave Syncdeck", self._deck.action_leave, "ctrl+q")

    def _modes(self) -> Iterator[Command]:
        for number, (name, mode) in enumerate(screens.MODES.items(), start=1):
            yield Command(mode.title, partial(self._deck.action_switch, name), str(number))
        for tab, shown in TABS.items():
            yield Command(f"{shown.title} (coordination)", partial(self._tab, tab), f"{len(screens.MODES)} {shown.key}")

    def _tab(self, name: str) -> None:
        """Go to a tab of the coordination screen, which is made when it is first shown."""
        self._deck.action_switch("coordination")
        self._deck.call_after_refresh(self._deck.run_action, f"screen.tab('{name}')")

    def _keys(self) -> Iterator[Command]:
        offered: set[str] = set()
        for active in self.screen.active_bindings.values():
            key = key_of(active.binding.id)
            if key is None or key.id in offered or key.id.startswith(("app.", "list.", "records.", "dialog.")):
                continue
            offered.add(key.id)
            refusal = self.screen.refusal(key.action) if isinstance(self.screen, SyncdeckScreen) else ""
            yield Command(
                key.says,
                partial(self._deck.run_action, key.action, active.node),
                key_name(active.binding.key),
                refusal,
            )

    def _things(self) -> Iterator[Command]:
        engine = self._deck.engine
        if engine is None:
            return
        for sync in engine.workspace.syncs:
            yield Command(
                f"plan {sync}", partial(self._deck.plan_sync, sync), "Read both ends and show what would change"
            )
            yield Command(f"sync {sync}", self._open("sync", sync), "Its settings")
        for adapter in engine.workspace.adapters:
            yield Command(f"test {adapter}", self._open("adapter test", adapter), "Connect, read, show a sample")
            yield Command(f"adapter {adapter}", self._open("adapter", adapter), "Its settings and who uses it")
        for peer in engine.workspace.peers:
            yield Command(f"peer {peer}", self._open("peer", peer), "How it stands, and what lacks on either side")
            yield Command(f"prove {peer} equal", self._open("comparison", peer), "Compare histories and states")
            yield Command(f"test {peer}", self._open("peer test", peer), "Test the way to it; nothing is exchanged")
        for digest, about in self.known.plans:
            yield Command(f"plan {digest[:7]}", self._open("plan", digest), about)
        for run, about in self.known.runs:
            yield Command(f"run {run}", self._open("run", run), about)
        for aggregate, name in self.known.conflicts:
            yield Command(
                f"conflict {aggregate}", self._open("conflict", name), "Its sides, and the result to be built"
            )

    def _open(self, kind: str, name: str) -> Callable[[], object]:
        return lambda: self._deck.post_message(Open(kind, name))


async def _recent(engine: Engine) -> Known:
    plans = await engine.reconcile.plans(limit=RECENT)
    runs = await engine.reconcile.runs(limit=RECENT)
    conflicts = await engine.conflicts.queue(limit=RECENT)
    return Known(
        [(plan.digest, f"{plan.sync}, {plan.state}") for plan in plans],
        [(str(run.run), f"{run.sync}, {run.state}") for run in runs],
        [(conflict.aggregate_id, conflict.id) for conflict in conflicts],
    )
