"""The part of the keys' tab that writes: by compare-and-set, and when somebody was quicker, both values are shown and
nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from console.dialogs.ask_text import AskText
from console.panes.changed import ChangingPane
from console.presentation import key_deeds
from console.presentation.key_deeds import Draft
from console.presentation.key_tree import KeyTree, Leaf, left_of
from engine.coordination.promises import Feature
from engine.errors import KeyChanged

if TYPE_CHECKING:
    from engine.assembly import Engine
    from engine.coordination.standing import Entry

BY_HAND = "by hand"
"""The reason that is noted when none was given: what people write themselves is always noted."""


class KeyEditing(ChangingPane):
    """A tab with a key in hand."""

    writing: ClassVar[frozenset[str]] = frozenset({"edit_key", "add_key"})
    key_tree: KeyTree
    entry: Entry | None = None
    """The key under the cursor with its value, once that was read."""

    @property
    def leaf(self) -> Leaf | None:
        """The key under the cursor."""
        return None

    @property
    def now_elapsed(self) -> float:
        """The clock of elapsed time."""
        return 0.0

    @property
    def drafts(self) -> dict[str, Draft]:
        """What was typed and could not be written, by key; kept until the console is left."""
        return self.deck.kept("key drafts", dict[str, Draft])

    # -- editing ----------------------------------------------------------------------------------------------------

    def action_edit_key(self) -> None:
        leaf, entry = self.leaf, self.entry
        if leaf is None or entry is None or entry.key != leaf.key:
            return
        draft = self.drafts.get(entry.key)
        started = draft or Draft(value=entry.value, expires=left_of(leaf, self.now_elapsed), touched=False)
        self.edit(entry.key, entry, started, "What you wrote before was kept." if draft is not None else "")

    def edit(self, key: str, before: Entry | None, draft: Draft, remark: str = "") -> None:
        """Let a value be typed, beginning with a draft; then show the change and ask."""
        from console.dialogs.edit_key import EditKey

        no_expiry = self.place.promises.refusals.get(Feature.EXPIRY, "") if self.place.promises is not None else ""
        self.deck.push_screen(
            EditKey(key, draft, remark=remark, no_expiry=no_expiry), partial(self._typed, key, before)
        )

    def _typed(self, key: str, before: Entry | None, draft: Draft | None) -> None:
        if draft is None:
            return
        self.drafts[key] = draft
        height = self.deck.size.height
        matter = key_deeds.write_matter(key, before, draft, self.matter_width, height)
        self.decide(matter, lambda reason: self.write(key, before, draft, reason))

    def write(self, key: str, before: Entry | None, draft: Draft, reason: str) -> None:
        """Write the draft if the key is still as it was shown."""
        expected = before.revision if before is not None else 0
        expires = draft.expires
        leaf = self.key_tree.leaves.get(key)
        if not draft.touched and leaf is not None:
            expires = left_of(leaf, self.now_elapsed)

        def written(revision: int) -> None:
            self.drafts.pop(key, None)
            self.key_tree.reveal(key)
            self.deck.say(f"{key} was written, revision {revision}.")

        self.carry_out(
            f"write {key}",
            partial(_put, key, draft.value, expected, expires, reason or BY_HAND),
            written,
            failed=partial(self._not_written, key, draft),
        )

    def _not_written(self, key: str, draft: Draft, error: Exception) -> bool:
        if not isinstance(error, KeyChanged):
            return False
        self.place.ask("read the key again", partial(_get, key), lambda theirs: self._clash(key, theirs, draft))
        return True

    def _clash(self, key: str, theirs: Entry | None, draft: Draft) -> None:
        """Show both values; whatever is chosen, neither is lost."""
        from console.dialogs.key_clash import KeyClash, Way

        def chosen(way: Way | None) -> None:
            if way is Way.MINE:
                self.write(key, theirs, draft, BY_HAND)
            elif way is Way.EDIT:
                self.edit(key, theirs, draft, "It stands on what is there now.")
            else:
                self.deck.say(f"{key} was left as it is. What you wrote is kept: e brings it back.", severity="warning")

        self.deck.push_screen(KeyClash(key, theirs, draft, height=self.deck.size.height), chosen)

    # -- adding, deleting -------------------------------------------------------------------------------------------

    def action_add_key(self) -> None:
        def problem(key: str) -> str:
            return f"There is a key {key} already: e edits it." if key in self.key_tree.leaves else ""

        leaf = self.leaf
        start = leaf.key.rpartition("/")[0] + "/" if leaf is not None and "/" in leaf.key else ""
        question = AskText(
            "Add a key",
            "Parts between / make the tree: config/mail/limit.",
            value=start,
            placeholder="key",
            problem=problem,
        )
        self.deck.push_screen(question, self._named)

    def _named(self, key: str | None) -> None:
        if key:
            self.edit(key, None, self.drafts.get(key, Draft(value=b"", expires=None, touched=True)))

    def action_delete_key(self) -> None:
        entry = self.entry
        if entry is not None and self.leaf is not None and entry.key == self.leaf.key:
            matter = key_deeds.delete_matter(entry, self.matter_width, self.deck.size.height)
            self.decide(matter, partial(self._delete, entry))

    def _delete(self, entry: Entry, reason: str) -> None:
        def deleted(there: bool) -> None:
            self.deck.say(f"{entry.key} was deleted." if there else f"{entry.key} was gone already.")

        def failed(error: Exception) -> bool:
            if isinstance(error, KeyChanged):
                self.deck.say(f"Nothing was deleted. {error}", severity="warning")
            return isinstance(error, KeyChanged)

        self.carry_out(f"delete {entry.key}", partial(_delete, entry, reason or BY_HAND), deleted, failed=failed)


async def _put(key: str, value: bytes, expected: int, expires: timedelta | None, reason: str, engine: Engine) -> int:
    from engine.coordination.standing import Revision

    keys = engine.coordination.keys
    return await keys.put(key, value, expected=Revision(expected), expires=expires, reason=reason)


async def _get(key: str, engine: Engine) -> Entry | None:
    return await engine.coordination.keys.get(key)


async def _delete(entry: Entry, reason: str, engine: Engine) -> bool:
    return await engine.coordination.keys.delete(entry.key, expected=entry.revision, reason=reason)
