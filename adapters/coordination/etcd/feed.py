"""Who follows hears everything: a watch that runs while somebody follows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from adapters.coordination.chores import Chores
from adapters.coordination.etcd.calls import EtcdCalls
from adapters.coordination.etcd.layout import Layout
from adapters.coordination.etcd.watch import Ear, EtcdWatch
from adapters.coordination.etcd.wire import Happening, KeyValue
from adapters.coordination.mailboxes import Mailboxes
from engine.coordination.standing import Change, Entry, Kind, Revision
from engine.errors import CoordinationUnavailable


class EtcdFeed(Ear):
    """One for each store, whoever follows."""

    deletions_alone = False
    bears_gaps = False

    def __init__(self, calls: EtcdCalls, layout: Layout, chores: Chores) -> None:
        self._layout = layout
        self._mailboxes = Mailboxes()
        self._watch = EtcdWatch(calls, layout.all, chores, self)

    async def follow(self) -> AsyncIterator[Change]:
        try:
            with self._mailboxes.opened() as box:
                await self._watch.up()
                yield Change(kind=Kind.SYNCED)
                async for change in box.changes():
                    yield change
        finally:
            if not self._mailboxes:
                self._watch.stop()

    def hear(self, events: Sequence[Happening]) -> None:
        for event in events:
            self._tell(event.kv, deleted=event.type == "DELETE")

    def missed(self) -> None:
        """Never said here."""

    def cut_off(self, fault: CoordinationUnavailable) -> None:
        self._mailboxes.fail(fault)

    def _tell(self, found: KeyValue, *, deleted: bool) -> None:
        layout, key = self._layout, found.key
        if key.startswith(layout.keys):
            name = layout.key_of(key)
            entry = Entry(key=name, value=found.value, revision=Revision(found.mod_revision))
            self._mailboxes.tell(Change(kind=Kind.KEY, name=name, entry=None if deleted else entry))
        elif key.startswith(layout.sessions):
            self._mailboxes.tell(Change(kind=Kind.SESSION, name=layout.session_of(key)))
        elif key.startswith(layout.claims):
            self._mailboxes.tell(Change(kind=Kind.CLAIM, name=layout.name_of(key)))
