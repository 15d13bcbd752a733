"""Every key of the console, once. Footers, help, palette and people's own keymaps all read this table (what is about
events of several nodes, conflicts and peers stands in `node_keys.py`, about coordination in `coordination_keys.py`).

One rule that can be taught: only the capitals A D F O S U X C change the world (approve, apply or settle, delete,
finish what failed, override, save, undo, reject, cancel). No lower-case, ctrl or function key ever does; a test
enumerates the table.

Exchanging events with a peer is no such change: it adds to both histories what the other has, removes nothing, and may
be done any number of times. So it has a lower-case key and asks nothing; as it writes to the log, who may only look may
not do it (`adds`). To say that one is at a conflict, or not any more, is of that kind too.

Scopes are named after the screen or widget whose `BINDINGS` they are. Their order is the order of importance: what
does not fit the footer is cut from the end, and `?` lists everything.
"""

from __future__ import annotations

from textual.binding import Binding

from console.coordination_keys import COORDINATION_KEYS
from console.key import Key
from console.node_keys import NODE_KEYS

WORLD_CHANGING = frozenset("ADFOSUXC")


KEYMAP: dict[str, tuple[Key, ...]] = {
    "app": (
        Key("app.overview", "1", "switch('overview')", "", "Overview"),
        Key("app.adapters", "2", "switch('adapters')", "", "Adapters"),
        Key("app.syncs", "3", "switch('syncs')", "", "Syncs"),
        Key("app.plans", "4", "switch('plans')", "", "Plans"),
        Key("app.runs", "5", "switch('runs')", "", "Runs"),
        Key("app.events", "6", "switch('events')", "", "Events"),
        Key("app.conflicts", "7", "switch('conflicts')", "", "Conflicts"),
        Key("app.peers", "8", "switch('peers')", "", "Peers"),
        Key("app.coordination", "9", "switch('coordination')", "", "Coordination"),
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
        Key("dialog.page_down", "pagedown", "page(1)", "", "Further down in what is said"),
        Key("dialog.page_up", "pageup", "page(-1)", "", "Further up"),
    ),
    "decide": (
        Key("decide.deed", "y", "deed", "", "Do it, once all that is asked has been typed"),
        Key("decide.besides", "o", "besides", "", "Do the smaller deed instead"),
    ),
    "failure": (
        Key("failure.retry", "r", "retry", "", "Try again"),
        Key("failure.details", "d", "details", "", "Show or hide details"),
    ),
    "confirm": (Key("confirm.yes", "y", "agree", "", "Yes"),),
    "all_keys": (
        Key("all_keys.down", "down", "cursor(1)", "", "Down"),
        Key("all_keys.up", "up", "cursor(-1)", "", "Up"),
    ),
    "overview": (
        Key("overview.plan", "p", "plan", "plan", "Plan this sync: read both ends, change nothing"),
        Key("overview.run", "r", "last_run", "last run", "Open the last run of this sync"),
        Key("overview.sync", "s", "sync", "sync", "Open the sync's settings"),
        Key("overview.release", "O", "release", "release…", "Let a target out of quarantine: it is tried again", True),
    ),
    "form": (
        Key("form.leave", "escape", "leave_field", "leave field", "Leave the field, then the form"),
        Key("form.enter", "enter,i", "enter_field", "edit", "Go into the field again"),
        Key("form.next", "down", "field(1)", "", "Next field"),
        Key("form.previous", "up", "field(-1)", "", "Previous field"),
    ),
    "on_off": (Key("on_off.turn", "space,enter", "turn", "turn", "Turn the switch"),),
    "picks": (
        Key("picks.pick", "space,enter", "pick", "pick", "Pick this word, or put it back"),
        Key("picks.next", "right,l", "move(1)", "", "Next word"),
        Key("picks.previous", "left,h", "move(-1)", "", "Previous word"),
    ),
    "entry": (Key("entry.save", "S", "save", "save…", "Show what changes in the settings file, then write it", True),),
    "adapters": (
        Key("adapters.test", "t", "test", "test", "Connect, read everything once, show a sample"),
        Key("adapters.add", "a", "add", "add", "Add an adapter"),
        Key("adapters.duplicate", "c", "duplicate", "copy", "Add an adapter that starts as a copy of this one"),
        Key("adapters.delete", "D", "delete", "delete…", "Delete the adapter, if nothing uses it", True),
    ),
    "adapter": (
        Key("adapter.test", "t", "test", "test", "Test these settings, saved or not: connect, read, show a sample"),
        Key("adapter.duplicate", "c", "duplicate", "copy", "Add an adapter that starts as a copy of this one"),
        Key("adapter.delete", "D", "delete", "delete…", "Delete the adapter, if nothing uses it", True),
    ),
    "syncs": (
        Key("syncs.plan", "p", "plan", "plan", "Plan this sync: read both ends, change nothing"),
        Key("syncs.add", "a", "add", "add", "Add a sync"),
        Key("syncs.duplicate", "c", "duplicate", "copy", "Add a sync that starts as a copy of this one"),
        Key("syncs.pause", "S", "pause", "pause/resume…", "Pause the sync, or let it run again; saves the file", True),
        Key("syncs.delete", "D", "delete", "delete…", "Delete the sync; its targets stay as they are", True),
    ),
    "sync": (
        Key("sync.plan", "p", "plan", "plan", "Plan this sync as it is saved: read both ends, change nothing"),
        Key("sync.duplicate", "c", "duplicate", "copy", "Add a sync that starts as a copy of this one"),
        Key("sync.delete", "D", "delete", "delete…", "Delete the sync; its targets stay as they are", True),
    ),
    "records": (
        Key("records.left", "left,h", "shift(-8)", "", "See more of the left"),
        Key("records.right", "right,l", "shift(8)", "", "See more of the right"),
    ),
    "panel": (
        Key("panel.down", "j,down", "scroll(1)", "", "Down"),
        Key("panel.up", "k,up", "scroll(-1)", "", "Up"),
    ),
    "plans": (
        Key("plans.sync", "s", "of_sync", "this sync", "Only plans of this sync, or all again"),
        Key("plans.again", "p", "plan", "plan again", "Make a new plan of this sync: read both ends, change nothing"),
    ),
    "plan": (
        Key("plan.approve", "A", "approve", "approve/apply…", "Approve or apply, after one look at everything", True),
        Key("plan.filter", "slash", "filter", "filter", "Show only items that match"),
        Key("plan.reject", "X", "reject", "reject…", "Reject: this plan will never be applied", True),
        Key("plan.override", "O", "override", "override…", "Lift a guard for this plan, with a reason", True),
        Key("plan.detail", "d", "detail", "why", "Show or hide the detail"),
        Key("plan.compare", "c", "compare", "compare", "Compare with the previous plan of this sync"),
        Key("plan.write", "w", "write", "write", "Write the plan to a file"),
        Key("plan.cycle", "o", "cycle", "", "All changes, only removals, additions, updates, renames"),
        Key("plan.sort", "s", "sort", "", "Order by name, or as it would be carried out"),
        Key("plan.again", "p", "plan", "", "Make a new plan of this sync"),
    ),
    "difference": (
        Key("difference.tick", "space", "tick", "tick", "Take an item or group in or out"),
        Key("difference.tick_all", "asterisk", "tick_all", "", "Take all items that match in, or out"),
        Key("difference.invert", "i", "invert", "", "Exchange in and out for all items that match"),
        Key("difference.unfold_all", "e", "unfold_all", "", "Unfold or fold everything"),
        Key("difference.fold", "left,h", "fold", "", "Fold, or go to the group"),
        Key("difference.unfold", "right,l", "unfold", "", "Unfold"),
    ),
    "runs": (
        Key("runs.undo", "U", "undo", "undo…", "Make the plan that undoes this run", True),
        Key("runs.resume", "F", "resume", "finish…", "Retry what failed, or go on with an interrupted run", True),
        Key("runs.sync", "s", "of_sync", "this sync", "Only runs of this sync, or all again"),
        Key("runs.plan", "p", "plan", "its plan", "Open the plan of this run"),
    ),
    "run": (
        Key("run.states", "f", "states", "states", "All items, or only those in one state"),
        Key("run.retry", "F", "resume", "retry failed…", "Retry what failed, or go on with an interrupted run", True),
        Key("run.cancel", "C", "cancel", "cancel…", "Stop after the calls under way", True),
        Key("run.undo", "U", "undo", "undo…", "Make the plan that undoes this run", True),
        Key("run.plan", "p", "plan", "its plan", "Open the plan of this run"),
        Key("run.events", "v", "events", "events", "Open the event log of this run"),
        Key("run.detail", "d", "detail", "", "Show or hide the detail"),
    ),
    **NODE_KEYS,
    **COORDINATION_KEYS,
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


def all_keys() -> tuple[Key, ...]:
    """Return every key of every scope."""
    return tuple(_BY_ID.values())


def needs_rights(action: str) -> bool:
    """Tell whether an action is one that a read-only console refuses."""
    return action in _CHANGING


_BY_ID = {key.id: key for keys in KEYMAP.values() for key in keys}
_CHANGING = frozenset(key.action for key in _BY_ID.values() if key.changes or key.adds)
