"""What can be done about a peer, from the list, from its own screen and from a comparison."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from console.file_edits import remove_peer
from console.messages import Open
from console.presentation.peer_words import concluded
from console.screens.frame import SyncdeckScreen

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.events.replicating.standing import PeerStatus, SyncResult

OF_ONE = frozenset({"sync_now", "compare", "test", "edit", "pause_peer", "delete"})


def syncing(peer: str) -> str:
    """Return the name of the order that syncs with a peer."""
    return f"sync {peer}"


class PeerDeeds(SyncdeckScreen):
    """A screen with a peer in hand."""

    @property
    def peer_name(self) -> str:
        """The peer that keys are about; empty for none."""
        return ""

    @property
    def peer_status(self) -> PeerStatus | None:
        """How it stands, once that is known."""
        return None

    def peer_changed(self) -> None:
        """Something about a peer is under way, or ended: show it."""
        self.look()

    # -- keys -------------------------------------------------------------------------------------------------------

    def action_sync_now(self) -> None:
        self.sync(self.peer_name)

    def sync(self, name: str) -> None:
        """Exchange with a peer; goes on while people look elsewhere."""
        self.deck.order(syncing(name), lambda engine: engine.replication.sync(name), self._synced)
        self.peer_changed()

    def _synced(self, result: SyncResult) -> None:
        failed = result.error and result.error_kind not in {"busy", "paused"}
        self.deck.say(concluded(result), "error" if failed else "information" if result.complete else "warning")
        if self.is_attached and self.is_current:
            self.call_later(self.peer_changed)

    def action_stop(self) -> None:
        """Stop what is under way here; both sides keep what went over already."""
        for name in sorted(each for each in self.deck.orders if each.startswith("sync ")):
            for worker in self.deck.workers:
                if worker.name == name and not worker.is_finished:
                    worker.cancel()
                    self.deck.say(f"{name}: stopped. What was exchanged stays; s goes on.")
        self.call_later(self.peer_changed)

    def action_compare(self) -> None:
        self.post_message(Open("comparison", self.peer_name))

    def action_test(self) -> None:
        self.post_message(Open("peer test", self.peer_name))

    def action_edit(self) -> None:
        self.post_message(Open("peer settings", self.peer_name))

    def action_delete(self) -> None:
        status = self.peer_status
        met = status is not None and status.memory.met_at is not None
        remove_peer(self.deck, self.peer_name, met=met)

    def action_pause_peer(self) -> None:
        from console.dialogs.confirm import Confirm

        name, status = self.peer_name, self.peer_status
        if status is None:
            return
        resuming = status.memory.paused
        if resuming:
            question = Confirm(
                f"Go on exchanging with {name}?", "Both sides get what they lack at the next sync.", yes="Go on"
            )
        else:
            lacks = "What each side lacks is kept and exchanged when it goes on. "
            question = Confirm(
                f"Stop exchanging with {name}?",
                f"{lacks}Every process on this workspace stops, until somebody lets it go on.",
                yes="Pause",
            )
        self.deck.push_screen(question, partial(self._pause, name, resuming))

    def _pause(self, name: str, resuming: bool, agreed: bool | None) -> None:
        if not agreed:
            return

        async def change(engine: Engine) -> None:
            await (engine.replication.resume(name) if resuming else engine.replication.pause(name))

        def then(_: None) -> None:
            self.deck.say(f"{name}: {'goes on' if resuming else 'paused'}.")
            self.peer_changed()

        self.ask(f"{'resume' if resuming else 'pause'} {name}", change, then)

    # -- why not ----------------------------------------------------------------------------------------------------

    def why_not(self, action: str) -> str:
        name, status = self.peer_name, self.peer_status
        if action in OF_ONE and not name:
            return "There is no peer here yet: a adds one."
        if action == "delete":
            return self.deck.busy()
        if action == "stop" and not any(each.startswith("sync ") for each in self.deck.orders):
            return "No sync is under way in this console."
        paused = self._paused_in_file(name)
        if action == "pause_peer" and paused:
            return f"{name} is paused in the settings file: e opens its settings, switch paused off there."
        if action == "pause_peer" and status is None:
            return "Its state is being read."
        if action == "sync_now" and syncing(name) in self.deck.orders:
            return f"A sync with {name} is under way: c stops it."
        if action == "sync_now" and (paused or (status is not None and status.memory.paused)):
            return f"{name} is paused: {'e opens its settings' if paused else 'S lets it go on'} first."
        return ""

    def _paused_in_file(self, name: str) -> bool:
        engine = self.deck.engine
        return engine is not None and name in engine.workspace.peers and engine.workspace.peers[name].paused

    def copied(self) -> str:
        return self.peer_name

    def command(self) -> str:
        return f"syncdeck peers sync {self.peer_name}" if self.peer_name else "syncdeck peers"
