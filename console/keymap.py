"""Every key of the console, once. Footers, help, palette and people's own keymaps all read this table.

One rule that can be taught: only the capitals A D S U C F change the world (approve or apply, delete, save, undo,
cancel, retry failed). No lower-case, ctrl or function key ever does; a test enumerates the table.

Scopes are named after the screen or widget whose `BINDINGS` they are. Their order is the order of importance: what
does not fit the footer is cut from the end, and `?` lists everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

WORLD_CHANGING = frozenset("ADSUCF")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `id` is what people remap, `label` stands in the footer (empty: only in the help), `says` in the help.

    `changes` marks what changes targets, settings or decisions; such keys are refused in a read-only console.
    """

    id: str
    keys: str
    action: str
    label: str
    says: str
    changes: bool = False
    priority: bool = False


KEYMAP: dict[str, tuple[Key, ...]] = {
    "app": (
        Key("app.overview", "1", "switch('overview')", "", "Overview"),
        Key("app.adapters", "2", "switch('adapters')", "", "Adapters"),
        Key("app.syncs", "3", "switch('syncs')", "", "Syncs"),
        Key("app.plans", "4", "switch('plans')", "", "Plans"),
        Key("app.runs", "5", "switch('runs')", "", "Runs"),
        Key("app.events", "6", "switch('events')", "", "Events"),
        Key("app.palette", "ctrl+p,colon", "command_palette", "commands", "Find any command, sync, adapter or run"),
        Key("app.messages", "at", "messages", "", "Messages shown so far"),
        Key("app.copy", "y", "copy", "", "Copy what the cursor is on"),
        Key("app.copy_command", "Y", "copy_command", "", "Copy the command that does the same"),
        Key("app.theme", "f2", "toggle_theme", "", "Light or dark"),
        Key("app.quit", "ctrl+q", "leave", "", "Leave Syncdeck"),
    ),
    "screen": (
        Key("screen.help", "question_mark,f1", "keys", "help", "All keys that work here"),
        Key("screen.back", "escape", "back", "", "Back, one crumb up"),
        Key("screen.refresh", "R", "refresh_now", "", "Look again now"),
    ),
    "list": (
        Key("list.open", "enter", "open", "open", "Open what the cursor is on"),
        Key("list.down", "j,down", "cursor(1)", "", "Down"),
        Key("list.up", "k,up", "cursor(-1)", "", "Up"),
        Key("list.top", "g,home", "cursor_to(0)", "", "First line"),
        Key("list.bottom", "G,end", "cursor_to(-1)", "", "Last line"),
        Key("list.page_down", "ctrl+d,pagedown", "cursor_page(1)", "", "Half a page down"),
        Key("list.page_up", "ctrl+u,pageup", "cursor_page(-1)", "", "Half a page up"),
    ),
    "dialog": (
        Key("dialog.close", "escape", "give_up", "", "Close; nothing is done"),
        Key("dialog.next", "right", "next(1)", "", "Next button"),
        Key("dialog.previous", "left", "next(-1)", "", "Previous button"),
    ),
    "failure": (
        Key("failure.retry", "r", "retry", "", "Try again"),
        Key("failure.details", "d", "details", "", "Show or hide details"),
    ),
    "overview": (
        Key("overview.plan", "p", "plan", "plan", "Plan this sync: read both ends, change nothing"),
        Key("overview.run", "r", "last_run", "last run", "Open the last run of this sync"),
        Key("overview.sync", "s", "sync", "sync", "Open the sync's settings"),
    ),
}


def bindings(scope: str) -> list[Binding]:
    """Return the Textual bindings of a scope, for a class's `BINDINGS`."""
    return [
        Binding(key.keys, key.action, key.label or key.says, show=bool(key.label), priority=key.priority, id=key.id)
        for key in KEYMAP[scope]
    ]


def key_of(binding_id: str | None) -> Key | None:
    """Return the row of the table that a binding came from."""
    return _BY_ID.get(binding_id or "")


def changes_the_world(action: str) -> bool:
    """Tell whether an action is one that a read-only console refuses."""
    return action in _CHANGING


_BY_ID = {key.id: key for keys in KEYMAP.values() for key in keys}
_CHANGING = frozenset(key.action for key in _BY_ID.values() if key.changes)
